//! What `stat` tells, as the protocol has it.

use live::files::{Attributes, Identity, Kind, Time};
use rustix::fs::{FileType, Stat};

/// Which file it is.
pub(crate) fn identity(stat: &Stat) -> Identity {
    Identity {
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

/// What kind of file it is.
pub(crate) fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Pipe,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::RegularFile | FileType::Unknown => Kind::File,
    }
}

/// The lower 12 bits of `st_mode`.
pub(crate) fn permissions(stat: &Stat) -> u16 {
    (stat.st_mode & 0o7777) as u16
}

/// All of it.
#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the fields' types differ from one architecture to another"
)]
pub(crate) fn attributes(stat: &Stat) -> Attributes {
    let time = |seconds, nanoseconds| Time {
        seconds,
        nanoseconds,
    };
    Attributes {
        identity: identity(stat),
        kind: kind(stat),
        permissions: permissions(stat),
        links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        user: stat.st_uid,
        group: stat.st_gid,
        device_number: stat.st_rdev,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
        accessed: time(stat.st_atime as i64, stat.st_atime_nsec as u32),
        modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u32),
        changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u32),
    }
}
