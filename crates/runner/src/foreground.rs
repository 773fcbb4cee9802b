//! The command is in the foreground of its terminal from its first instruction on.
//!
//! One that was put there later may have used the terminal before, which stops it. To continue it then would take a
//! `Ctrl-Z` from it that was typed meanwhile: the kernel discards stops that are waiting.

#![allow(unsafe_code, reason = "`pre_exec`, and the mask of signals")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::ptr;

use rustix::process::getpid;
use rustix::termios::tcsetpgrp;

/// Makes what will be the command take the foreground. It must lead a process group of its own.
pub(crate) fn take(command: &mut Command, terminal: OwnedFd) {
    let in_child = move || {
        while_not_stopped(|| {
            // Fails if the terminal has hung up: then it has no foreground.
            tcsetpgrp(&terminal, getpid()).ok();
        })
    };
    // SAFETY: the closure allocates nothing and takes no lock: each of its calls is a system call, and what it captured is
    // only read.
    unsafe { command.pre_exec(in_child) };
}

/// Does what the kernel stops those for that are in the background.
fn while_not_stopped(what: impl FnOnce()) -> io::Result<()> {
    let mut stops = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` writes the whole set, and `sigaddset` gets what that has written.
    unsafe {
        libc::sigemptyset(stops.as_mut_ptr());
        libc::sigaddset(stops.as_mut_ptr(), libc::SIGTTOU);
    }
    let mut before = MaybeUninit::uninit();
    // SAFETY: the set is written, and there is room for the one before.
    done(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, stops.as_ptr(), before.as_mut_ptr()) })?;
    what();
    // SAFETY: the call above, which has not failed, has written this set.
    done(unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) })
}

fn done(error: libc::c_int) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
