//! Setting attributes.

use live::files::{Kind, NewAttributes, NewTime, Reply, Target};
use rustix::fs::{
    AtFlags, CWD, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, chmod, ftruncate, utimensat,
};
use rustix::io::Errno;

use super::Service;
use super::held::Held;
use super::make::{allowed, mode};
use crate::attributes::{attributes, permissions};
use crate::stat::fstat;

const NANOSECONDS: u32 = 1_000_000_000;

impl Service {
    /// Everything is checked before anything is set.
    pub(super) fn set_attributes(
        &self,
        target: &Target,
        new: &NewAttributes,
    ) -> Result<Reply, Errno> {
        let held = self.hold_to_change(target)?;
        check_owner(&held, new)?;
        let permissions = new.permissions.map(|new| check_permissions(&held, new));
        let permissions = permissions.transpose()?;
        let times = times(new)?;
        if let Some(size) = new.size {
            set_size(&held, size)?;
        }
        if let Some(permissions) = permissions {
            chmod(held.path(), mode(permissions))?;
        }
        if let Some(times) = times {
            set_times(&held, &times)?;
        }
        Ok(Reply::Attributes(attributes(&fstat(held.descriptor())?)))
    }
}

/// A file's owner stays: the server has no names of the laptop's users.
fn check_owner(held: &Held, new: &NewAttributes) -> Result<(), Errno> {
    let stat = held.stat();
    let stays = new.user.is_none_or(|user| user == stat.st_uid)
        && new.group.is_none_or(|group| group == stat.st_gid);
    if stays { Ok(()) } else { Err(Errno::PERM) }
}

fn check_permissions(held: &Held, new: u16) -> Result<u16, Errno> {
    if held.kind() == Kind::Link {
        return Err(Errno::OPNOTSUPP);
    }
    let new = new & 0o7777;
    let added = new & !permissions(held.stat());
    if added & !allowed(held.kind()) != 0 {
        return Err(Errno::PERM);
    }
    Ok(new)
}

/// A file that was opened for reading only is opened again: whether it may be written is the file's matter.
fn set_size(held: &Held, size: u64) -> Result<(), Errno> {
    if let Some(file) = held.open_file() {
        let (descriptor, access, _) = file.file()?;
        if access != live::files::Access::Read {
            return ftruncate(descriptor, size);
        }
    }
    ftruncate(held.reopen(OFlags::WRONLY)?, size)
}

fn times(new: &NewAttributes) -> Result<Option<Timestamps>, Errno> {
    if new.accessed.is_none() && new.modified.is_none() {
        return Ok(None);
    }
    Ok(Some(Timestamps {
        last_access: timespec(new.accessed)?,
        last_modification: timespec(new.modified)?,
    }))
}

fn timespec(new: Option<NewTime>) -> Result<Timespec, Errno> {
    let (tv_sec, tv_nsec) = match new {
        None => (0, UTIME_OMIT),
        Some(NewTime::Now) => (0, UTIME_NOW),
        // More is no time, or means `UTIME_OMIT` or `UTIME_NOW`.
        Some(NewTime::At(time)) if time.nanoseconds >= NANOSECONDS => return Err(Errno::INVAL),
        Some(NewTime::At(time)) => (time.seconds, time.nanoseconds.into()),
    };
    Ok(Timespec { tv_sec, tv_nsec })
}

fn set_times(held: &Held, times: &Timestamps) -> Result<(), Errno> {
    match utimensat(held.descriptor(), c"", times, AtFlags::EMPTY_PATH) {
        // Before Linux 5.8; a link cannot be reached then.
        Err(Errno::INVAL) if held.kind() != Kind::Link => {
            utimensat(CWD, held.path(), times, AtFlags::empty())
        }
        result => result,
    }
}
