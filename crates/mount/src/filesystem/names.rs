//! Names: looking up, making and removing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fuser::{ReplyData, ReplyEmpty, ReplyEntry};
use live::files::{Attributes, ErrorNumber, Kind, Listing, Outcome, Place, Reply, Request};

use super::{GENERATION, ahead};
use crate::ahead::{Aim, Flight};
use crate::attributes::{none_shown, shown};
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::{Epoch, NodeId};
use crate::pending::Waiter;
use crate::shared::{Shared, Table, attributes, bytes, done, split};

/// The bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o7777;

/// A name in a directory, to be kept until the answer.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) parent: NodeId,
    pub(super) name: OsString,
}

impl Name {
    pub(super) fn new(parent: NodeId, name: &OsStr) -> Self {
        Self {
            parent,
            name: name.to_owned(),
        }
    }

    pub(super) fn pair(&self) -> (NodeId, &OsStr) {
        (self.parent, &self.name)
    }

    pub(super) fn place(&self, table: &Table, guess: usize) -> Result<Place, ErrorNumber> {
        table.nodes.place_in(self.parent, &self.name, guess)
    }

    pub(super) fn leads_to(&self, table: &Table) -> Option<NodeId> {
        table.nodes.child(self.parent, &self.name)
    }

    pub(super) fn invalidation(self) -> Invalidation {
        Invalidation::Name(self.parent, self.name)
    }
}

pub(super) fn look_up(
    shared: &Arc<Shared>,
    waiter: Waiter,
    parent: NodeId,
    name: &OsStr,
    reply: ReplyEntry,
) {
    let name = Name::new(parent, name);
    match ahead::find(shared, name.parent, &name.name) {
        Some((asked, Some(attributes))) => {
            return give_entry(shared, name, asked, Ok(attributes), reply);
        }
        Some((asked, None)) => return give_none(shared, waiter, &name, asked, reply),
        None => {}
    }
    let asked_name = name.clone();
    let make = move |table: &Table, guess| {
        Ok(Request::Attributes(live::files::Target::Place(
            asked_name.place(table, guess)?,
        )))
    };
    let since = Instant::now();
    shared.ask_at(waiter, make, move |shared, asked, outcome| {
        // Other errors may be this side's own, at once.
        if matches!(outcome, Ok(_) | Err(errors::NOT_FOUND)) {
            shared.table().ahead.name_answered(since.elapsed());
        }
        match outcome {
            Err(errors::NOT_FOUND) => give_none(shared, waiter, &name, asked, reply),
            outcome => give_entry(shared, name, asked, attributes(outcome), reply),
        }
    });
}

/// The kernel may keep it that there is none, if changes are told; not where it is still to be told that it is gone.
fn give_none(shared: &Shared, waiter: Waiter, name: &Name, asked: Epoch, reply: ReplyEntry) {
    let is_replayed = shared.replay.doing(waiter).is_some();
    let mut table = shared.table();
    let is_certain = table.nodes.missed(name.parent, &name.name, asked);
    let may_keep = is_certain && table.is_watched && !is_replayed;
    let lifetime = table.lifetime(true);
    drop(table);
    if may_keep {
        reply.entry(&lifetime, &none_shown(), GENERATION);
        shared.given(name.pair(), None, asked);
    } else {
        reply.error(to_kernel(errors::NOT_FOUND));
    }
}

/// Gives the kernel a name that leads to a file like that.
fn give_entry(
    shared: &Shared,
    name: Name,
    asked: Epoch,
    attributes: Result<Attributes, ErrorNumber>,
    reply: ReplyEntry,
) {
    let attributes = match attributes {
        Ok(attributes) => attributes,
        Err(error) => return reply.error(to_kernel(error)),
    };
    let mut table = shared.table();
    let found = table
        .nodes
        .found(name.parent, &name.name, &attributes, asked);
    let lifetime = table.lifetime(found.is_fresh);
    drop(table);
    reply.entry(
        &lifetime,
        &shown(found.id, &attributes, shared.owners),
        GENERATION,
    );
    shared.given(name.pair(), Some(found.id), asked);
    if !found.is_fresh {
        shared.invalidator.add([name.invalidation()]);
    }
}

/// Asks for a new name, and gives it to the kernel.
fn make<M>(shared: &Arc<Shared>, waiter: Waiter, name: Name, request: M, reply: ReplyEntry)
where
    M: Fn(&Table, Place) -> Result<Request, ErrorNumber> + Send + 'static,
{
    let asked_name = name.clone();
    let make = move |table: &Table, guess| request(table, asked_name.place(table, guess)?);
    let flight = {
        let mut table = shared.table();
        let asked = table.nodes.now();
        table.ahead.start(Aim::Trees(Vec::new()), asked)
    };
    shared.ask_at(waiter, make, move |shared, asked, outcome| {
        // A new name makes its directory another.
        let (outcome, directories) = split(outcome);
        let mut table = shared.table();
        let empty = empty_directory(&mut table, &name, flight, &outcome);
        table.changed_in(name.parent, directories.first(), asked);
        table.forget_name_ahead(name.parent, &name.name);
        if let Ok(Reply::Attributes(attributes)) = &outcome {
            let made = (name.parent, name.name.clone());
            table.nodes.own.made(made, attributes.identity);
        }
        if let Some(listing) = empty.filter(|_| table.is_watched) {
            let now = table.nodes.now();
            table.ahead.keep_own(listing, now);
        }
        drop(table);
        give_entry(shared, name, asked, attributes(outcome), reply);
    });
}

