//! What is told to the kernel unasked, written as `linux/fuse.h` has it.
//!
//! `fuser` can do that too, but not tell the kernel only to look a name up again: it would take the directories away that
//! processes work in.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use crate::changes::Invalidation;

/// `FUSE_NOTIFY_INVAL_INODE`.
const NODE: i32 = 2;
/// `FUSE_NOTIFY_INVAL_ENTRY`.
const NAME: i32 = 3;
/// `FUSE_EXPIRE_ONLY`: the name is looked up before it is used again. Kernels before 6.2 take it away at once instead.
const EXPIRE_ONLY: u32 = 1;
/// `sizeof(struct fuse_out_header)`.
const HEADER: usize = 16;

/// One end of the kernel's connection.
#[derive(Debug)]
pub(crate) struct Notifications(File);

impl Notifications {
    pub(crate) fn new(device: OwnedFd) -> Self {
        Self(File::from(device))
    }

    /// Tells the kernel. May wait until requests have been answered: never call it from where they are.
    ///
    /// # Errors
    /// If the mount has ended. What the kernel does not know is no error.
    pub(crate) fn tell(&mut self, invalidation: &Invalidation) -> io::Result<()> {
        match self.0.write(&message(invalidation)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            told => told.map(drop),
        }
    }
}

fn message(invalidation: &Invalidation) -> Vec<u8> {
    match invalidation {
        // From 0 to the end.
        Invalidation::Node(id) => with_header(
            NODE,
            &[
                &id.0.to_ne_bytes(),
                &0_i64.to_ne_bytes(),
                &0_i64.to_ne_bytes(),
            ],
        ),
        Invalidation::Name(parent, name) => name_message(parent.0, name),
    }
}

fn name_message(parent: u64, name: &OsStr) -> Vec<u8> {
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    let (length, flags) = (length.to_ne_bytes(), EXPIRE_ONLY.to_ne_bytes());
    with_header(
        NAME,
        &[
            &parent.to_ne_bytes(),
            &length,
            &flags,
            name.as_bytes(),
            &[0],
        ],
    )
}

fn with_header(code: i32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    [
        &length.to_ne_bytes()[..],
        &code.to_ne_bytes(),
        &0_u64.to_ne_bytes(),
        &body,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::NodeId;

    #[test]
    fn messages_are_as_long_as_they_say() {
        let node = message(&Invalidation::Node(NodeId(7)));
        let name = message(&Invalidation::Name(NodeId(7), "name".into()));
        assert_eq!((node.len(), node[0]), (40, 40));
        assert_eq!(
            (name.len(), name[0], name.last()),
            (16 + 16 + 5, 37, Some(&0))
        );
    }
}
