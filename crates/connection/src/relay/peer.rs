//! Whose process is at the other end of a unix socket.
#![allow(unsafe_code, reason = "see `user`")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// The user of the process at the other end, when that connected or began to listen (`SO_PEERCRED`, unix(7)).
///
/// Not by `rustix`: its answer has a process number that cannot be 0, and of a process in a PID namespace outside of this
/// one's it is.
pub(super) fn user(stream: impl AsFd) -> io::Result<u32> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as it is borrowed; `peer` is a valid place for `length` bytes, of which the
    // kernel writes at most so many, and every content is one of the type's.
    let result = unsafe {
        libc::getsockopt(
            stream.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok(peer.uid),
        _ => Err(io::Error::last_os_error()),
    }
}
