//! A stream that is handed over: the process that `sshd` started gives the long-lived one its standard input and output,
//! and from then on only stays, since `sshd` ends a connection with the process that it started.
//!
//! It copies nothing: a key typed and a stream's bytes wait for one process less.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketType, recvmsg, sendmsg, sockopt,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, join};
use tokio::net::unix::pipe;

use crate::pipes;

/// What is sent with the descriptors. A link's first byte is the highest of a length that never needs it, so zero.
const HANDED: u8 = b'H';
/// How much is read before the stream takes the place of the one before, in bytes.
const FIRST: usize = 4 << 10;

/// Whether a stream that begins with `byte` is handed over.
pub(super) fn is_handed(byte: u8) -> bool {
    byte == HANDED
}

/// Whether these can be handed over: `sshd` gives its programs pipes or one socket, as it was built. Elsewhere they may be
/// anything.
pub(super) fn can_be(input: &impl AsFd, output: &impl AsFd) -> bool {
    Kind::of(input).is_some() && Kind::of(output).is_some()
}

/// Hands `input` and `output` to the process at the other end of `socket`.
pub(super) fn give(
    socket: &UnixStream,
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [input, output];
    // There is room for two.
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let words = [io::IoSlice::new(&[HANDED])];
    rustix::io::retry_on_intr(|| sendmsg(socket, &words, &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Both directions of what was handed over.
pub(super) struct Handed {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Handed {
    /// Takes what [`give`] sent. An error if that is not two pipes or local stream sockets: whoever connects is this user's
    /// process, but not necessarily one of ours. Inside of a tokio runtime.
    pub(super) fn take(socket: &impl AsFd) -> io::Result<Self> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut words = [io::IoSliceMut::new(&mut byte)];
        recvmsg(socket, &mut words, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let mut given = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let mut descriptors = given.next().into_iter().flatten();
        let (Some(input), Some(output)) = (descriptors.next(), descriptors.next()) else {
            return Err(Errno::BADMSG.into());
        };
        Ok(Self {
            reader: reader(input)?,
            writer: writer(output)?,
        })
    }

    /// The stream, once something has come over it; `None` if nothing will.
    pub(super) async fn spoken_to(mut self) -> Option<impl AsyncRead + AsyncWrite> {
        let mut first = Vec::with_capacity(FIRST);
        let read = self.reader.read_buf(&mut first).await;
        read.ok().filter(|length| *length > 0)?;
        let reader = io::Cursor::new(first).chain(self.reader);
        Some(join(reader, self.writer))
    }
}

fn reader(descriptor: OwnedFd) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
    Ok(match Kind::of(&descriptor) {
        Some(Kind::Pipe) => {
            pipes::widen(&descriptor);
            Box::new(pipe::Receiver::from_owned_fd(descriptor)?)
        }
        Some(Kind::Socket) => Box::new(stream(descriptor)?),
        None => return Err(Errno::NOTSOCK.into()),
    })
}

fn writer(descriptor: OwnedFd) -> io::Result<Box<dyn AsyncWrite + Send + Unpin>> {
    Ok(match Kind::of(&descriptor) {
        Some(Kind::Pipe) => Box::new(pipe::Sender::from_owned_fd(descriptor)?),
        Some(Kind::Socket) => Box::new(stream(descriptor)?),
        None => return Err(Errno::NOTSOCK.into()),
    })
}

/// Does not wait any more, as little as the pipes: nobody else reads or writes these from here on, who gave them only waits
/// for their end.
fn stream(descriptor: OwnedFd) -> io::Result<tokio::net::UnixStream> {
    let stream = UnixStream::from(descriptor);
    stream.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(stream)
}

/// What can be handed over.
enum Kind {
    Pipe,
    /// A local stream socket.
    Socket,
}

impl Kind {
    fn of(descriptor: &impl AsFd) -> Option<Self> {
        match FileType::from_raw_mode(fstat(descriptor).ok()?.st_mode) {
            FileType::Fifo => Some(Self::Pipe),
            FileType::Socket if is_local_stream(descriptor) => Some(Self::Socket),
            _ => None,
        }
    }
}

fn is_local_stream(socket: &impl AsFd) -> bool {
    sockopt::socket_domain(socket) == Ok(AddressFamily::UNIX)
        && sockopt::socket_type(socket) == Ok(SocketType::STREAM)
}
