//! What is said of files: the server asks, the laptop does it below its published directories and answers.
//!
//! A request names a file by its path and, where it was seen before, says which one it was: a path that leads to another
//! file meanwhile is answered with `ESTALE`. The laptop keeps nothing for the server but open files.

mod attributes;
mod change;
mod reply;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};

use crate::RelativePath;

pub use attributes::{Attributes, Identity, Kind, NewAttributes, NewTime, Time};
pub use change::Change;
pub use reply::{Contents, Entry, Listing, Reply, Space};

/// The most that one request reads or writes, in bytes.
pub const LARGEST_TRANSFER: u32 = 1 << 20;
/// About how long one part of a directory is, in bytes.
pub const LARGEST_LISTING: usize = 256 << 10;
/// About how long the listings of a tree are together, in bytes.
pub const LARGEST_TREE: usize = 1 << 20;
/// The most directories, or files, that one request names.
pub const MOST_PLACES: usize = 512;

/// A published directory, by the number that it has in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Root(pub u32);

/// A file by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Below which directory.
    pub root: Root,
    /// Where.
    pub path: RelativePath,
    /// Which it has to be; `None` if it does not matter, or is to be found out.
    pub identity: Option<Identity>,
}

/// An open file or directory, by the number that the laptop has given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Handle(pub u64);

/// A file by its name or opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// By its name. Links are not followed.
    Place(Place),
    /// Opened.
    Handle(Handle),
}

/// What an open file may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// What for.
    pub access: Access,
    /// It becomes empty.
    pub truncate: bool,
    /// Every write goes to its end, wherever that is by then.
    pub append: bool,
}

/// What a new name does to one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Renaming {
    /// It replaces it.
    Replace,
    /// It must not be there.
    NoReplace,
    /// They change places.
    Exchange,
}

/// How an extended attribute is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum Setting {
    CreateOrReplace,
    Create,
    Replace,
}

/// What happens to a range of a file (`fallocate(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocation {
    /// It takes room; the file becomes larger where that is needed.
    Allocate,
    /// It takes room; the file stays as large as it is.
    KeepSize,
    /// It takes none, and reads as zeros.
    PunchHole,
    /// It takes room, and reads as zeros.
    Zero {
        /// The file stays as large as it is.
        keep_size: bool,
    },
}

/// What is looked for in a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum Seeking {
    Data,
    Hole,
}

/// What a lock keeps others from (`fcntl(2)`, advisory locks of records).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockKind {
    /// Writing.
    Read,
    /// Reading and writing.
    Write,
    /// Nothing: it is given back.
    Unlock,
}

/// A lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Whose, among those of one open file.
    pub owner: u64,
    /// What it does.
    pub kind: LockKind,
    /// First byte.
    pub start: u64,
    /// Last byte; `i64::MAX` for the file's end wherever that is.
    pub end: u64,
}