/// A directory that was just made has nothing in it: who fills it need not ask whether each name is there.
fn empty_directory(
    table: &mut Table,
    name: &Name,
    flight: Flight,
    outcome: &Outcome,
) -> Option<Listing> {
    let directory = table.nodes.path(name.parent).unwrap_or_default();
    let path = directory.join(&name.name).unwrap_or_default();
    let is_empty = table.ahead.is_still_empty(flight, &path);
    match outcome {
        Ok(Reply::Attributes(attributes))
            if is_empty && attributes.kind == Kind::Directory && !path.is_root() =>
        {
            Some(Listing {
                path,
                identity: attributes.identity,
                entries: Vec::new(),
            })
        }
        _ => None,
    }
}

pub(super) fn make_directory(
    shared: &Arc<Shared>,
    waiter: Waiter,
    parent: NodeId,
    name: &OsStr,
    mode: u32,
    reply: ReplyEntry,
) {
    let permissions = (mode & PERMISSIONS) as u16;
    let request = move |_: &Table, place| Ok(Request::MakeDirectory { place, permissions });
    make(shared, waiter, Name::new(parent, name), request, reply);
}

pub(super) fn make_node(
    shared: &Arc<Shared>,
    waiter: Waiter,
    parent: NodeId,
    name: &OsStr,
    mode: u32,
    reply: ReplyEntry,
) {
    let kind = match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::RegularFile => Kind::File,
        rustix::fs::FileType::Fifo => Kind::Pipe,
        rustix::fs::FileType::Socket => Kind::Socket,
        // Devices of the laptop are none of the server's business.
        _ => return reply.error(to_kernel(errors::NOT_PERMITTED)),
    };
    let permissions = (mode & PERMISSIONS) as u16;
    let request = move |_: &Table, place| {
        Ok(Request::MakeNode {
            place,
            kind,
            permissions,
        })
    };
    make(shared, waiter, Name::new(parent, name), request, reply);
}

pub(super) fn make_link(
    shared: &Arc<Shared>,
    waiter: Waiter,
    parent: NodeId,
    name: &OsStr,
    target: &Path,
    reply: ReplyEntry,
) {
    let target = Bytes::copy_from_slice(target.as_os_str().as_bytes());
    let request = move |_: &Table, place| {
        Ok(Request::MakeLink {
            place,
            target: target.clone(),
        })
    };
    make(shared, waiter, Name::new(parent, name), request, reply);
}

pub(super) fn add_name(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    parent: NodeId,
    name: &OsStr,
    reply: ReplyEntry,
) {
    let request = move |table: &Table, place| {
        let of = table.nodes.place(node, 0).ok_or(errors::NOT_FOUND)?;
        Ok(Request::AddName { of, place })
    };
    // What it has more of, a link, is told with its new name; where else it is, it is forgotten when that is there.
    shared.table().forget_ahead(node);
    make(shared, waiter, Name::new(parent, name), request, reply);
}

pub(super) fn read_link(shared: &Arc<Shared>, waiter: Waiter, node: NodeId, reply: ReplyData) {
    let make = move |table: &Table, guess| {
        Ok(Request::ReadLink(
            table.nodes.place(node, guess).ok_or(errors::STALE)?,
        ))
    };
    shared.ask_at(waiter, make, move |shared, asked, outcome| {
        match bytes(outcome) {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(to_kernel(error)),
        }
        if shared.table().nodes.is_stale(node, asked) {
            shared.invalidator.add([Invalidation::Node(node)]);
        }
    });
}

pub(super) fn remove(
    shared: &Arc<Shared>,
    waiter: Waiter,
    parent: NodeId,
    name: &OsStr,
    is_directory: bool,
    reply: ReplyEmpty,
) {
    let name = Name::new(parent, name);
    let child = name.leads_to(&shared.table());
    shared.with_all_open(waiter, child, move |shared| {
        let asked_name = name.clone();
        let make = move |table: &Table, guess| {
            let place = asked_name.place(table, guess)?;
            Ok(if is_directory {
                Request::RemoveDirectory(place)
            } else {
                Request::Remove(place)
            })
        };
        shared.ask_at(waiter, make, move |shared, asked, outcome| {
            let (outcome, directories) = split(outcome);
            let outcome = done(outcome);
            let is_fresh = outcome.is_err() || {
                let mut table = shared.table();
                let nodes = child.into_iter();
                nodes.for_each(|node| table.touched_besides(node));
                table.nodes.note_gone(name.pair(), child);
                table.changed_in(name.parent, directories.first(), asked);
                table.forget_name_ahead(name.parent, &name.name);
                table.nodes.unlinked(name.parent, &name.name, asked)
            };
            give(outcome, reply);
            if !is_fresh {
                shared.invalidator.add([name.invalidation()]);
            }
        });
    });
}

/// Tells the kernel whether it was done.
pub(super) fn give(outcome: Result<(), ErrorNumber>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(to_kernel(error)),
    }
}
