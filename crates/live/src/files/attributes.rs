//! What a file is like.

use serde::{Deserialize, Serialize};

/// Which file it is, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Number of the file system on the laptop (`st_dev`).
    pub device: u64,
    /// Number of the file in it (`st_ino`). File systems give it to another file when this one is gone.
    pub inode: u64,
    /// When the file was made (`stx_btime`), by which these are told apart; zero where the file system does not know.
    pub born: Time,
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum Kind {
    File,
    Directory,
    Link,
    Pipe,
    Socket,
    CharacterDevice,
    BlockDevice,
}

/// A time: seconds since 1970, which may be negative, and nanoseconds after that.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[allow(missing_docs, reason = "see above")]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// What `stat` tells, as it is on the laptop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Which file.
    pub identity: Identity,
    /// What kind.
    pub kind: Kind,
    /// The lower 12 bits of `st_mode`.
    pub permissions: u16,
    /// How many names it has.
    pub links: u32,
    /// Number of its owner on the laptop.
    pub user: u32,
    /// Number of its group on the laptop.
    pub group: u32,
    /// Of a device, as `st_rdev` has it.
    pub device_number: u64,
    /// In bytes.
    pub size: u64,
    /// How much it takes on the laptop's disk, in units of 512 bytes.
    pub blocks: u64,
    /// Of its contents.
    pub accessed: Time,
    /// Of its contents.
    pub modified: Time,
    /// Of its attributes.
    pub changed: Time,
}

/// A time to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewTime {
    /// The laptop's present.
    Now,
    /// This one.
    At(Time),
}

/// Attributes to be set; `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in `Attributes`")]
pub struct NewAttributes {
    pub permissions: Option<u16>,
    pub user: Option<u32>,
    pub group: Option<u32>,
    pub size: Option<u64>,
    pub accessed: Option<NewTime>,
    pub modified: Option<NewTime>,
}
