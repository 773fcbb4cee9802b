//! What has to be done in the child between fork and exec, where the standard library leaves it to the caller.
//!
//! The one module here with `unsafe`. All of it runs either on this process's own descriptor numbers, read
//! only, or in the child, which has a single thread and calls nothing but the kernel.

#![allow(
    unsafe_code,
    reason = "`pre_exec`, and descriptors that only have a number"
)]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::fstat;
use rustix::process::{ioctl_tiocsctty, setsid};

/// The number under which the program finds the descriptor that it is given.
const GIVEN: RawFd = 3;
/// One past the last signal of Linux.
const SIGNALS_END: libc::c_int = 65;

/// Has `command` start as the leader of a new session whose terminal is its standard input, with no signal
/// ignored or blocked, and with `descriptor` as its only other descriptor.
pub(crate) fn prepare(command: &mut Command, descriptor: Option<OwnedFd>) -> io::Result<()> {
    let third = match &descriptor {
        Some(_) => Some(Third::reserved()?),
        None => None,
    };
    let in_child = move || {
        reset_signals()?;
        setsid()?;
        ioctl_tiocsctty(rustix::stdio::stdin())?;
        let first_closed = match (&descriptor, &third) {
            (Some(descriptor), Some(third)) => {
                third.unchanged()?;
                place(descriptor)?;
                GIVEN + 1
            }
            _ => GIVEN,
        };
        close_on_exec(first_closed);
        Ok(())
    };
    // SAFETY: the closure allocates nothing and takes no lock: each of its calls is a system call, its errors are
    // numbers, and what it captured is only read.
    unsafe { command.pre_exec(in_child) };
    Ok(())
}

/// Descriptor 3 as it was in this process before the fork: occupied, so that the pipe over which the standard
/// library hears of a failed exec cannot have this number and be overwritten.
struct Third {
    identity: (u64, u64),
    /// Holds the number if nobody else did. Close-on-exec.
    _placeholder: Option<OwnedFd>,
}

impl Third {
    fn reserved() -> io::Result<Self> {
        let mut placeholder = None;
        loop {
            if let Some(identity) = identity_of_given() {
                return Ok(Self {
                    identity,
                    _placeholder: placeholder,
                });
            }
            placeholder = Some(rustix::io::fcntl_dupfd_cloexec(
                File::open("/dev/null")?,
                GIVEN,
            )?);
        }
    }

    /// Refuses if another thread has closed its descriptor 3 since, so that the number may be the pipe's now.
    fn unchanged(&self) -> io::Result<()> {
        if identity_of_given() == Some(self.identity) {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EAGAIN))
        }
    }
}

fn identity_of_given() -> Option<(u64, u64)> {
    // SAFETY: the number is used for one `fstat`, whose answer is only compared; it may be anybody's or nobody's.
    let given = unsafe { BorrowedFd::borrow_raw(GIVEN) };
    let metadata = fstat(given).ok()?;
    Some((metadata.st_dev, metadata.st_ino))
}

/// In the child: gives `descriptor` its number, to be kept over exec.
fn place(descriptor: &OwnedFd) -> io::Result<()> {
    let number = descriptor.as_raw_fd();
    // SAFETY: both are calls on plain numbers, in a process of one thread in which nothing owns number 3.
    let result = unsafe {
        if number == GIVEN {
            libc::fcntl(GIVEN, libc::F_SETFD, 0)
        } else {
            libc::dup2(number, GIVEN)
        }
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// In the child: what this process ignores (the Rust runtime: SIGPIPE) or blocks would be inherited over exec.
fn reset_signals() -> io::Result<()> {
    for signal in 1..SIGNALS_END {
        // SAFETY: sets a disposition to the default; the numbers that have none (KILL, STOP, libc's own) are refused.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set that `sigprocmask` then reads; the old mask is not asked for.
    let result = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut())
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// In the child: a descriptor that some library opened without close-on-exec stays behind. What this program
/// opens itself is close-on-exec already, so that a kernel before 5.11, which refuses this, loses little.
fn close_on_exec(first: RawFd) {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2;
    // SAFETY: sets a flag on the descriptors of this process of one thread; closes none.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
}
