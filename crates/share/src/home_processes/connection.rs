//! Messages over a socket that neither side ever waits on: a length of four bytes, little-endian,
//! and JSON.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{RecvFlags, recv};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize as _;

/// Largest message, in bytes: a credential document and the shared part of a `.claude.json`.
const LIMIT: usize = 8 * 1024 * 1024;

/// One worker, as seen by who asked for it; or the other way round.
pub struct HomeConnection {
    stream: UnixStream,
    outbox: Vec<u8>,
    inbox: Vec<u8>,
}

impl HomeConnection {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            outbox: Vec::new(),
            inbox: Vec::new(),
        })
    }

    /// The same for a worker, which has nothing else to do than to wait.
    pub(crate) fn waiting(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self {
            stream,
            outbox: Vec::new(),
            inbox: Vec::new(),
        })
    }

    /// Puts a message behind those that wait to be sent.
    pub fn queue(&mut self, message: &impl Serialize) {
        let bytes = serde_json::to_vec(message).expect("messages have string keys");
        let length = u32::try_from(bytes.len()).expect("a message of less than 4 GiB");
        self.outbox.extend(length.to_le_bytes());
        self.outbox.extend(bytes);
    }

    /// Sends what can be sent.
    ///
    /// # Errors
    /// If the other side has gone.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.outbox[..count].zeroize();
                    self.outbox.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // It may have answered and left before it had read everything.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    self.outbox.zeroize();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether whoever asked has gone, and nobody waits for an answer.
    #[must_use]
    pub(crate) fn is_abandoned(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let mut byte = [0; 1];
        matches!(recv(&self.stream, &mut byte[..], flags), Ok((_, 0)))
    }

    /// Whether something waits to be sent.
    #[must_use]
    pub fn has_more_to_send(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The next message, if it has come whole.
    ///
    /// # Errors
    /// If the other side has gone, or sent what is no such message.
    pub fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(message) = self.taken()? {
                let parsed = serde_json::from_slice(&message);
                return parsed.map(Some).map_err(|_| ErrorKind::InvalidData.into());
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.inbox.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            chunk.zeroize();
        }
    }

    fn taken(&mut self) -> io::Result<Option<zeroize::Zeroizing<Vec<u8>>>> {
        let Some(length) = self.inbox.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > LIMIT {
            return Err(ErrorKind::InvalidData.into());
        }
        let Some(message) = self.inbox.get(4..4 + length) else {
            return Ok(None);
        };
        let message = zeroize::Zeroizing::new(message.to_vec());
        self.inbox[..4 + length].zeroize();
        self.inbox.drain(..4 + length);
        Ok(Some(message))
    }
}

impl AsFd for HomeConnection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Drop for HomeConnection {
    fn drop(&mut self) {
        self.outbox.zeroize();
        self.inbox.zeroize();
    }
}
