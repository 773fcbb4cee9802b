//! Opening, making and closing.

use std::ffi::OsStr;
use std::sync::Arc;

use fuser::{FileHandle, FopenFlags, ReplyCreate, ReplyEmpty, ReplyOpen};
use live::files::{Access, Attributes, Kind, Opening, Outcome, Request};
use rustix::fs::OFlags;

use super::{GENERATION, looking};
use crate::attributes::shown;
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::{Epoch, NodeId, Observed};
use crate::opened::{How, OnLaptop, Open, OpenId};
use crate::pending::Waiter;
use crate::shared::{Shared, Table, opened, split};

fn opening(flags: i32) -> Opening {
    let flags = OFlags::from_bits_retain(flags.cast_unsigned());
    let access = match flags & OFlags::RWMODE {
        OFlags::WRONLY => Access::Write,
        OFlags::RDWR => Access::ReadWrite,
        _ => Access::Read,
    };
    Opening {
        access,
        truncate: flags.contains(OFlags::TRUNC),
        append: flags.contains(OFlags::APPEND),
    }
}

pub(super) fn open(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    flags: i32,
    reply: ReplyOpen,
) {
    let opening = opening(flags);
    if let Some(id) = open_later(shared, node, opening) {
        return reply.opened(FileHandle(id.0), FopenFlags::FOPEN_KEEP_CACHE);
    }
    if opening.truncate {
        shared.table().nodes.begun(node);
    }
    let make = move |table: &Table, guess| {
        Ok(Request::Open(
            table.nodes.place(node, guess).ok_or(errors::STALE)?,
            opening,
        ))
    };
    shared.ask_at(waiter, make, move |shared, asked, outcome| {
        if opening.truncate {
            shared.table().nodes.ended(node);
        }
        match opened(outcome) {
            Ok((handle, attributes)) => {
                let observed = shared.observed_unseen(node, &attributes, asked);
                let is_same = observed == Observed::Same;
                let mut table = shared.table();
                if opening.truncate {
                    table.resized(node, observed != Observed::Stale);
                }
                let flags = if is_same && table.is_watched {
                    FopenFlags::FOPEN_KEEP_CACHE
                } else {
                    FopenFlags::empty()
                };
                let id = insert(&mut table, node, How::File(opening), OnLaptop::Open(handle));
                note_making(&mut table, id, &attributes);
                drop(table);
                reply.opened(FileHandle(id.0), flags);
            }
            Err(error) => {
                looking::look(shared, node);
                reply.error(to_kernel(error));
            }
        }
    });
}

/// A file that is to be read, and is as it is known, needs not be opened on the laptop: the kernel may have all of it.
fn open_later(shared: &Shared, node: NodeId, opening: Opening) -> Option<OpenId> {
    let mut table = shared.table();
    let is_known = table.is_watched
        && table
            .nodes
            .known(node)
            .is_some_and(|known| known.kind == Kind::File);
    let is_harmless = opening.access == Access::Read && !opening.truncate;
    let has_name = table.nodes.has_name(node);
    let may_wait = is_known && is_harmless && has_name;
    may_wait.then(|| insert(&mut table, node, How::File(opening), OnLaptop::NotYet))
}

pub(super) fn open_directory(shared: &Arc<Shared>, waiter: Waiter, node: NodeId, reply: ReplyOpen) {
    let mut table = shared.table();
    let is_watched = table.is_watched;
    let id = insert(&mut table, node, How::Directory, OnLaptop::NotYet);
    drop(table);
    if is_watched {
        // The kernel has what was listed last until it is told otherwise.
        return reply.opened(
            FileHandle(id.0),
            FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE,
        );
    }
    shared.with_handle(waiter, id, move |shared, handle| match handle {
        Ok(_) => reply.opened(FileHandle(id.0), FopenFlags::empty()),
        Err(error) => {
            remove(shared, id);
            reply.error(to_kernel(error));
        }
    });
}

pub(super) fn create(
    shared: &Arc<Shared>,
    waiter: Waiter,
    parent: NodeId,
    name: &OsStr,
    mode: u32,
    flags: i32,
    reply: ReplyCreate,
) {
    let opening = opening(flags);
    let exclusive = OFlags::from_bits_retain(flags.cast_unsigned()).contains(OFlags::EXCL);
    let permissions = (mode & 0o7777) as u16;
    let name = name.to_owned();
    let asked_name = name.clone();
    let make = move |table: &Table, guess| {
        let place = table.nodes.place_in(parent, &asked_name, guess)?;
        Ok(Request::Create {
            place,
            permissions,
            opening,
            exclusive,
        })
    };
    shared.ask_at(waiter, make, move |shared, asked, outcome| {
        created(shared, (parent, &name), opening, asked, outcome, reply);
    });
}

fn created(
    shared: &Shared,
    (parent, name): (NodeId, &OsStr),
    opening: Opening,
    asked: Epoch,
    outcome: Outcome,
    reply: ReplyCreate,
) {
    let (outcome, directories) = split(outcome);
    let (handle, attributes) = match opened(outcome) {
        Ok(opened) => opened,
        Err(error) => return reply.error(to_kernel(error)),
    };
    let mut table = shared.table();
    table.changed_in(parent, directories.first(), asked);
    table.forget_name_ahead(parent, name);
    let made = (parent, name.to_owned());
    table.nodes.own.made(made, attributes.identity);
    let found = table.nodes.found(parent, name, &attributes, asked);
    let id = insert(
        &mut table,
        found.id,
        How::File(opening),
        OnLaptop::Open(handle),
    );
    note_making(&mut table, id, &attributes);
    let lifetime = table.lifetime(found.is_fresh);
    drop(table);
    let shown = shown(found.id, &attributes, shared.owners);
    reply.created(
        &lifetime,
        &shown,
        GENERATION,
        FileHandle(id.0),
        FopenFlags::empty(),
    );
    shared.given((parent, name), Some(found.id), asked);
    if !found.is_fresh {
        shared
            .invalidator
            .add([Invalidation::Name(parent, name.to_owned())]);
    }
}

pub(super) fn release(shared: &Arc<Shared>, id: OpenId, reply: ReplyEmpty) {
    let node = shared.table().opened.get(id).map(|open| open.node);
    if let Some(node) = node {
        looking::look(shared, node);
    }
    remove(shared, id);
    reply.ok();
}

fn insert(table: &mut Table, node: NodeId, how: How, on_laptop: OnLaptop) -> OpenId {
    table.nodes.opened(node);
    table.opened.insert(node, how, on_laptop)
}

/// Whoever opens an empty file to write is making it.
fn note_making(table: &mut Table, id: OpenId, attributes: &Attributes) {
    if let Some(open) = table.opened.get_mut(id) {
        open.is_making = open.is_writable() && attributes.size == 0;
    }
}

fn remove(shared: &Shared, id: OpenId) {
    let mut table = shared.table();
    let removed = table.opened.remove(id);
    let is_writable = removed.as_ref().is_some_and(Open::is_writable);
    if let Some(open) = &removed {
        table.nodes.closed(open.node);
    }
    drop(table);
    match removed.map(|open| open.on_laptop) {
        Some(OnLaptop::Open(handle)) if is_writable => shared.close_written(handle),
        Some(OnLaptop::Open(handle)) => shared.close(handle),
        // It is closed when it has been opened. Whoever wanted it to be, for another reason than to use it, goes on.
        Some(OnLaptop::Asked(waiting)) => waiting
            .into_iter()
            .for_each(|then| then(Err(errors::NOT_OPEN))),
        Some(OnLaptop::NotYet) | None => {}
    }
}
