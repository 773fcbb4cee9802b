//! Reading ahead: whole trees of names, and many small files, in one round trip each.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use fuser::ReplyData;
use live::RelativePath;
use live::files::{Attributes, Change, Entry, ErrorNumber, Kind, Place, Reply, Request};

use super::contents::read_now;
use super::streams;
use crate::ahead::{Aim, Flight, Kept, LARGEST_SMALL, Listed};
use crate::attributes::same;
use crate::errors::to_kernel;
use crate::nodes::{Epoch, NodeId};
use crate::opened::{OnLaptop, Open, OpenId};
use crate::pending::{NOBODY, Waiter};
use crate::shared::{Shared, Table};

/// How often somebody waits for what others have asked for.
const MOST_WAITS: u8 = 3;

/// What has been tried already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    waits: u8,
    has_asked: bool,
}

/// Where something is.
pub(super) enum Next<T> {
    /// Here.
    Here(T),
    /// On its way.
    Coming(Flight, Attempt),
    /// On the laptop.
    Ask,
}

/// Does `then` when that has come, or will not.
pub(super) fn wait<T>(shared: &Arc<Shared>, waiter: Waiter, flight: Flight, then: T)
where
    T: FnOnce(&Arc<Shared>, Result<(), ErrorNumber>) + Send + 'static,
{
    let then = {
        let shared = Arc::clone(shared);
        move |outcome: live::files::Outcome| then(&shared, outcome.map(drop))
    };
    if let Some(answerer) = shared.pending.wait(waiter, Box::new(then)) {
        let has_come = shared.table().ahead.wait(flight, answerer);
        has_come.map(|answerer| answerer.answer(Ok(Reply::Done)));
    }
}

/// What has been read ahead of `name`: its attributes, or that there is none, and when that was asked for. Has more read
/// ahead if many are asked for.
pub(super) fn find(
    shared: &Arc<Shared>,
    parent: NodeId,
    name: &OsStr,
) -> Option<(Epoch, Option<Attributes>)> {
    let mut table = shared.table();
    if !table.is_watched {
        return None;
    }
    let directory = table.nodes.path(parent)?;
    // A name that is too long is none that is not there.
    let path = directory.join(name).ok()?;
    if let Some(listed) = table.good_list(parent) {
        let asked = listed.asked;
        let attributes = listed.entry(name.as_bytes()).ok()?;
        let attributes = attributes.map(|entry| entry.attributes);
        let child = attributes.and_then(|attributes| table.nodes.by_identity(&attributes));
        let has_changed = child.is_some_and(|child| table.nodes.has_changed(child, asked));
        let is_doubtful =
            attributes.is_some_and(|known| table.ahead.linked.is_doubtful(&known, asked));
        let is_good = !has_changed && !is_doubtful;
        if is_good && !table.nodes.is_name_stale(parent, name, asked) {
            table.ahead.name_found();
            return Some((asked, attributes));
        }
        return None;
    }
    let places = table.ahead.name_missed(shared.root, &path)?;
    drop(table);
    read_trees(shared, places);
    None
}

