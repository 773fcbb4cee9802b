//! The laptop's attributes as the server's kernel takes them, and back.

use std::time::{Duration, SystemTime};

use fuser::{FileAttr, FileType, INodeNo, TimeOrNow};
use live::files::{Attributes, Kind, NewTime, Time};
use rustix::process::{getegid, geteuid};

use crate::nodes::NodeId;

/// The user and group that stand for all others' (`nobody`; the kernel's overflow number).
const OTHERS: u32 = 65534;
/// What programs should read and write at once, as `st_blksize`.
const BLOCK: u32 = 4096;

/// Whose files on the laptop are whose on the server.
#[derive(Clone, Copy, Debug)]
pub struct Owners {
    pub(crate) laptop_user: u32,
    pub(crate) laptop_group: u32,
    pub(crate) server_user: u32,
    pub(crate) server_group: u32,
}

impl Owners {
    /// The laptop's user is whoever runs this.
    #[must_use]
    pub fn new(laptop_user: u32, laptop_group: u32) -> Self {
        let (server_user, server_group) = (geteuid().as_raw(), getegid().as_raw());
        Self {
            laptop_user,
            laptop_group,
            server_user,
            server_group,
        }
    }

    /// The server's number of a user of the laptop's.
    #[must_use]
    pub fn user(self, laptop: u32) -> u32 {
        if laptop == self.laptop_user {
            self.server_user
        } else {
            OTHERS
        }
    }

    /// The server's number of a group of the laptop's.
    #[must_use]
    pub fn group(self, laptop: u32) -> u32 {
        if laptop == self.laptop_group {
            self.server_group
        } else {
            OTHERS
        }
    }

    /// The laptop's number of a user of the server's; `None` if it has none there.
    #[must_use]
    pub fn laptop_user(self, server: u32) -> Option<u32> {
        (server == self.server_user).then_some(self.laptop_user)
    }

    /// The laptop's number of a group of the server's; `None` if it has none there.
    #[must_use]
    pub fn laptop_group(self, server: u32) -> Option<u32> {
        (server == self.server_group).then_some(self.laptop_group)
    }
}

/// What `stat` shows on the server.
pub(crate) fn shown(node: NodeId, attributes: &Attributes, owners: Owners) -> FileAttr {
    FileAttr {
        ino: INodeNo(node.0),
        size: attributes.size,
        blocks: attributes.blocks,
        atime: system_time(attributes.accessed),
        mtime: system_time(attributes.modified),
        ctime: system_time(attributes.changed),
        crtime: SystemTime::UNIX_EPOCH,
        kind: file_type(attributes.kind),
        perm: attributes.permissions & 0o7777,
        nlink: attributes.links,
        uid: owners.user(attributes.user),
        gid: owners.group(attributes.group),
        rdev: kernel_device_number(attributes.device_number),
        blksize: BLOCK,
        flags: 0,
    }
}

/// An entry that stands for none: with it the kernel remembers that a name is not there.
pub(crate) fn none_shown() -> FileAttr {
    FileAttr {
        ino: INodeNo(0),
        size: 0,
        blocks: 0,
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind: FileType::RegularFile,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}

pub(crate) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Link => FileType::Symlink,
        Kind::Pipe => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharacterDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

/// What a new time is to be.
pub(crate) fn new_time(time: TimeOrNow) -> NewTime {
    match time {
        TimeOrNow::Now => NewTime::Now,
        TimeOrNow::SpecificTime(time) => NewTime::At(asked_time(time)),
    }
}

/// Whether nothing but the time of the last reading differs.
pub(crate) fn same(one: &Attributes, other: &Attributes) -> bool {
    Attributes {
        accessed: other.accessed,
        ..*one
    } == *other
}

/// `time` as the standard library has it; 1970 where that has no such time.
fn system_time(time: Time) -> SystemTime {
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let seconds = if time.seconds < 0 {
        epoch.checked_sub(whole)
    } else {
        epoch.checked_add(whole)
    };
    let nanoseconds = Duration::from_nanos(u64::from(time.nanoseconds.min(999_999_999)));
    seconds
        .and_then(|seconds| seconds.checked_add(nanoseconds))
        .unwrap_or(epoch)
}

/// The time that the kernel has asked to set. `fuser` makes `epoch - (-seconds) - nanoseconds` of times before 1970, where
/// the kernel has meant `+ nanoseconds`; that is undone here.
fn asked_time(time: SystemTime) -> Time {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Time {
            seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: after.subsec_nanos(),
        },
        Err(before) => Time {
            seconds: 0_i64
                .checked_sub_unsigned(before.duration().as_secs())
                .unwrap_or(i64::MIN),
            nanoseconds: before.duration().subsec_nanos(),
        },
    }
}

/// `st_rdev` as the C library has it, in the 32 bits of the kernel (`new_encode_dev`).
fn kernel_device_number(device: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use live::files::Identity;

    fn attributes() -> Attributes {
        let time = |seconds, nanoseconds| Time {
            seconds,
            nanoseconds,
        };
        Attributes {
            identity: Identity {
                device: 1,
                inode: 2,
                born: time(0, 0),
            },
            kind: Kind::File,
            permissions: 0o644,
            links: 3,
            user: 1000,
            group: 100,
            device_number: 0,
            size: 5,
            blocks: 8,
            accessed: time(1, 2),
            modified: time(-2, 800_000_000),
            changed: time(5, 999_999_999),
        }
    }

    #[test]
    fn the_laptops_user_is_shown_as_the_servers_and_others_as_nobody() {
        let owners = Owners {
            laptop_user: 1000,
            laptop_group: 100,
            server_user: 7,
            server_group: 8,
        };
        let shown_own = shown(NodeId(9), &attributes(), owners);
        assert_eq!((shown_own.uid, shown_own.gid, shown_own.nlink), (7, 8, 3));
        let foreign = Attributes {
            user: 7,
            group: 8,
            ..attributes()
        };
        let shown_foreign = shown(NodeId(9), &foreign, owners);
        assert_eq!((shown_foreign.uid, shown_foreign.gid), (OTHERS, OTHERS));
        assert_eq!(
            (owners.laptop_user(7), owners.laptop_user(1000)),
            (Some(1000), None)
        );
    }

    #[test]
    fn times_keep_their_nanoseconds_before_1970_too() {
        let owners = Owners::new(0, 0);
        let shown = shown(NodeId(9), &attributes(), owners);
        assert_eq!(
            shown.mtime,
            SystemTime::UNIX_EPOCH - Duration::from_millis(1200)
        );
        assert_eq!(
            shown.ctime,
            SystemTime::UNIX_EPOCH + Duration::new(5, 999_999_999)
        );
        // None that could be anybody's makes it panic.
        assert!(
            system_time(Time {
                seconds: i64::MIN,
                nanoseconds: u32::MAX
            }) < SystemTime::UNIX_EPOCH
        );
    }

    #[test]
    fn only_reading_makes_no_difference() {
        let read = Attributes {
            accessed: Time {
                seconds: 99,
                nanoseconds: 0,
            },
            ..attributes()
        };
        assert!(same(&attributes(), &read));
        assert!(!same(
            &attributes(),
            &Attributes {
                size: 6,
                ..attributes()
            }
        ));
    }

    #[test]
    fn device_numbers_are_written_as_the_kernel_reads_them() {
        assert_eq!(kernel_device_number(rustix::fs::makedev(8, 1)), 0x801);
        assert_eq!(
            kernel_device_number(rustix::fs::makedev(259, 0x12345)),
            0x1231_0345
        );
    }
}
