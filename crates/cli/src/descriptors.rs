//! Descriptors that whoever started this program has left open, kept from what it starts.
//!
//! Hence the `unsafe`: a descriptor that is known by its number alone cannot be named otherwise.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SocketType, getsockname, sockopt};

/// The last of the standard streams.
const STANDARD_ERROR: RawFd = 2;

/// Closes on execution every descriptor but the standard streams that `which` picks by number.
/// Where the system does not list them, all stay as they are.
pub(crate) fn close_on_exec(which: impl Fn(RawFd) -> bool) {
    let listed = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    for entry in listed {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<RawFd>().ok());
        if let Some(number) = number.filter(|&number| number > STANDARD_ERROR && which(number)) {
            mark(number);
        }
    }
}

#[expect(
    unsafe_code,
    reason = "there is no owner in this program to borrow it from"
)]
fn mark(number: RawFd) {
    // SAFETY: the number was listed as open a moment ago and is not -1. Nothing is read, written or
    // closed through it; should it be another file's by now, that one is of this program, which
    // opens all of its files to be closed on execution.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    // Refused only for one that has been closed meanwhile.
    fcntl_setfd(descriptor, FdFlags::CLOEXEC).unwrap_or_default();
}

/// The first of the descriptors that a supervisor hands over (`sd_listen_fds(3)`).
const FIRST_HANDED_OVER: RawFd = 3;

/// Takes over `count` listening TCP sockets that this process was started with, and says where they
/// listen. To be called once, by whoever was told that they are meant for this process.
///
/// # Errors
/// If one of them is not open, or no listening TCP socket; what it is instead is left alone.
pub(crate) fn take_listeners(count: u32) -> io::Result<Vec<(TcpListener, SocketAddr)>> {
    let count = RawFd::try_from(count).unwrap_or(RawFd::MAX);
    (FIRST_HANDED_OVER..FIRST_HANDED_OVER.saturating_add(count))
        .map(take_listener)
        .collect()
}

#[expect(
    unsafe_code,
    reason = "there is no owner in this program to take it from"
)]
fn take_listener(number: RawFd) -> io::Result<(TcpListener, SocketAddr)> {
    // SAFETY: it is not -1, and looked at before anything is done with it. Should it be closed, the
    // system says so.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let is_listener = sockopt::socket_acceptconn(borrowed)?
        && sockopt::socket_type(borrowed)? == SocketType::STREAM;
    let Some(address) = is_listener
        .then(|| getsockname(borrowed))
        .transpose()?
        .and_then(|address| SocketAddr::try_from(address).ok())
    else {
        return Err(io::Error::other(format!(
            "descriptor {number} is no listening TCP socket"
        )));
    };
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    // SAFETY: the supervisor opened it for this process, and no code of this program opens
    // listening sockets before it asks for those that are handed over: nobody else owns it.
    Ok((
        TcpListener::from(unsafe { OwnedFd::from_raw_fd(number) }),
        address,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn only_those_that_are_picked_are_closed_on_execution() {
        let [picked, left] = [(); 2].map(|()| fs::File::open("/dev/null").unwrap());
        for file in [&picked, &left] {
            fcntl_setfd(file, FdFlags::empty()).unwrap();
        }
        close_on_exec(|number| number == picked.as_raw_fd());
        let flags = |file| rustix::io::fcntl_getfd(file).unwrap();
        assert_eq!(
            (flags(&picked), flags(&left)),
            (FdFlags::CLOEXEC, FdFlags::empty())
        );
    }

    #[test]
    fn only_a_listening_socket_is_taken_over() {
        let file = fs::File::open("/dev/null").unwrap();
        assert!(take_listener(file.as_raw_fd()).is_err());
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(take_listener(datagrams.as_raw_fd()).is_err());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let number = std::os::fd::IntoRawFd::into_raw_fd(listener);
        assert_eq!(take_listener(number).unwrap().1, address);
    }
}
