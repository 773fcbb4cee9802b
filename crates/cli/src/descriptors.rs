//! Descriptors that whoever started this program has left open, kept from what it starts.
//!
//! The one place in this crate with `unsafe`: a descriptor that is known by its number alone cannot
//! be named otherwise.

use std::fs;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};

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
}
