//! Answers to the thread that replays what the laptop has done: without asking the laptop, and without changing anything.
//!
//! Every function gives back what it was given where somebody else asks. The thread is refused whatever it is not doing.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use fuser::{FileHandle, FopenFlags, ReplyAttr, ReplyEmpty, ReplyEntry, ReplyOpen};
use live::files::{Attributes, Identity, Kind, Time};

use super::{GENERATION, attributes, writing};
use crate::attributes::{Owners, shown};
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::events::{Event, Known, What};
use crate::nodes::NodeId;
use crate::pending::Waiter;
use crate::shared::{Shared, Table};

/// What it opens has this number: nothing else has, and nothing is kept of it.
const OPEN: FileHandle = FileHandle(u64::MAX);

/// The kernel is to have a name that is gone before it is removed, and none where one is made.
pub(super) fn look_up(
    shared: &Arc<Shared>,
    waiter: Waiter,
    name: (NodeId, &OsStr),
    reply: ReplyEntry,
) -> Option<ReplyEntry> {
    let Some(Some(event)) = shared.replay.doing(waiter) else {
        return Some(reply);
    };
    let is_at = is(&event, name);
    let is_from = match &event.what {
        What::Moved { from, .. } => (from.0, from.1.as_os_str()) == name,
        _ => false,
    };
    if !is_at && !is_from {
        // On the way.
        return Some(reply);
    }
    if !event.is_news(&shared.table().nodes) {
        reply.error(to_kernel(errors::NOT_PERMITTED));
        return None;
    }
    match event.what {
        What::Moved { moved, .. } if is_from => give_gone(shared, Some(moved), true, reply),
        What::Removed(known) => give_gone(shared, known, false, reply),
        What::Moved {
            replaced: Some(replaced),
            ..
        } => give_gone(shared, Some(replaced), false, reply),
        What::Made { .. } | What::Moved { .. } => reply.error(to_kernel(errors::NOT_FOUND)),
        What::Contents(_) | What::Attributes(_) | What::Doubted(_) | What::ToldGone { .. } => {
            return Some(reply);
        }
    }
    None
}

fn is(event: &Event, name: (NodeId, &OsStr)) -> bool {
    (event.name.0, event.name.1.as_os_str()) == name
}

/// Gives the kernel what is gone, for as long as this takes: the node that it knows, or another that stands for it.
fn give_gone(shared: &Shared, known: Option<Known>, is_moved: bool, reply: ReplyEntry) {
    let mut table = shared.table();
    if known.is_some_and(|known| is_changing(&table, known.id)) {
        drop(table);
        return reply.error(to_kernel(errors::NOT_PERMITTED));
    }
    let nodes = &mut table.nodes;
    let there = known.filter(|known| match is_moved {
        true => nodes.kind(known.id) == Some(known.attributes.kind),
        false => nodes.may_be_gone(known.id, known.attributes.kind),
    });
    let (id, attributes) = match there {
        Some(known) => {
            nodes.remember(known.id);
            (known.id, known.attributes)
        }
        None => {
            let kind = known.map_or(Kind::File, |known| known.attributes.kind);
            (nodes.stand_in(), stand_in(kind, shared.owners))
        }
    };
    drop(table);
    let shown = shown(id, &attributes, shared.owners);
    reply.entry(&Duration::ZERO, &shown, GENERATION);
}

/// Whether it is being changed from here: the kernel knows better what it is like.
fn is_changing(table: &Table, id: NodeId) -> bool {
    table.writing.is_busy(id) || table.nodes.is_unseen(id)
}

fn stand_in(kind: Kind, owners: Owners) -> Attributes {
    let time = Time {
        seconds: 0,
        nanoseconds: 0,
    };
    let identity = Identity {
        device: 0,
        inode: 0,
        born: time,
    };
    Attributes {
        identity,
        kind,
        permissions: 0o700,
        links: 1,
        user: owners.laptop_user,
        group: owners.laptop_group,
        device_number: 0,
        size: 0,
        blocks: 0,
        accessed: time,
        modified: time,
        changed: time,
    }
}

