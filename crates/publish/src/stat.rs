//! What the system tells of a file, with when it was made: `statx(2)`.

use std::os::fd::AsFd;

use live::files::Time;
use rustix::fs::{AtFlags, Statx, StatxFlags, StatxTimestamp, makedev, statx};
use rustix::io::Errno;
use rustix::path::Arg;

/// As `stat(2)` has it, and when the file was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) st_dev: u64,
    pub(crate) st_ino: u64,
    pub(crate) st_mode: u32,
    pub(crate) st_nlink: u32,
    pub(crate) st_uid: u32,
    pub(crate) st_gid: u32,
    pub(crate) st_rdev: u64,
    pub(crate) st_size: u64,
    pub(crate) st_blocks: u64,
    pub(crate) accessed: Time,
    pub(crate) modified: Time,
    pub(crate) changed: Time,
    /// Zero where the file system does not know.
    pub(crate) born: Time,
}

pub(crate) fn fstat(descriptor: impl AsFd) -> Result<Stat, Errno> {
    statat(descriptor, c"", AtFlags::EMPTY_PATH)
}

pub(crate) fn statat(directory: impl AsFd, name: impl Arg, flags: AtFlags) -> Result<Stat, Errno> {
    let asked = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let told = statx(directory, name, flags | AtFlags::NO_AUTOMOUNT, asked)?;
    Ok(from(&told))
}

fn from(told: &Statx) -> Stat {
    let time = |time: StatxTimestamp| Time {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
    };
    let knows_birth = StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::BTIME);
    Stat {
        st_dev: makedev(told.stx_dev_major, told.stx_dev_minor),
        st_ino: told.stx_ino,
        st_mode: told.stx_mode.into(),
        st_nlink: told.stx_nlink,
        st_uid: told.stx_uid,
        st_gid: told.stx_gid,
        st_rdev: makedev(told.stx_rdev_major, told.stx_rdev_minor),
        st_size: told.stx_size,
        st_blocks: told.stx_blocks,
        accessed: time(told.stx_atime),
        modified: time(told.stx_mtime),
        changed: time(told.stx_ctime),
        born: if knows_birth {
            time(told.stx_btime)
        } else {
            Time::default()
        },
    }
}
