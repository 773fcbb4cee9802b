//! Extended attributes. Those of the user may be changed; the others belong to the laptop's system.

use live::files::{Reply, Setting, Target};
use rustix::fs::{XattrFlags, getxattr, listxattr, removexattr, setxattr};
use rustix::io::Errno;

use super::Service;

/// The longest value and the longest list there are (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const LARGEST: usize = 64 << 10;
const OF_USER: &[u8] = b"user.";

impl Service {
    pub(super) fn extended_attribute(&self, target: &Target, name: &[u8]) -> Result<Reply, Errno> {
        let held = self.hold(target)?;
        read(|buffer| getxattr(held.path(), name, buffer))
    }

    pub(super) fn extended_attributes(&self, target: &Target) -> Result<Reply, Errno> {
        let held = self.hold(target)?;
        read(|buffer| listxattr(held.path(), buffer))
    }

    pub(super) fn set_extended_attribute(
        &self,
        target: &Target,
        name: &[u8],
        value: &[u8],
        how: Setting,
    ) -> Result<Reply, Errno> {
        let held = self.hold_to_change(target)?;
        check(name)?;
        let flags = match how {
            Setting::CreateOrReplace => XattrFlags::empty(),
            Setting::Create => XattrFlags::CREATE,
            Setting::Replace => XattrFlags::REPLACE,
        };
        setxattr(held.path(), name, value, flags)?;
        Ok(Reply::Done)
    }

    pub(super) fn remove_extended_attribute(
        &self,
        target: &Target,
        name: &[u8],
    ) -> Result<Reply, Errno> {
        let held = self.hold_to_change(target)?;
        check(name)?;
        removexattr(held.path(), name)?;
        Ok(Reply::Done)
    }
}

fn check(name: &[u8]) -> Result<(), Errno> {
    if name.starts_with(OF_USER) {
        Ok(())
    } else {
        Err(Errno::PERM)
    }
}

fn read(call: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<Reply, Errno> {
    let mut buffer = vec![0; LARGEST];
    let length = call(&mut buffer)?;
    buffer.truncate(length);
    buffer.shrink_to_fit();
    Ok(Reply::Bytes(buffer.into()))
}
