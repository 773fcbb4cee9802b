//! Which file systems are mounts of this product itself: a laptop that is its own server must not wait for itself.
//!
//! Nothing here asks a file system anything: one that is served by this very process would never answer.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::io::Errno;

/// The type of this product's mounts, as `/proc/self/mountinfo` names it.
const OWN_TYPE: &[u8] = b"fuse.claude-share";
const MOUNT_INFO: &str = "/proc/self/mountinfo";

/// The mounts that this process sees, read when they are asked for and again when they have changed.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Tells by `poll` when there are others.
    changes: Option<File>,
    /// Whether it is one of this product, by its number.
    is_own: HashMap<u64, bool>,
}

impl Mounts {
    /// Whether the mount with this number may be looked into. One that is not listed may not: nothing is known of it.
    pub(crate) fn may_be_entered(&self, number: u64) -> Result<bool, Errno> {
        let state = self.current()?;
        Ok(state.is_own.get(&number).is_some_and(|is_own| !is_own))
    }

    /// Whether there are mounts of this product at all. On which directory is not asked: one may be hidden below another.
    pub(crate) fn has_own(&self) -> Result<bool, Errno> {
        Ok(self.current()?.is_own.values().any(|is_own| *is_own))
    }

    fn current(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let must_be_read = match &state.changes {
            Some(changes) => have_changed(changes)?,
            None => true,
        };
        if must_be_read {
            // Forgotten first: if reading fails, the next one to ask reads again.
            state.changes = None;
            let changes = File::open(MOUNT_INFO).map_err(|error| errno(&error))?;
            state.is_own = parse(&std::fs::read(MOUNT_INFO).map_err(|error| errno(&error))?);
            state.changes = Some(changes);
        }
        Ok(state)
    }
}

/// `proc_pid_mountinfo(5)`: a change is told once as an exceptional condition.
fn have_changed(changes: &File) -> Result<bool, Errno> {
    let mut descriptors = [PollFd::new(changes, PollFlags::PRI)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    rustix::io::retry_on_intr(|| poll(&mut descriptors, Some(&now)))?;
    Ok(descriptors[0]
        .revents()
        .intersects(PollFlags::PRI | PollFlags::ERR))
}

fn parse(mount_info: &[u8]) -> HashMap<u64, bool> {
    let lines = mount_info.split(|&byte| byte == b'\n');
    lines.filter_map(parse_line).collect()
}

/// `number parent device root mountpoint options [tag…] - type source options`; blanks in names are escaped.
fn parse_line(line: &[u8]) -> Option<(u64, bool)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let number = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some((number, kind == OWN_TYPE))
}

/// The number of the mount that this descriptor's file was reached in.
pub(crate) fn mount_of(descriptor: impl AsFd) -> Result<u64, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    match statx(&descriptor, c"", flags, StatxFlags::MNT_ID) {
        Ok(found) if found.stx_mask & StatxFlags::MNT_ID.bits() != 0 => Ok(found.stx_mnt_id),
        // Before Linux 5.8, or where a filter of system calls does not know it.
        Ok(_) | Err(Errno::NOSYS | Errno::PERM) => mount_in_proc(&descriptor),
        Err(error) => Err(error),
    }
}

fn mount_in_proc(descriptor: impl AsFd) -> Result<u64, Errno> {
    let number = descriptor.as_fd().as_raw_fd();
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))
        .map_err(|error| errno(&error))?;
    let mut lines = text.lines();
    let mount = lines.find_map(|line| line.strip_prefix("mnt_id:"));
    mount
        .and_then(|mount| mount.trim().parse().ok())
        .ok_or(Errno::NODEV)
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_mounts_are_told_from_others() {
        let mounts = parse(
            b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
              90 22 0:50 / /mnt/with\\040blank rw shared:3 master:1 - fuse.claude-share claude-share:x rw\n\
              91 22 0:51 / /mnt/- rw - fuse.sshfs a:b rw\n\
              damaged\n",
        );
        assert_eq!(mounts.get(&22), Some(&false));
        assert_eq!(mounts.get(&90), Some(&true));
        assert_eq!(mounts.get(&91), Some(&false));
        assert_eq!(mounts.len(), 3);
    }

    #[test]
    fn both_ways_to_learn_of_a_mount_agree() {
        for path in ["/", "/proc", "/dev"] {
            let file = File::open(path).unwrap();
            assert_eq!(
                mount_of(&file).unwrap(),
                mount_in_proc(&file).unwrap(),
                "{path}"
            );
            assert!(
                Mounts::default()
                    .may_be_entered(mount_of(&file).unwrap())
                    .unwrap()
            );
        }
    }
}
