//! The one call that no safe wrapper has: locks of an open file description.
#![allow(
    unsafe_code,
    reason = "fcntl with F_OFD_SETLK and F_OFD_GETLK: rustix has neither"
)]

use std::os::fd::{AsRawFd as _, BorrowedFd};

use live::files::{Lock, LockKind};
use rustix::io::Errno;

/// Does not wait: `EAGAIN`.
pub(super) fn set_lock(file: BorrowedFd<'_>, lock: Lock) -> Result<(), Errno> {
    match call(file, libc::F_OFD_SETLK, &mut to_system(lock)?) {
        // POSIX allows both for a lock that somebody else has.
        Err(Errno::ACCESS) => Err(Errno::AGAIN),
        result => result,
    }
}

/// What would keep `lock` from being set, if it were asked for by `file`.
pub(super) fn test_lock(file: BorrowedFd<'_>, lock: Lock) -> Result<Lock, Errno> {
    let mut record = to_system(lock)?;
    call(file, libc::F_OFD_GETLK, &mut record)?;
    let kind = match libc::c_int::from(record.l_type) {
        libc::F_RDLCK => LockKind::Read,
        libc::F_WRLCK => LockKind::Write,
        _ => {
            let kind = LockKind::Unlock;
            return Ok(Lock { kind, ..lock });
        }
    };
    let start = u64::try_from(record.l_start).map_err(|_| Errno::OVERFLOW)?;
    let end = match u64::try_from(record.l_len).map_err(|_| Errno::OVERFLOW)? {
        0 => i64::MAX as u64,
        length => start + length - 1,
    };
    let owner = 0;
    Ok(Lock {
        owner,
        kind,
        start,
        end,
    })
}

fn to_system(lock: Lock) -> Result<libc::flock, Errno> {
    let kind = match lock.kind {
        LockKind::Read => libc::F_RDLCK,
        LockKind::Write => libc::F_WRLCK,
        LockKind::Unlock => libc::F_UNLCK,
    };
    let start = i64::try_from(lock.start).map_err(|_| Errno::INVAL)?;
    let end = i64::try_from(lock.end).map_err(|_| Errno::INVAL)?;
    let length = match end {
        i64::MAX => 0,
        end => end - start + 1,
    };
    Ok(libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: length,
        l_pid: 0,
    })
}

fn call(file: BorrowedFd<'_>, command: libc::c_int, record: &mut libc::flock) -> Result<(), Errno> {
    // SAFETY: the descriptor is open while it is borrowed, and both commands read and write one `flock`, which outlives
    // the call and nothing else refers to.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, std::ptr::from_mut(record)) };
    match result {
        0.. => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
