//! What `stat` tells, as the protocol has it.

use live::files::{Attributes, Identity, Kind};
use rustix::fs::FileType;

use crate::stat::Stat;

/// Which file it is.
pub(crate) fn identity(stat: &Stat) -> Identity {
    Identity {
        device: stat.st_dev,
        inode: stat.st_ino,
        born: stat.born,
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
pub(crate) fn attributes(stat: &Stat) -> Attributes {
    Attributes {
        identity: identity(stat),
        kind: kind(stat),
        permissions: permissions(stat),
        links: stat.st_nlink,
        user: stat.st_uid,
        group: stat.st_gid,
        device_number: stat.st_rdev,
        size: stat.st_size,
        blocks: stat.st_blocks,
        accessed: stat.accessed,
        modified: stat.modified,
        changed: stat.changed,
    }
}
