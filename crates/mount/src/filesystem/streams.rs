//! Reading from files that are open on the laptop, ahead where one part after the other is read.

use std::ops::Range;
use std::sync::Arc;

use fuser::ReplyData;
use live::files::{Handle, Reply, Request};

use crate::changes::Invalidation;
use crate::errors::to_kernel;
use crate::nodes::{Epoch, NodeId};
use crate::opened::OpenId;
use crate::pending::{NOBODY, Waiter};
use crate::shared::{Shared, Table, bytes};
use crate::stream::{PIECE, Part};

/// What is to be read, of what.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) node: NodeId,
    pub(super) id: OpenId,
    pub(super) handle: Handle,
    /// At most [`LARGEST_TRANSFER`](live::files::LARGEST_TRANSFER) bytes.
    pub(super) range: Range<u64>,
}

pub(super) fn read(shared: &Arc<Shared>, waiter: Waiter, reading: Reading, reply: ReplyData) {
    let mut table = shared.table();
    let may_begin = table.opened.may_stream();
    if let Some(open) = table.opened.get_mut(reading.id) {
        open.stream.note(&reading.range, may_begin);
    }
    drop(table);
    // Once for each piece that it may be in, and once for a change meanwhile.
    read_on(shared, waiter, reading, reply, 3);
}

/// `waits`: how often a piece may be waited for.
fn read_on(shared: &Arc<Shared>, waiter: Waiter, reading: Reading, reply: ReplyData, waits: u8) {
    // What it finds wanted is asked for here: it must not be called for nothing.
    let found = (waits > 0).then(|| part(&mut shared.table(), &reading));
    let Some((part, wanted, asked)) = found.flatten() else {
        return read_alone(shared, waiter, &reading, reply);
    };
    for number in wanted {
        read_piece(shared, &reading, number, asked);
    }
    match part {
        Part::Here(bytes, asked) => {
            give(shared, reading.node, &bytes, asked, reply);
        }
        Part::Missing(number) => {
            let id = reading.id;
            let then = {
                let shared = Arc::clone(shared);
                move |outcome: live::files::Outcome| match outcome {
                    Ok(_) => read_on(&shared, waiter, reading, reply, waits - 1),
                    Err(error) => reply.error(to_kernel(error)),
                }
            };
            let Some(answerer) = shared.pending.wait(waiter, Box::new(then)) else {
                return;
            };
            let mut table = shared.table();
            let has_come = match table.opened.get_mut(id) {
                Some(open) => open.stream.wait(number, answerer),
                None => Some(answerer),
            };
            drop(table);
            has_come.map(|answerer| answerer.answer(Ok(Reply::Done)));
        }
    }
}

/// Where it is, and which pieces are to be asked for now; `None` if nothing is read ahead.
fn part(table: &mut Table, reading: &Reading) -> Option<(Part, Vec<u64>, Epoch)> {
    let asked = table.nodes.now();
    let size = table.nodes.known(reading.node)?.size;
    let (nodes, opened) = (&table.nodes, &mut table.opened);
    let stream = &mut opened.get_mut(reading.id)?.stream;
    // What it has grown by is not known, or will be soon.
    if !stream.is_running() || reading.range.start >= size {
        return None;
    }
    stream.forget_before(|asked| nodes.has_changed(reading.node, asked));
    let wanted = stream.wanted(&reading.range, size, asked);
    Some((stream.part(&reading.range), wanted, asked))
}

fn read_piece(shared: &Arc<Shared>, reading: &Reading, number: u64, asked: Epoch) {
    let request = Request::Read {
        handle: reading.handle,
        offset: number * PIECE,
        length: u32::try_from(PIECE).unwrap_or(u32::MAX),
    };
    let (id, node) = (reading.id, reading.node);
    shared.ask(NOBODY, request, move |shared, outcome| {
        let mut table = shared.table();
        // What has changed meanwhile is asked for again by those who wait.
        let piece = bytes(outcome)
            .ok()
            .filter(|_| !table.nodes.has_changed(node, asked));
        let waiting = match table.opened.get_mut(id) {
            Some(open) => open.stream.came(number, piece),
            None => Vec::new(),
        };
        drop(table);
        for answerer in waiting {
            answerer.answer(Ok(Reply::Done));
        }
    });
}

fn read_alone(shared: &Arc<Shared>, waiter: Waiter, reading: &Reading, reply: ReplyData) {
    let asked = shared.table().nodes.now();
    let size = reading.range.end - reading.range.start;
    let request = Request::Read {
        handle: reading.handle,
        offset: reading.range.start,
        length: u32::try_from(size).unwrap_or(u32::MAX),
    };
    let node = reading.node;
    shared.ask(waiter, request, move |shared, outcome| {
        match bytes(outcome) {
            Ok(bytes) => {
                // The kernel takes no more than it asked for.
                let bytes = bytes.get(..size as usize).unwrap_or(&bytes);
                give(shared, node, bytes, asked, reply);
            }
            Err(error) => reply.error(to_kernel(error)),
        }
    });
}

/// Gives the kernel a part of the contents, which were asked for then.
pub(super) fn give(shared: &Shared, node: NodeId, bytes: &[u8], asked: Epoch, reply: ReplyData) {
    shared.table().nodes.given(node, bytes.len());
    reply.data(bytes);
    let mut table = shared.table();
    // They may be of before a change.
    if table.nodes.is_stale(node, asked) {
        table.nodes.dropped(node);
        drop(table);
        shared.invalidator.add([Invalidation::Node(node)]);
    }
}