/// What the server asks for. Nothing follows a link, in the middle of a path or at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Answered with `Attributes`.
    Attributes(Target),
    /// Answered with `Attributes`, as they are then.
    SetAttributes(Target, NewAttributes),
    /// Answered with `Bytes`: what the link says.
    ReadLink(Place),
    /// Answered with `Made`.
    MakeDirectory {
        /// Where.
        place: Place,
        /// As they are to be; nothing is taken away from them.
        permissions: u16,
    },
    /// An empty file, pipe or socket. Answered with `Made`.
    MakeNode {
        /// Where.
        place: Place,
        /// What; devices are refused.
        kind: Kind,
        /// As they are to be; nothing is taken away from them.
        permissions: u16,
    },
    /// A symbolic link. Answered with `Made`.
    MakeLink {
        /// Where.
        place: Place,
        /// What it says.
        target: Bytes,
    },
    /// Another name of a file. Answered with `Made`.
    AddName {
        /// The file.
        of: Place,
        /// Its new name.
        place: Place,
    },
    /// Answered with `Renamed`.
    Rename {
        /// From where.
        from: Place,
        /// To where.
        to: Place,
        /// What becomes of what is there.
        how: Renaming,
    },
    /// A file, link, pipe or socket. Answered with `Removed`.
    Remove(Place),
    /// An empty directory. Answered with `Removed`.
    RemoveDirectory(Place),
    /// Answered with `Opened`.
    Open(Place, Opening),
    /// Makes a file and opens it. Answered with `Created`.
    Create {
        /// Where.
        place: Place,
        /// As they are to be; nothing is taken away from them.
        permissions: u16,
        /// How.
        opening: Opening,
        /// It must not be there.
        exclusive: bool,
    },
    /// Answered with `Opened`.
    OpenDirectory(Place),
    /// The next part of a directory, without `.` and `..`. Answered with `Entries`.
    ReadDirectory {
        /// The directory.
        handle: Handle,
        /// From its beginning.
        restart: bool,
    },
    /// At most [`LARGEST_TRANSFER`]. Answered with `Bytes`, fewer than asked for only at the end.
    Read {
        /// The file.
        handle: Handle,
        /// From where.
        offset: u64,
        /// How many bytes.
        length: u32,
    },
    /// At most [`LARGEST_TRANSFER`]. Answered with `Count`.
    Write {
        /// The file.
        handle: Handle,
        /// To where; does not matter where it was opened to append.
        offset: u64,
        /// What.
        bytes: Bytes,
    },
    /// Writes all of it, [`LARGEST_TRANSFER`] at most, or is an error; then sets attributes, as `SetAttributes` does, with
    /// nothing between the two that was asked for from here. Answered with `Attributes`.
    WriteAndSet {
        /// The file.
        handle: Handle,
        /// To where; does not matter where it was opened to append.
        offset: u64,
        /// What.
        bytes: Bytes,
        /// What they are to be after that.
        new: NewAttributes,
    },
    /// Returns when everything is on the laptop's disk. Answered with `Done`.
    Sync {
        /// The file or directory.
        handle: Handle,
        /// The contents, and what it takes to find them.
        data_only: bool,
    },
    /// Its locks are given back. Answered with `Done`.
    Close(Handle),
    /// Answered with `Space`.
    Space(Place),
    /// Answered with `Bytes`.
    ExtendedAttribute {
        /// Of what.
        target: Target,
        /// Its name, as `user.…`.
        name: Bytes,
    },
    /// Answered with `Bytes`: names, a zero byte after each.
    ExtendedAttributes(Target),
    /// Answered with `Done`.
    SetExtendedAttribute {
        /// Of what.
        target: Target,
        /// Its name.
        name: Bytes,
        /// What it is to be.
        value: Bytes,
        /// What becomes of one that is there.
        how: Setting,
    },
    /// Answered with `Done`.
    RemoveExtendedAttribute {
        /// Of what.
        target: Target,
        /// Its name.
        name: Bytes,
    },
    /// Answered with `Done`.
    Allocate {
        /// The file.
        handle: Handle,
        /// From where.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// What happens to them.
        how: Allocation,
    },
    /// Answered with `Offset`.
    Seek {
        /// The file.
        handle: Handle,
        /// From where.
        offset: u64,
        /// To what.
        what: Seeking,
    },
    /// From one file to another, on the laptop. Answered with `Count`.
    Copy {
        /// From which file.
        from: Handle,
        /// From where in it.
        from_offset: u64,
        /// To which file.
        to: Handle,
        /// To where in it.
        to_offset: u64,
        /// How many bytes at most.
        length: u64,
    },
    /// The lock that would keep this one from being set. Answered with `Lock`.
    TestLock(Handle, Lock),
    /// Sets a lock, or answers `EAGAIN`: whoever waits for it asks again. Answered with `Done`.
    SetLock(Handle, Lock),
    /// Whole directories, and all below them: each directory's own come directly after it. What is not there, is another
    /// or cannot be listed is left out, and so is what would make the answer longer than [`LARGEST_TREE`]. At most
    /// [`MOST_PLACES`]. Answered with `Tree`.
    ReadTree(#[serde(deserialize_with = "few")] Vec<Place>),
    /// Whole files, [`LARGEST_TRANSFER`] bytes together and [`MOST_PLACES`] at most. Answered with `Files`, in this order.
    ReadFiles(#[serde(deserialize_with = "few")] Vec<Place>),
}

/// Why it was not done: a number of `errno(3)` on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorNumber(pub u16);

/// What comes of a request.
pub type Outcome = Result<Reply, ErrorNumber>;

/// No more than [`MOST_PLACES`]: in memory each takes far more than the three bytes that it may be on the wire.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Place>, D::Error> {
    let places = Vec::<Place>::deserialize(deserializer)?;
    if places.len() > MOST_PLACES {
        return Err(serde::de::Error::custom("more places than a request names"));
    }
    Ok(places)
}
