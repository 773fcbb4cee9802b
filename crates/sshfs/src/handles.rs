//! What sshfs has open.

use std::collections::BTreeMap;

use live::files::{Handle, Identity};

use crate::listing::Listing;
use crate::status::Status;

/// How many files and directories may be open at once. The laptop has a limit of its own.
const MOST: usize = 4096;

/// One of them, by the laptop's number.
#[derive(Debug)]
pub(crate) enum Open {
    File(File),
    Directory(Handle, Listing),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct File {
    pub(crate) handle: Handle,
    pub(crate) identity: Identity,
    /// Every write goes to its end, so that no two of them may change places.
    pub(crate) appends: bool,
}

impl Open {
    pub(crate) fn on_laptop(&self) -> Handle {
        match self {
            Self::File(file) => file.handle,
            Self::Directory(handle, _) => *handle,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: BTreeMap<u64, Open>,
    last: u64,
    /// sshfs is gone: nothing is kept any more.
    is_over: bool,
}

impl Handles {
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= MOST
    }

    /// The number by which sshfs has it; it is given back if nothing is kept any more.
    pub(crate) fn keep(&mut self, open: Open) -> Result<u64, Open> {
        if self.is_over {
            return Err(open);
        }
        self.last += 1;
        self.open.insert(self.last, open);
        Ok(self.last)
    }

    /// What is there is a file that is open.
    pub(crate) fn file(&self, number: u64) -> Result<File, Status> {
        match self.open.get(&number) {
            Some(Open::File(file)) => Ok(*file),
            _ => Err(Status::Failure),
        }
    }

    /// The same of a directory.
    pub(crate) fn directory(&mut self, number: u64) -> Result<(Handle, &mut Listing), Status> {
        match self.open.get_mut(&number) {
            Some(Open::Directory(handle, listing)) => Ok((*handle, listing)),
            _ => Err(Status::Failure),
        }
    }

    pub(crate) fn remove(&mut self, number: u64) -> Result<Open, Status> {
        self.open.remove(&number).ok_or(Status::Failure)
    }

    /// Nothing is kept from here on; what was.
    pub(crate) fn end(&mut self) -> Vec<Handle> {
        self.is_over = true;
        let open = std::mem::take(&mut self.open);
        open.values().map(Open::on_laptop).collect()
    }
}
