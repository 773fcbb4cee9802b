//! Listing directories.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use fuser::{FileAttr, FileType, INodeNo, ReplyDirectory, ReplyDirectoryPlus};
use live::RelativePath;
use live::files::{Entry, ErrorNumber, Outcome, Reply, Request};

use super::GENERATION;
use crate::attributes::{Owners, file_type, none_shown, shown};
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::{Epoch, NodeId};
use crate::opened::{Listing, OpenId};
use crate::pending::Waiter;
use crate::shared::{Shared, Table};

/// How the kernel wants it.
pub(super) enum Listed {
    /// Names only.
    Names(ReplyDirectory),
    /// With attributes, so that each counts as looked up.
    Entries(ReplyDirectoryPlus),
}

impl Listed {
    fn ok(self) {
        match self {
            Self::Names(reply) => reply.ok(),
            Self::Entries(reply) => reply.ok(),
        }
    }

    fn error(self, error: ErrorNumber) {
        match self {
            Self::Names(reply) => reply.error(to_kernel(error)),
            Self::Entries(reply) => reply.error(to_kernel(error)),
        }
    }
}

/// `.` and `..` come first; the kernel knows them.
const DOTS: u64 = 2;

/// Lists what comes after `offset`: so many entries have been listed before.
pub(super) fn list(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    offset: u64,
    mut reply: Listed,
) {
    let mut table = shared.table();
    let Some(open) = table.opened.get_mut(id) else {
        drop(table);
        return reply.error(errors::NOT_OPEN);
    };
    let node = open.node;
    let listing = &mut open.listing;
    if offset == 0 && listing.has_begun() {
        *listing = Listing {
            is_restarted: true,
            ..Listing::default()
        };
    }
    let is_there = listing.is_complete || offset < DOTS + listing.entries.len() as u64;
    if !is_there {
        drop(table);
        return read_on(shared, waiter, id, offset, reply);
    }
    // Taken out, so that the rest of the table can be used.
    let listing = std::mem::take(listing);
    let stale = fill(
        &mut table,
        node,
        &listing,
        offset,
        &mut reply,
        shared.owners,
    );
    if let Some(open) = table.opened.get_mut(id) {
        open.listing = listing;
    }
    drop(table);
    reply.ok();
    if !stale.is_empty() {
        shared.invalidator.add(stale);
        shared.invalidator.add([Invalidation::Node(node)]);
    }
}

impl Listing {
    fn has_begun(&self) -> bool {
        !self.entries.is_empty() || self.is_complete
    }
}

/// Reads the next part from the laptop, and lists what is there then.
fn read_on(shared: &Arc<Shared>, waiter: Waiter, id: OpenId, offset: u64, reply: Listed) {
    shared.with_handle(waiter, id, move |shared, handle| {
        let handle = match handle {
            Ok(handle) => handle,
            Err(error) => return reply.error(error),
        };
        let mut table = shared.table();
        let asked = table.nodes.now();
        let restart = table
            .opened
            .get_mut(id)
            .is_some_and(|open| std::mem::take(&mut open.listing.is_restarted));
        drop(table);
        shared.ask(
            waiter,
            Request::ReadDirectory { handle, restart },
            move |shared, outcome| match append(shared, id, asked, outcome) {
                Ok(()) => list(shared, waiter, id, offset, reply),
                Err(error) => reply.error(error),
            },
        );
    });
}

fn append(shared: &Shared, id: OpenId, asked: Epoch, outcome: Outcome) -> Result<(), ErrorNumber> {
    let Reply::Entries { entries, is_last } = outcome? else {
        return Err(errors::INPUT_OUTPUT);
    };
    let mut table = shared.table();
    let listing = &mut table.opened.get_mut(id).ok_or(errors::NOT_OPEN)?.listing;
    // Nothing, and still not the end, would be asked for for ever.
    listing.is_complete = is_last || entries.is_empty();
    listing.entries.extend(
        entries
            .into_iter()
            .filter(has_valid_name)
            .map(|entry| (entry, asked)),
    );
    Ok(())
}

/// The kernel would take the whole directory for broken.
fn has_valid_name(entry: &Entry) -> bool {
    RelativePath::root()
        .join(OsStr::from_bytes(&entry.name))
        .is_ok()
}

/// Adds what has room. What the kernel must not keep of it is returned.
fn fill(
    table: &mut Table,
    node: NodeId,
    listing: &Listing,
    offset: u64,
    reply: &mut Listed,
    owners: Owners,
) -> Vec<Invalidation> {
    let mut stale = Vec::new();
    for (dot, name) in (0..DOTS)
        .zip([".", ".."])
        .skip(usize::try_from(offset).unwrap_or(usize::MAX))
    {
        if add_dot(reply, node, dot + 1, name) {
            return stale;
        }
    }
    let from = usize::try_from(offset.saturating_sub(DOTS)).unwrap_or(usize::MAX);
    for (index, (entry, asked)) in listing.entries.iter().enumerate().skip(from) {
        let name = OsStr::from_bytes(&entry.name);
        // It was removed meanwhile.
        if table.nodes.is_absent(node, name) && table.nodes.is_name_stale(node, name, *asked) {
            continue;
        }
        let next = index as u64 + DOTS + 1;
        let is_full = match reply {
            Listed::Names(reply) => {
                let id = table
                    .nodes
                    .by_identity(&entry.attributes)
                    .map_or(entry.attributes.identity.inode, |id| id.0);
                reply.add(INodeNo(id), next, file_type(entry.attributes.kind), name)
            }
            Listed::Entries(reply) => {
                let found = table.nodes.found(node, name, &entry.attributes, *asked);
                let lifetime = table.lifetime(found.is_fresh);
                let shown = shown(found.id, &entry.attributes, owners);
                let is_full = reply.add(
                    INodeNo(found.id.0),
                    next,
                    name,
                    &lifetime,
                    &shown,
                    GENERATION,
                );
                if is_full {
                    table.nodes.forget(found.id, 1);
                } else if !found.is_fresh {
                    stale.push(Invalidation::Name(node, name.to_owned()));
                }
                is_full
            }
        };
        if is_full {
            break;
        }
    }
    stale
}

/// Whether it is full.
fn add_dot(reply: &mut Listed, node: NodeId, next: u64, name: &str) -> bool {
    let ino = INodeNo(node.0);
    match reply {
        Listed::Names(reply) => reply.add(ino, next, FileType::Directory, name),
        Listed::Entries(reply) => {
            let attributes = FileAttr {
                ino,
                kind: FileType::Directory,
                ..none_shown()
            };
            reply.add(
                ino,
                next,
                name,
                &std::time::Duration::ZERO,
                &attributes,
                GENERATION,
            )
        }
    }
}
