//! Numbers of errors, as the laptop gives them and the kernel takes them.

use fuser::Errno;
use live::files::ErrorNumber;
use rustix::io::Errno as System;

pub(crate) const NOT_FOUND: ErrorNumber = number(System::NOENT);
pub(crate) const STALE: ErrorNumber = number(System::STALE);
pub(crate) const INTERRUPTED: ErrorNumber = number(System::INTR);
pub(crate) const INPUT_OUTPUT: ErrorNumber = number(System::IO);
pub(crate) const INVALID: ErrorNumber = number(System::INVAL);
pub(crate) const NAME_TOO_LONG: ErrorNumber = number(System::NAMETOOLONG);
pub(crate) const NOT_PERMITTED: ErrorNumber = number(System::PERM);
pub(crate) const NOT_SUPPORTED: ErrorNumber = number(System::OPNOTSUPP);
pub(crate) const NO_DATA: ErrorNumber = number(System::NODATA);
pub(crate) const TOO_SMALL: ErrorNumber = number(System::RANGE);
pub(crate) const NOT_OPEN: ErrorNumber = number(System::BADF);
pub(crate) const WOULD_BLOCK: ErrorNumber = number(System::AGAIN);

/// The largest that the kernel takes (`fuse_dev_do_write`); with others it would wait for ever.
const LARGEST: u16 = 511;

const fn number(error: System) -> ErrorNumber {
    // All of Linux's are below 134.
    ErrorNumber(error.raw_os_error() as u16)
}

/// As the kernel is given it.
pub(crate) fn to_kernel(error: ErrorNumber) -> Errno {
    match error.0 {
        0 | LARGEST.. => Errno::EIO,
        // The kernel would take it for the whole file system's inability, and never ask again.
        _ if error == number(System::NOSYS) => Errno::EOPNOTSUPP,
        other => Errno::from_i32(i32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_the_kernel_would_refuse_are_never_given() {
        assert_eq!(to_kernel(ErrorNumber(0)), Errno::EIO);
        assert_eq!(to_kernel(ErrorNumber(u16::MAX)), Errno::EIO);
        assert_eq!(to_kernel(ErrorNumber(38)), Errno::EOPNOTSUPP);
        assert_eq!(to_kernel(STALE), Errno::ESTALE);
    }
}
