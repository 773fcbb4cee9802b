//! Messages on a socket, some with descriptors: the length in four bytes, the highest first, and as many bytes of `postcard`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How many descriptors a message has at most.
pub(crate) const MOST_DESCRIPTORS: usize = 5;
/// The longest message, in bytes: more than the system takes as the words and environment of a program.
const LARGEST: usize = 8 << 20;
const HEAD: usize = 4;
/// How much is read at once.
const PIECE: usize = 64 << 10;

/// `message` as it is on the socket.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let bytes = postcard::to_extend(message, vec![0; HEAD]).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - HEAD).ok();
    let length = length.filter(|length| (*length as usize) <= LARGEST);
    let length = length.ok_or(Errno::TOOBIG)?;
    let mut bytes = bytes;
    bytes[..HEAD].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// Takes the next message from the beginning of what has `come`, if it is whole.
pub(crate) fn decode<Message: DeserializeOwned>(come: &mut Vec<u8>) -> io::Result<Option<Message>> {
    let Some((head, rest)) = come.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*head) as usize;
    if length > LARGEST {
        return Err(Errno::BADMSG.into());
    }
    let Some(bytes) = rest.get(..length) else {
        return Ok(None);
    };
    let message = postcard::from_bytes(bytes).map_err(|_| Errno::BADMSG)?;
    come.drain(..HEAD + length);
    Ok(Some(message))
}

/// Sends as much of `bytes` as the socket takes, with `descriptors`; how much.
pub(crate) fn send_some(
    socket: impl AsFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::TOOBIG.into());
    }
    loop {
        match sendmsg(
            &socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        ) {
            Err(Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}

/// Receives messages. Blocks.
pub(crate) struct Receiver {
    socket: OwnedFd,
    come: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Receiver {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            come: Vec::new(),
            descriptors: Vec::new(),
        }
    }

    /// The next message; `None` if none follows.
    pub(crate) fn next<Message: DeserializeOwned>(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = decode(&mut self.come)? {
                return Ok(Some(message));
            }
            if self.receive()? == 0 {
                return Ok(None);
            }
        }
    }

    /// The descriptors that have come.
    pub(crate) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut piece = vec![0; PIECE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let into = &mut [IoSliceMut::new(&mut piece)];
            match recvmsg(&self.socket, into, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                // Hung up without having read everything.
                Err(Errno::CONNRESET) => return Ok(0),
                received => break received?,
            }
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.come.extend_from_slice(&piece[..received.bytes]);
        Ok(received.bytes)
    }
}