/// The kernel is to have made what the laptop has made.
pub(super) fn make(
    shared: &Arc<Shared>,
    waiter: Waiter,
    (parent, name): (NodeId, &OsStr),
    reply: ReplyEntry,
) -> Option<ReplyEntry> {
    let Some(event) = shared.replay.doing(waiter) else {
        return Some(reply);
    };
    let made = event.filter(|event| is(event, (parent, name)));
    let Some(What::Made { attributes, asked }) = made.map(|event| event.what) else {
        reply.error(to_kernel(errors::NOT_PERMITTED));
        return None;
    };
    let mut table = shared.table();
    let known = table.nodes.by_identity(&attributes);
    if known.is_some_and(|id| is_changing(&table, id)) {
        drop(table);
        reply.error(to_kernel(errors::NOT_PERMITTED));
        return None;
    }
    let found = table.nodes.found(parent, name, &attributes, asked);
    let lifetime = table.lifetime(found.is_fresh);
    drop(table);
    let shown = shown(found.id, &attributes, shared.owners);
    reply.entry(&lifetime, &shown, GENERATION);
    if !found.is_fresh {
        let name = Invalidation::Name(parent, name.to_owned());
        shared.invalidator.add([name, Invalidation::Node(found.id)]);
    }
    None
}

/// The kernel is to have removed what the laptop has removed.
pub(super) fn remove(
    shared: &Arc<Shared>,
    waiter: Waiter,
    name: (NodeId, &OsStr),
    reply: ReplyEmpty,
) -> Option<ReplyEmpty> {
    let Some(event) = shared.replay.doing(waiter) else {
        return Some(reply);
    };
    match event
        .filter(|event| is(event, name))
        .map(|event| event.what)
    {
        Some(What::Removed(known)) => {
            let directory = known.filter(|known| known.attributes.kind == Kind::Directory);
            if let Some(known) = directory {
                shared.table().nodes.died(known.id);
            }
            reply.ok();
        }
        _ => reply.error(to_kernel(errors::NOT_PERMITTED)),
    }
    None
}

/// The kernel is to have renamed what the laptop has renamed.
pub(super) fn rename(
    shared: &Arc<Shared>,
    waiter: Waiter,
    from: (NodeId, &OsStr),
    to: (NodeId, &OsStr),
    reply: ReplyEmpty,
) -> Option<ReplyEmpty> {
    let event = match shared.replay.doing(waiter) {
        Some(event) => event.filter(|event| is(event, to)),
        None => return Some(reply),
    };
    match event.map(|event| event.what) {
        Some(What::Moved { from: moved, .. }) if (moved.0, moved.1.as_os_str()) == from => {
            reply.ok();
        }
        _ => reply.error(to_kernel(errors::NOT_PERMITTED)),
    }
    None
}

/// It may open a file to say that it was written.
pub(super) fn open(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    reply: ReplyOpen,
) -> Option<ReplyOpen> {
    let Some(event) = shared.replay.doing(waiter) else {
        return Some(reply);
    };
    match event.map(|event| event.what) {
        Some(What::Contents(id)) if id == node => reply.opened(
            OPEN,
            FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH,
        ),
        _ => reply.error(to_kernel(errors::NOT_PERMITTED)),
    }
    None
}

/// It may set times: they stay as they are.
pub(super) fn set(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    reply: ReplyAttr,
) -> Option<ReplyAttr> {
    let Some(event) = shared.replay.doing(waiter) else {
        return Some(reply);
    };
    match event.map(|event| event.what) {
        Some(What::Contents(id) | What::Attributes(id)) if id == node => {
            // The kernel takes the length for granted.
            writing::after(shared, waiter, Some(node), reply, move |shared, reply| {
                attributes::get(shared, waiter, node, None, reply);
            });
        }
        _ => reply.error(to_kernel(errors::NOT_PERMITTED)),
    }
    None
}