/// Lists a directory that has been read ahead; has it, and what comes next, read if many are listed.
pub(super) fn list(shared: &Arc<Shared>, id: OpenId, attempt: Attempt) -> Next<()> {
    let mut table = shared.table();
    let open = table.opened.get(id).filter(|_| table.is_watched);
    let Some((node, path)) = open.and_then(|open| {
        let is_begun = open.listing.has_begun() || !matches!(open.on_laptop, OnLaptop::NotYet);
        let path = table.nodes.path(open.node).filter(|_| !is_begun)?;
        Some((open.node, path))
    }) else {
        return Next::Ask;
    };
    let is_certain = |listed: &&Listed| {
        let linked = &table.ahead.linked;
        let mut entries = listed.entries.iter();
        let is_doubtful = |entry: &Entry| linked.is_doubtful(&entry.attributes, listed.asked);
        listed.is_certain() && !entries.any(is_doubtful)
    };
    if let Some(listed) = table.good_list(node).filter(is_certain) {
        let entries = listed.entries.iter();
        let entries = entries.map(|entry| (entry.clone(), listed.asked)).collect();
        if let Some(open) = table.opened.get_mut(id) {
            (open.listing.entries, open.listing.is_complete) = (entries, true);
        }
        return Next::Here(());
    }
    let coming = table.ahead.coming_list(&path);
    match coming.filter(|_| attempt.waits < MOST_WAITS) {
        Some(flight) => return Next::Coming(flight, attempt.waited()),
        None if attempt.has_asked => return Next::Ask,
        None => {}
    }
    let Some(places) = table.ahead.list_missed(shared.root, &path) else {
        return Next::Ask;
    };
    drop(table);
    Next::Coming(read_trees(shared, places), attempt.asked())
}

impl Attempt {
    fn waited(self) -> Self {
        Self {
            waits: self.waits + 1,
            ..self
        }
    }

    fn asked(self) -> Self {
        Self {
            has_asked: true,
            ..self
        }
    }
}

/// Reads from a small file that has been read ahead; has it, and what comes next, read if many are read. Otherwise as
/// [`read_now`].
pub(super) fn read(
    shared: &Arc<Shared>,
    waiter: Waiter,
    (node, id): (NodeId, OpenId),
    offset: u64,
    size: u32,
    reply: ReplyData,
    attempt: Attempt,
) {
    match find_contents(
        shared,
        (node, id),
        offset.saturating_add(size.into()),
        attempt,
    ) {
        Next::Here((bytes, asked)) => {
            let from = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let to = from.saturating_add(size as usize).min(bytes.len());
            streams::give(shared, node, &bytes[from..to], asked, reply);
        }
        Next::Coming(flight, attempt) => {
            wait(shared, waiter, flight, move |shared, came| match came {
                Ok(()) => read(shared, waiter, (node, id), offset, size, reply, attempt),
                Err(error) => reply.error(to_kernel(error)),
            });
        }
        Next::Ask => read_now(shared, waiter, (node, id), offset, size, reply),
    }
}

/// `end`: how far it is read.
fn find_contents(
    shared: &Arc<Shared>,
    (node, id): (NodeId, OpenId),
    end: u64,
    attempt: Attempt,
) -> Next<(Bytes, Epoch)> {
    let mut table = shared.table();
    table.nodes.read(node);
    if !table.opened.get(id).is_some_and(Open::is_unasked) {
        return Next::Ask;
    }
    match find_small(shared, table, node, attempt) {
        Next::Here((path, kept)) => {
            let mut table = shared.table();
            if end >= kept.attributes.size {
                table.ahead.used(&path);
            }
            let next = table.ahead.next_files(shared.root);
            drop(table);
            next.map(|places| read_files(shared, places));
            Next::Here((kept.bytes, kept.asked))
        }
        Next::Coming(flight, attempt) => Next::Coming(flight, attempt),
        Next::Ask => Next::Ask,
    }
}

/// Looks for the contents of a small file that is to be opened, so that it needs not be on the laptop; as [`read`].
pub(super) fn find_to_open(shared: &Arc<Shared>, node: NodeId, attempt: Attempt) -> Next<()> {
    match find_small(shared, shared.table(), node, attempt) {
        Next::Here(_) => Next::Here(()),
        Next::Coming(flight, attempt) => Next::Coming(flight, attempt),
        Next::Ask => Next::Ask,
    }
}

