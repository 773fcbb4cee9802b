//! What is answered.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Attributes, Handle, Identity, Lock};
use crate::RelativePath;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name there.
    pub name: Bytes,
    /// What it is.
    pub attributes: Attributes,
}

/// A whole directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Where it is.
    pub path: RelativePath,
    /// Which it is.
    pub identity: Identity,
    /// What is in it, without `.` and `..`, in the laptop's order.
    pub entries: Vec<Entry>,
}

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// As they were before it was read, and after that.
    pub attributes: Attributes,
    /// What is in it.
    pub bytes: Bytes,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Of the file, when it was done.
    Attributes(Attributes),
    /// An open file.
    Opened {
        /// Its number.
        handle: Handle,
        /// Its attributes.
        attributes: Attributes,
    },
    /// A name was made.
    Made {
        /// Of what has it.
        attributes: Attributes,
        /// Of the directory that it is in, after that.
        directory: Attributes,
    },
    /// A file was made, or was there, and is open.
    Created {
        /// Its number.
        handle: Handle,
        /// Its attributes.
        attributes: Attributes,
        /// Those of the directory that it is in, after that.
        directory: Attributes,
    },
    /// A name was removed.
    Removed {
        /// The directory that it was in, after that.
        directory: Attributes,
    },
    /// A name was moved.
    Renamed {
        /// The directories that it was in and is in, after that.
        directories: [Attributes; 2],
    },
    /// Contents.
    Bytes(Bytes),
    /// How many bytes.
    Count(u64),
    /// Where.
    Offset(u64),
    /// A part of a directory.
    Entries {
        /// In the laptop's order.
        entries: Vec<Entry>,
        /// Nothing comes after these.
        is_last: bool,
    },
    /// What there is of a file system, as `statvfs` tells it.
    Space(Space),
    /// A lock, of kind `Unlock` if there is none in the way.
    Lock(Lock),
    /// Directories.
    Tree(Vec<Listing>),
    /// Files; `None` for one that is not there or another, that is none, has changed while it was read, or had no room.
    Files(Vec<Option<Contents>>),
}

impl Reply {
    /// What was asked for as if nothing were told of the directories, and those directories. An answer without them means the
    /// same: they are told so that nobody has to ask.
    #[must_use]
    pub fn split(self) -> (Self, Vec<Attributes>) {
        match self {
            Self::Made {
                attributes,
                directory,
            } => (Self::Attributes(attributes), vec![directory]),
            Self::Created {
                handle,
                attributes,
                directory,
            } => (Self::Opened { handle, attributes }, vec![directory]),
            Self::Removed { directory } => (Self::Done, vec![directory]),
            Self::Renamed { directories } => (Self::Done, directories.to_vec()),
            reply => (reply, Vec::new()),
        }
    }
}

/// See [`Reply::Space`]: in units of `block_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in statvfs(3)")]
pub struct Space {
    pub block_size: u32,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_available: u64,
    pub files: u64,
    pub files_free: u64,
    pub longest_name: u32,
}
