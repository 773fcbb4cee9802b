//! Opening, making and closing.

use std::ffi::OsStr;
use std::sync::Arc;

use fuser::{FileHandle, FopenFlags, ReplyCreate, ReplyEmpty, ReplyOpen};
use live::files::{Access, Attributes, Kind, Opening, Outcome, Request};
use rustix::fs::OFlags;

use super::ahead::{self, Attempt, Next};
use super::{GENERATION, looking};
use crate::ahead::LARGEST_SMALL;
use crate::attributes::shown;
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::{Epoch, NodeId, Observed};
use crate::opened::{How, OnLaptop, Open, OpenId, PASSING};
use crate::pending::{NOBODY, Waiter};
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
    open_if_here(
        shared,
        waiter,
        (node, opening(flags)),
        reply,
        Attempt::default(),
    );
}

/// Opens it here alone if its contents are here, otherwise on the laptop.
///
/// What is opened on the laptop is the file that was looked up, or the kernel is told and looks up again: whoever has opened
/// something can read it to its end whatever becomes of its name, also while it is not known here that it has lost it.
fn open_if_here(
    shared: &Arc<Shared>,
    waiter: Waiter,
    (node, opening): (NodeId, Opening),
    reply: ReplyOpen,
    attempt: Attempt,
) {
    match find_to_read(shared, node, opening, attempt) {
        Next::Here(()) => {
            let id = insert_passing(shared, node, opening);
            reply.opened(FileHandle(id.0), FopenFlags::FOPEN_KEEP_CACHE);
        }
        Next::Coming(flight, attempt) => {
            ahead::wait(shared, waiter, flight, move |shared, came| match came {
                Ok(()) => open_if_here(shared, waiter, (node, opening), reply, attempt),
                Err(error) => reply.error(to_kernel(error)),
            });
        }
        Next::Ask => open_on_laptop(shared, waiter, node, opening, reply),
    }
}

/// Looks for the contents of what is to be opened to read it.
fn find_to_read(
    shared: &Arc<Shared>,
    node: NodeId,
    opening: Opening,
    attempt: Attempt,
) -> Next<()> {
    let table = shared.table();
    let known = table.nodes.known(node).filter(|_| table.is_watched);
    let is_file = known.is_some_and(|known| known.kind == Kind::File);
    let is_harmless = opening.access == Access::Read && !opening.truncate;
    if !is_file || !is_harmless || !table.nodes.has_name(node) {
        return Next::Ask;
    }
    if table.nodes.has_been_given(node, LARGEST_SMALL) {
        return Next::Here(());
    }
    drop(table);
    ahead::find_to_open(shared, node, attempt)
}

fn insert_passing(shared: &Arc<Shared>, node: NodeId, opening: Opening) -> OpenId {
    let mut table = shared.table();
    table.nodes.opened(node);
    let (id, is_to_be_kept) = table.opened.insert_passing(node, opening);
    drop(table);
    if is_to_be_kept {
        keep_later(shared);
    }
    id
}

/// Has what stays open opened on the laptop.
fn keep_later(shared: &Arc<Shared>) {
    let weak = Arc::downgrade(shared);
    shared.later.after(PASSING, move || {
        let Some(shared) = weak.upgrade() else {
            return;
        };
        let (lasting, are_left) = shared.table().opened.take_lasting();
        for id in lasting {
            // Whoever reads it finds out if it is not there.
            shared.with_handle(NOBODY, id, |_, _| {});
        }
        if are_left {
            keep_later(&shared);
        }
    });
}

fn open_on_laptop(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    opening: Opening,
    reply: ReplyOpen,
) {
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
                    table.nodes.dropped(node);
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
