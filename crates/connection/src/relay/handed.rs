//! A stream that is handed over: the process that `sshd` started gives the long-lived one the socket that is its standard
//! input and output, and from then on only stays, since `sshd` ends a connection with the process that it started.
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

/// What is sent with the descriptor. A link's first byte is the highest of a length that never needs it, so zero.
const HANDED: u8 = b'H';

/// Whether a stream that begins with `byte` is handed over.
pub(super) fn is_handed(byte: u8) -> bool {
    byte == HANDED
}

/// What `input` and `output` both are, if that is one connected socket and so can be handed over whole: `sshd`'s socket
/// pair on Linux. Elsewhere they may be pipes, or anything in a test.
pub(super) fn one_stream<'a>(input: &'a impl AsFd, output: &impl AsFd) -> Option<BorrowedFd<'a>> {
    let (entering, leaving) = (fstat(input).ok()?, fstat(output).ok()?);
    let is_one = (entering.st_dev, entering.st_ino) == (leaving.st_dev, leaving.st_ino);
    let is_socket = FileType::from_raw_mode(entering.st_mode) == FileType::Socket;
    (is_one && is_socket && is_local_stream(input)).then(|| input.as_fd())
}

/// Hands `stream` to the process at the other end of `socket`.
pub(super) fn give(socket: &UnixStream, stream: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [stream];
    // There is room for one.
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let words = [io::IoSlice::new(&[HANDED])];
    rustix::io::retry_on_intr(|| sendmsg(socket, &words, &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Takes what [`give`] sent. An error if that is not one local stream socket: whoever connects is this user's process, but not
/// necessarily one of ours.
pub(super) fn take(socket: &impl AsFd) -> io::Result<UnixStream> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut words = [io::IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut words, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let given = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match given {
        Some(stream) if is_local_stream(&stream) => as_stream(stream),
        _ => Err(Errno::NOTSOCK.into()),
    }
}

fn as_stream(stream: OwnedFd) -> io::Result<UnixStream> {
    let stream = UnixStream::from(stream);
    // Nobody else reads or writes it from here on: who gave it only waits for its end.
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn is_local_stream(socket: &impl AsFd) -> bool {
    sockopt::socket_domain(socket) == Ok(AddressFamily::UNIX)
        && sockopt::socket_type(socket) == Ok(SocketType::STREAM)
}