fn find_small(
    shared: &Arc<Shared>,
    mut table: MutexGuard<'_, Table>,
    node: NodeId,
    attempt: Attempt,
) -> Next<(RelativePath, Kept)> {
    let Some((place, known)) = small_file(&table, node) else {
        return Next::Ask;
    };
    let path = &place.path;
    let kept = table.ahead.kept(path).filter(|kept| {
        same(&kept.attributes, &known) && !table.nodes.has_changed(node, kept.asked)
    });
    if let Some(kept) = kept {
        return Next::Here((path.clone(), kept.clone()));
    }
    let coming = table.ahead.coming_file(path);
    match coming.filter(|_| attempt.waits < MOST_WAITS) {
        Some(flight) => return Next::Coming(flight, attempt.waited()),
        None if attempt.has_asked => return Next::Ask,
        None => {}
    }
    let Some(places) = table.ahead.file_missed(&place, known.size) else {
        return Next::Ask;
    };
    drop(table);
    Next::Coming(read_files(shared, places), attempt.asked())
}

/// A change is told: whoever reads such a file again and again finds the new contents on their way.
pub(crate) fn follow(shared: &Arc<Shared>, change: &Change) {
    let Change::At {
        root,
        path,
        attributes: Some(attributes),
    } = change
    else {
        return;
    };
    let is_small = attributes.kind == Kind::File && (1..=LARGEST_SMALL).contains(&attributes.size);
    if *root != shared.root || !is_small {
        return;
    }
    let place = {
        let mut table = shared.table();
        let node = table.nodes.by_identity(attributes);
        let node = node.filter(|node| table.is_watched && table.nodes.take_wanted(*node));
        let place = node.and_then(|node| table.nodes.place(node, 0));
        let place = place.filter(|place| place.path == *path);
        place.filter(|_| table.ahead.coming_file(path).is_none())
    };
    place.map(|place| read_files(shared, vec![place]));
}

/// Where the file is and what is known of it, if it is small.
fn small_file(table: &Table, node: NodeId) -> Option<(Place, Attributes)> {
    let known = *table.nodes.current(node).filter(|_| table.is_watched)?;
    let is_small = known.kind == Kind::File && known.size <= LARGEST_SMALL;
    let place = table.nodes.place(node, 0).filter(|_| is_small)?;
    Some((place, known))
}

/// Has directories and what is below them read.
fn read_trees(shared: &Arc<Shared>, places: Vec<Place>) -> Flight {
    let flight = {
        let mut table = shared.table();
        let asked = table.nodes.now();
        let paths = places.iter().map(|place| place.path.clone()).collect();
        table.ahead.start(Aim::Trees(paths), asked)
    };
    shared.ask(NOBODY, Request::ReadTree(places), move |shared, outcome| {
        let listings = match outcome {
            Ok(Reply::Tree(listings)) => listings,
            _ => Vec::new(),
        };
        let waiting = shared.table().ahead.trees_came(flight, listings);
        for answerer in waiting {
            answerer.answer(Ok(Reply::Done));
        }
    });
    flight
}

/// Has files read.
fn read_files(shared: &Arc<Shared>, places: Vec<Place>) -> Flight {
    let flight = {
        let mut table = shared.table();
        let asked = table.nodes.now();
        let paths = places.iter().map(|place| place.path.clone()).collect();
        table.ahead.start(Aim::Files(paths), asked)
    };
    shared.ask(
        NOBODY,
        Request::ReadFiles(places),
        move |shared, outcome| {
            let files = match outcome {
                Ok(Reply::Files(files)) => files,
                _ => Vec::new(),
            };
            let waiting = shared.table().ahead.files_came(flight, files);
            for answerer in waiting {
                answerer.answer(Ok(Reply::Done));
            }
        },
    );
    flight
}

impl Table {
    /// The list of a directory that has been read ahead, if it is that one.
    fn good_list(&self, node: NodeId) -> Option<&Listed> {
        let listed = self.ahead.listed(&self.nodes.path(node)?)?;
        let identity = self.nodes.identity(node);
        let is_same = identity.is_none_or(|identity| identity == listed.identity);
        is_same.then_some(listed)
    }
}
