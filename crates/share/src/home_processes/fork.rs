//! The one place where this crate calls the system without a safe function for it.

#![allow(unsafe_code, reason = "fork: see `fork_worker`")]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::Pid;

/// Forks; the new process does `work` and ends. Gives the new process to the old one.
///
/// # Errors
/// If there is no process to be had, or this one has several threads.
pub(super) fn fork_worker(work: impl FnOnce()) -> io::Result<Pid> {
    if !is_single_threaded()? {
        return Err(io::Error::other(
            "a process with several threads cannot be forked",
        ));
    }
    // SAFETY: this process has one thread (seen just above, and `work` of the old process starts
    // none), so no lock is held by a thread that the new process does not have.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let ended = catch_unwind(AssertUnwindSafe(work));
            std::process::exit(i32::from(ended.is_err()));
        }
        pid => Ok(Pid::from_raw(pid).expect("a process number is above 0")),
    }
}

fn is_single_threaded() -> io::Result<bool> {
    Ok(std::fs::read_dir("/proc/self/task")?.count() == 1)
}
