//! Listing directories.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use fuser::{FileAttr, FileType, INodeNo, ReplyDirectory, ReplyDirectoryPlus};
use live::RelativePath;
use live::files::{Attributes, Entry, ErrorNumber, Outcome, Reply, Request};

use super::GENERATION;
use super::ahead::{self, Attempt};
use crate::ahead::{Aim, Flight};
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
        return read_ahead(shared, waiter, id, offset, reply, Attempt::default());
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
    pub(super) fn has_begun(&self) -> bool {
        !self.entries.is_empty() || self.is_complete
    }
}

/// Takes a whole directory that was read ahead, or is on its way; otherwise as [`read_on`].
fn read_ahead(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    offset: u64,
    reply: Listed,
    attempt: Attempt,
) {
    match ahead::list(shared, id, attempt) {
        ahead::Next::Here(()) => list(shared, waiter, id, offset, reply),
        ahead::Next::Coming(flight, attempt) => {
            ahead::wait(shared, waiter, flight, move |shared, came| match came {
                Ok(()) => read_ahead(shared, waiter, id, offset, reply, attempt),
                Err(error) => reply.error(error),
            });
        }
        ahead::Next::Ask => read_on(shared, waiter, id, offset, reply),
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
        // If it is the whole directory, it is kept for those who look its names up.
        let flight = table.ahead.start(Aim::Trees(Vec::new()), asked);
        let restart = table
            .opened
            .get_mut(id)
            .is_some_and(|open| std::mem::take(&mut open.listing.is_restarted));
        drop(table);
        shared.ask(
            waiter,
            Request::ReadDirectory { handle, restart },
            move |shared, outcome| match append(shared, id, asked, flight, outcome) {
                Ok(()) => list(shared, waiter, id, offset, reply),
                Err(error) => reply.error(error),
            },
        );
    });
}

fn append(
    shared: &Shared,
    id: OpenId,
    asked: Epoch,
    flight: Flight,
    outcome: Outcome,
) -> Result<(), ErrorNumber> {
    let mut table = shared.table();
    let whole = outcome
        .as_ref()
        .ok()
        .and_then(|reply| whole(&table, id, reply));
    // Nobody waits for it.
    drop(table.ahead.trees_came(flight, whole.into_iter().collect()));
    let Reply::Entries { entries, is_last } = outcome? else {
        return Err(errors::INPUT_OUTPUT);
    };
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

/// The directory, if that is all of it.
fn whole(table: &Table, id: OpenId, reply: &Reply) -> Option<live::files::Listing> {
    let Reply::Entries {
        entries,
        is_last: true,
    } = reply
    else {
        return None;
    };
    let open = table.opened.get(id)?;
    if open.listing.has_begun() || !table.is_watched {
        return None;
    }
    Some(live::files::Listing {
        path: table.nodes.path(open.node)?,
        identity: table.nodes.identity(open.node)?,
        entries: entries.clone(),
    })
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
                // The kernel knows better how long a file is that is being written.
                let end = table.writing.end(found.id);
                let lifetime = table.lifetime(found.is_fresh && end.is_none());
                let attributes = Attributes {
                    size: entry.attributes.size.max(end.unwrap_or_default()),
                    ..entry.attributes
                };
                let shown = shown(found.id, &attributes, owners);
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
