//! The laptop's attributes as SFTP has them, and back.

use live::files::{Attributes, ErrorNumber, Kind, NewAttributes, NewTime, Space, Time};
use mount::Owners;
use russh_sftp::extensions::Statvfs;
use russh_sftp::protocol::FileAttributes;
use rustix::fs::FileType;
use rustix::io::Errno;

/// The bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o7777;
/// The number that leaves an owner as it is (`chown(2)`).
const UNCHANGED: u32 = u32::MAX;

/// What `stat` shows on the server. SFTP has times in whole seconds from 1970 to 2106.
pub(crate) fn shown(attributes: &Attributes, owners: Owners) -> FileAttributes {
    FileAttributes {
        size: Some(attributes.size),
        uid: Some(owners.user(attributes.user)),
        gid: Some(owners.group(attributes.group)),
        permissions: Some(mode(attributes.kind, attributes.permissions)),
        atime: Some(seconds(attributes.accessed)),
        mtime: Some(seconds(attributes.modified)),
        ..FileAttributes::default()
    }
}

/// Of a directory's `.` and `..`: what kind it is, which is all that is looked at.
pub(crate) fn of_dots() -> FileAttributes {
    FileAttributes {
        permissions: Some(mode(Kind::Directory, 0o755)),
        ..FileAttributes::default()
    }
}

/// What is to be set; `EPERM` if it is an owner that the laptop does not have.
pub(crate) fn new_attributes(
    asked: &FileAttributes,
    owners: Owners,
) -> Result<NewAttributes, ErrorNumber> {
    let given = |number: Option<u32>| number.filter(|&number| number != UNCHANGED);
    let user = given(asked.uid).map(|user| owners.laptop_user(user).ok_or_else(not_permitted));
    let group = given(asked.gid).map(|group| owners.laptop_group(group).ok_or_else(not_permitted));
    Ok(NewAttributes {
        permissions: asked.permissions.map(permissions),
        user: user.transpose()?,
        group: group.transpose()?,
        size: asked.size,
        accessed: asked.atime.map(time),
        modified: asked.mtime.map(time),
    })
}

/// Those that a new file or directory is to have, or `usual`.
pub(crate) fn new_permissions(asked: &FileAttributes, usual: u16) -> u16 {
    asked.permissions.map_or(usual, permissions)
}

pub(crate) fn space(space: &Space, is_read_only: bool) -> Statvfs {
    /// `SSH2_FXE_STATVFS_ST_RDONLY` and `…_ST_NOSUID`.
    const READ_ONLY: u64 = 1;
    const NO_SET_USER: u64 = 2;
    Statvfs {
        block_size: space.block_size.into(),
        fragment_size: space.block_size.into(),
        blocks: space.blocks,
        blocks_free: space.blocks_free,
        blocks_avail: space.blocks_available,
        inodes: space.files,
        inodes_free: space.files_free,
        inodes_avail: space.files_free,
        fs_id: 0,
        flags: NO_SET_USER | if is_read_only { READ_ONLY } else { 0 },
        name_max: space.longest_name.into(),
    }
}

fn not_permitted() -> ErrorNumber {
    ErrorNumber(u16::try_from(Errno::PERM.raw_os_error()).unwrap_or(1))
}

fn permissions(mode: u32) -> u16 {
    (mode & PERMISSIONS) as u16
}

fn mode(kind: Kind, permissions: u16) -> u32 {
    let kind = match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Link => FileType::Symlink,
        Kind::Pipe => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::CharacterDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    };
    kind.as_raw_mode() | (u32::from(permissions) & PERMISSIONS)
}

fn seconds(time: Time) -> u32 {
    u32::try_from(time.seconds.max(0)).unwrap_or(u32::MAX)
}

fn time(seconds: u32) -> NewTime {
    NewTime::At(Time {
        seconds: seconds.into(),
        nanoseconds: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_the_sessions_or_left_alone() {
        let owners = Owners::new(4321, 4322);
        let asked = |uid, gid| FileAttributes {
            uid: Some(uid),
            gid: Some(gid),
            ..FileAttributes::default()
        };
        let own = asked(rustix::process::geteuid().as_raw(), UNCHANGED);
        let new = new_attributes(&own, owners).unwrap();
        assert_eq!((new.user, new.group), (Some(4321), None));
        let foreign = asked(UNCHANGED, 77_777);
        assert_eq!(new_attributes(&foreign, owners), Err(ErrorNumber(1)));
    }

    #[test]
    fn times_that_sftp_does_not_have_are_the_nearest() {
        let at = |seconds| Time {
            seconds,
            nanoseconds: 5,
        };
        assert_eq!(seconds(at(-3)), 0);
        assert_eq!(seconds(at(1 << 40)), u32::MAX);
        assert_eq!(seconds(at(7)), 7);
    }
}
