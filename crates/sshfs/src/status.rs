//! Why something was not done, in SFTP's numbers.

use live::PathError;
use live::files::ErrorNumber;
use rustix::io::Errno;

/// `SSH_FX_…`, with what `sshfs` makes of it. A version 3 has those up to 8 only; of higher ones sshfs makes `EIO`, which is
/// what they mean here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Done,
    End,
    /// `ENOENT`.
    NoSuchFile,
    /// `EACCES`.
    PermissionDenied,
    /// `EPERM`. For `mkdir`, `rmdir`, `rename` and `symlink` sshfs then looks for a better reason.
    Failure,
    /// `EBADMSG`.
    BadMessage,
    /// `EOPNOTSUPP`.
    Unsupported,
    /// `EIO`: `SSH_FX_NO_MEDIA` of version 6.
    NoMedia,
    /// `EIO`: `SSH_FX_NO_SPACE_ON_FILESYSTEM` of version 5.
    NoSpace,
}

impl Status {
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::End => 1,
            Self::NoSuchFile => 2,
            Self::PermissionDenied => 3,
            Self::Failure => 4,
            Self::BadMessage => 5,
            Self::Unsupported => 8,
            Self::NoMedia => 13,
            Self::NoSpace => 14,
        }
    }
}

impl From<Errno> for Status {
    /// As OpenSSH's server has it, but where sshfs would make another error of that.
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Self::NoSuchFile,
            Errno::ACCESS | Errno::ROFS => Self::PermissionDenied,
            Errno::NAMETOOLONG | Errno::INVAL => Self::BadMessage,
            Errno::OPNOTSUPP | Errno::NOSYS => Self::Unsupported,
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            Errno::IO | Errno::STALE | Errno::BADF | Errno::INTR => Self::NoMedia,
            _ => Self::Failure,
        }
    }
}

impl From<ErrorNumber> for Status {
    fn from(error: ErrorNumber) -> Self {
        match error.0 {
            // No error at all, and none that this system knows.
            0 | 4096.. => Self::NoMedia,
            number => Errno::from_raw_os_error(i32::from(number)).into(),
        }
    }
}

impl From<PathError> for Status {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Elsewhere => Self::PermissionDenied,
            PathError::TooLong => Errno::NAMETOOLONG.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_some_status_and_none_is_success() {
        for number in 0..=u16::MAX {
            let status = Status::from(ErrorNumber(number));
            assert!(!matches!(status, Status::Done | Status::End), "{number}");
        }
        let of = |error: Errno| Status::from(error).number();
        assert_eq!(of(Errno::NOENT), 2);
        assert_eq!(of(Errno::PERM), 4);
        assert_eq!(of(Errno::ACCESS), 3);
        assert_eq!(of(Errno::IO), 13);
    }
}
