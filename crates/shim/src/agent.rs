//! The session's agent, as a shim reaches it.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use bytes::BytesMut;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::geteuid;

use crate::called::Called;
use crate::ending::Ending;
use crate::protocol::{self, FromShim, ProtocolError, ToShim, Typed, VERSION};
use crate::streams::Streams;

/// How much is read at once, in bytes.
const PIECE: usize = 128 << 10;

/// What the agent says to a command.
pub(crate) enum Answer {
    /// It is for the server's own program.
    Here,
    /// It runs.
    Started {
        connection: Connection,
        /// The agent reads its standard input itself.
        reads_input: bool,
    },
    /// It does not run.
    Ending(Ending),
}

/// The agent, if one listens that is this user's.
pub(crate) fn connect(called: &Called) -> Option<UnixStream> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let above = openat(CWD, called.directory.join(".."), flags, Mode::empty()).ok()?;
    // Not by its path, which may be longer than a socket's may be.
    let socket = PathBuf::from(format!("/proc/self/fd/{}/socket", above.as_raw_fd()));
    let stream = UnixStream::connect(socket).ok()?;
    let peer = getsockopt(&stream, PeerCredentials).ok()?;
    (peer.uid() == geteuid().as_raw()).then_some(stream)
}

/// Says what was typed, and waits for what becomes of it.
///
/// # Errors
/// If the agent hangs up, or says what has no place there.
pub(crate) fn ask(stream: UnixStream, typed: Typed, streams: &Streams) -> io::Result<Answer> {
    let start = FromShim::Start(Box::new(typed));
    let Ok(start) = protocol::encode(&start) else {
        return Ok(Answer::Ending(Ending::TooLong));
    };
    let version = protocol::encode(&FromShim::Version(VERSION)).map_err(not_understood)?;
    // If it has hung up, it may have said why before.
    send(&stream, &[version, start].concat(), &streams.sent()).ok();
    let mut connection = Connection::new(stream);
    match connection.next()? {
        Some(ToShim::Version(VERSION)) => {}
        Some(ToShim::Version(_)) => return Ok(Answer::Ending(Ending::OtherVersion)),
        _ => return Ok(Answer::Ending(Ending::HungUp)),
    }
    Ok(match connection.next()? {
        Some(ToShim::Here) => Answer::Here,
        Some(ToShim::Started { reads_input }) => Answer::Started {
            connection,
            reads_input,
        },
        Some(ToShim::Refused { message, hint }) => {
            Answer::Ending(Ending::Refused { message, hint })
        }
        Some(ToShim::Lost(message)) => Answer::Ending(Ending::Lost(message)),
        _ => Answer::Ending(Ending::HungUp),
    })
}

/// Sends all of `bytes`, and with the first of them `descriptors`, which are three at most.
fn send(mut stream: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        // There is room for three.
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let words = [IoSlice::new(bytes)];
    let sent = retry_on_intr(|| sendmsg(stream, &words, &mut ancillary, SendFlags::NOSIGNAL))?;
    stream.write_all(&bytes[sent..])
}

/// The agent's end of a connection, to be listened to.
pub(crate) struct Connection {
    stream: UnixStream,
    come: BytesMut,
    piece: Vec<u8>,
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            come: BytesMut::new(),
            piece: vec![0; PIECE],
        }
    }

    /// What is said next; `None` if the agent has hung up.
    ///
    /// # Errors
    /// If the connection fails, or what comes cannot be understood.
    pub(crate) fn next(&mut self) -> io::Result<Option<ToShim>> {
        loop {
            if let Some(message) = protocol::decode(&mut self.come).map_err(not_understood)? {
                return Ok(Some(message));
            }
            match self.stream.read(&mut self.piece) {
                Ok(0) => return Ok(None),
                Ok(count) => self.come.extend_from_slice(&self.piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The same connection, to speak.
    ///
    /// # Errors
    /// If there are too many open files.
    pub(crate) fn writer(&self) -> io::Result<UnixStream> {
        self.stream.try_clone()
    }
}

fn not_understood(error: ProtocolError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
