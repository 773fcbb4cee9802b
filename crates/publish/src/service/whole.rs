//! Whole directories and files, many at once: for who reads ahead.
//!
//! Nothing is open when it is answered, and what cannot be had is left out: who needs it asks for it alone, and is told why.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use bytes::Bytes;
use live::files::{
    Attributes, Contents, Entry, Kind, LARGEST_TRANSFER, LARGEST_TREE, Listing, MOST_PLACES, Place,
    Reply,
};
use rustix::fs::{OFlags, RawDir};
use rustix::io::{Errno, pread, retry_on_intr};

use super::directory::{BUFFER, ENTRY, Look};
use super::{Service, Tree};
use crate::attributes::{attributes, identity};
use crate::stat::fstat;

impl Service {
    /// The depth first, in the laptop's order: as those who go through a tree do.
    pub(super) fn read_tree(&self, places: Vec<Place>) -> Result<Reply, Errno> {
        let _permit = self.handles.permit()?;
        let mut next: Vec<_> = places.into_iter().take(MOST_PLACES).rev().collect();
        let (mut listings, mut room) = (Vec::new(), LARGEST_TREE);
        while let Some(place) = next.pop() {
            let tree = self.tree(place.root)?;
            let Ok((listing, length)) = list_whole(&tree, &place, room) else {
                // A directory that is too long by itself keeps no other from being listed.
                if room < LARGEST_TREE / 2 {
                    break;
                }
                continue;
            };
            room -= length;
            let from = next.len();
            next.extend(
                listing
                    .entries
                    .iter()
                    .filter_map(|entry| below(&place, entry)),
            );
            next[from..].reverse();
            listings.push(listing);
        }
        Ok(Reply::Tree(listings))
    }

    pub(super) fn read_files(&self, places: &[Place]) -> Result<Reply, Errno> {
        let _permit = self.handles.permit()?;
        let mut room = LARGEST_TRANSFER as usize;
        let read = |place: &Place| {
            let tree = self.tree(place.root).ok()?;
            let contents = read_whole(&tree, place, room).ok().flatten()?;
            room -= contents.bytes.len();
            Some(contents)
        };
        let files = places.iter().take(MOST_PLACES).map(read).collect();
        Ok(Reply::Files(files))
    }
}

/// A directory in that one.
fn below(directory: &Place, entry: &Entry) -> Option<Place> {
    if entry.attributes.kind != Kind::Directory {
        return None;
    }
    Some(Place {
        root: directory.root,
        path: directory.path.join(OsStr::from_bytes(&entry.name)).ok()?,
        identity: Some(entry.attributes.identity),
    })
}

/// A directory and about how long that is; an error if it is longer than `room`.
fn list_whole(tree: &Arc<Tree>, place: &Place, room: usize) -> Result<(Listing, usize), Errno> {
    let held = tree.hold(place)?;
    let descriptor = held.reopen_directory()?;
    let look = Look::new(tree, descriptor.as_fd())?;
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut names = RawDir::new(descriptor.as_fd(), &mut buffer);
    let (mut entries, mut length) = (Vec::new(), ENTRY + place.path.as_bytes().len());
    while let Some(name) = names.next() {
        let name = name?;
        let name = name.file_name().to_bytes();
        let Some(attributes) = look.at(name)? else {
            continue;
        };
        length += ENTRY + name.len();
        if length > room {
            return Err(Errno::FBIG);
        }
        let name = name.to_vec().into();
        entries.push(Entry { name, attributes });
    }
    let listing = Listing {
        path: place.path.clone(),
        identity: identity(held.stat()),
        entries,
    };
    Ok((listing, length))
}

/// A file; `None` if it is none, larger than `room`, or changes.
fn read_whole(tree: &Arc<Tree>, place: &Place, room: usize) -> Result<Option<Contents>, Errno> {
    let held = tree.hold(place)?;
    if held.kind() != Kind::File {
        return Ok(None);
    }
    let descriptor = held.reopen(OFlags::RDONLY)?;
    let before = attributes(&fstat(&descriptor)?);
    let length = usize::try_from(before.size).unwrap_or(usize::MAX);
    if length > room {
        return Ok(None);
    }
    let bytes = read_all(descriptor.as_fd(), length)?;
    let after = attributes(&fstat(&descriptor)?);
    let is_same = is_unchanged(&before, &after) && bytes.len() == length;
    Ok(is_same.then_some(Contents {
        attributes: after,
        bytes,
    }))
}

fn is_unchanged(before: &Attributes, after: &Attributes) -> bool {
    let of = |attributes: &Attributes| (attributes.size, attributes.modified, attributes.changed);
    of(before) == of(after)
}

fn read_all(file: BorrowedFd<'_>, length: usize) -> Result<Bytes, Errno> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match retry_on_intr(|| pread(file, &mut bytes[done..], done as u64))? {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    Ok(bytes.into())
}
