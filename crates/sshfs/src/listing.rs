//! A directory that is being read: the laptop's parts of it, cut into packets.

use std::collections::VecDeque;

use live::Bytes;
use live::files::Entry;
use mount::Owners;

use crate::attributes::{of_dots, shown};
use crate::packets::{Name, Reply};
use crate::status::Status;

/// About how long a packet of names is, in bytes. sshfs takes none that is longer than 128 KiB (`MAX_REPLY_LEN`).
const LONGEST: usize = 64 << 10;
/// What an entry takes beside its name: two lengths and the attributes.
const BESIDE: usize = 40;

/// Begins with `.` and `..`, which the laptop does not tell of.
#[derive(Debug)]
pub(crate) struct Listing {
    names: VecDeque<Name>,
    is_last: bool,
}

impl Listing {
    pub(crate) fn new() -> Self {
        let dots =
            [".", ".."].map(|name| Name::new(Bytes::from_static(name.as_bytes()), of_dots()));
        Self {
            names: dots.into(),
            is_last: false,
        }
    }

    /// The laptop has told of these, and of all if `is_last`.
    pub(crate) fn add(&mut self, entries: Vec<Entry>, is_last: bool, owners: Owners) {
        let names = entries
            .into_iter()
            .map(|entry| Name::new(entry.name, shown(&entry.attributes, owners)));
        self.names.extend(names);
        self.is_last |= is_last;
    }

    /// The next packet; `None` if the laptop has to be asked first.
    pub(crate) fn next(&mut self) -> Option<Reply> {
        if self.names.is_empty() {
            return self.is_last.then_some(Reply::Status(Status::End));
        }
        let mut length = 0;
        let fitting = self.names.iter().take_while(|name| {
            length += name.name.len() + BESIDE;
            length <= LONGEST
        });
        // One that is too long by itself, which no system has, goes alone.
        let count = fitting.count().max(1);
        Some(Reply::Names(self.names.drain(..count).collect()))
    }
}

#[cfg(test)]
mod tests {
    use live::files::{Attributes, Identity, Kind, Time};

    use super::*;

    fn entry(name: String) -> Entry {
        let time = Time::default();
        let identity = Identity {
            device: 1,
            inode: 2,
            born: time,
        };
        let attributes = Attributes {
            identity,
            kind: Kind::File,
            permissions: 0o644,
            links: 1,
            user: 0,
            group: 0,
            device_number: 0,
            size: 0,
            blocks: 0,
            accessed: time,
            modified: time,
            changed: time,
        };
        let name = Bytes::from(name);
        Entry { name, attributes }
    }

    #[test]
    fn every_name_is_in_one_packet_that_sshfs_takes() {
        let mut listing = Listing::new();
        let owners = Owners::new(0, 0);
        assert!(matches!(listing.next(), Some(Reply::Names(names)) if names.len() == 2));
        assert!(listing.next().is_none());
        let long = |number| entry(format!("{number:0>255}"));
        listing.add((0..500).map(long).collect(), false, owners);
        listing.add((500..999).map(long).collect(), true, owners);
        let mut told = 0;
        loop {
            match listing.next() {
                Some(Reply::Names(names)) => {
                    for name in &names {
                        assert_eq!(&name.name[..], format!("{told:0>255}").as_bytes());
                        told += 1;
                    }
                    let packet = crate::packets::encode(1, Reply::Names(names));
                    assert!(packet.len() < 128 << 10, "{}", packet.len());
                }
                Some(Reply::Status(Status::End)) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(told, 999);
    }
}
