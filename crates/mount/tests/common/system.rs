//! What the standard library cannot do.

#![allow(
    unsafe_code,
    reason = "memory maps and locks need the system's own calls"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// A file's beginning in memory, shared.
pub(crate) struct Mapped {
    address: *mut libc::c_void,
    length: usize,
}

impl Mapped {
    pub(crate) fn new(file: &File, length: usize) -> Mapped {
        let both = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, of which nobody else knows the address.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                both,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert!(
            address != libc::MAP_FAILED,
            "{}",
            io::Error::last_os_error()
        );
        Mapped { address, length }
    }

    pub(crate) fn read(&self, at: usize) -> u8 {
        assert!(at < self.length);
        // SAFETY: within the mapping, which lives as long as this.
        unsafe { self.address.cast::<u8>().add(at).read_volatile() }
    }

    pub(crate) fn write(&self, at: usize, byte: u8) {
        assert!(at < self.length);
        // SAFETY: as above; nothing refers to it.
        unsafe { self.address.cast::<u8>().add(at).write_volatile(byte) }
    }

    pub(crate) fn sync(&self) {
        // SAFETY: the mapping, as it was made.
        let result = unsafe { libc::msync(self.address, self.length, libc::MS_SYNC) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping, as it was made; nothing refers to it any more.
        unsafe { libc::munmap(self.address, self.length) };
    }
}

/// Locks bytes for this open file: `kind` is `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
pub(crate) fn lock(
    file: &File,
    kind: i32,
    start: i64,
    length: i64,
    is_to_wait: bool,
) -> io::Result<()> {
    let command = if is_to_wait {
        libc::F_OFD_SETLKW
    } else {
        libc::F_OFD_SETLK
    };
    let kind = i16::try_from(kind).unwrap();
    let whence = i16::try_from(libc::SEEK_SET).unwrap();
    let lock = libc::flock {
        l_type: kind,
        l_whence: whence,
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    // SAFETY: the call reads the structure, which outlives it.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw const lock) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Closes a file, and tells what comes of that.
pub(crate) fn close(file: File) -> io::Result<()> {
    let descriptor = std::os::fd::IntoRawFd::into_raw_fd(file);
    // SAFETY: nobody else has it.
    let result = unsafe { libc::close(descriptor) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
