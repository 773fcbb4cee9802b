//! Writing. Where one write follows another, as in a file that is copied, and where a file is made, they are accepted at
//! once, and everything that may depend on them waits until they are on the laptop. So are permissions and times of a file
//! that is being made. Every other write is there when it returns.
//!
//! What could not be written or set is told to whoever writes, syncs or closes next through the same open file. `close`
//! waits, so what a program has closed is on the laptop; `fsync` has it on the laptop's disk.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fuser::{
    Errno, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyLock, ReplyLseek, ReplyOpen,
    ReplyWrite,
};
use live::files::{
    Attributes, ErrorNumber, Handle, NewAttributes, Opening, Outcome, Reply, Request,
};

use super::looking;
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::{NodeId, Observed};
use crate::opened::{How, OpenId};
use crate::pending::{NOBODY, Waiter};
use crate::shared::{Shared, Table, attributes, count};
use crate::writing::{Held, Through};

/// How long what is held waits for more. Whoever makes a file closes it at once.
const MOMENT: Duration = Duration::from_millis(10);
/// Bits of permissions that lend an identity: who may set them, and what takes them away, is for the laptop to say.
const LENT: u16 = 0o6000;

/// What an error can be given to.
pub(super) trait Refuse: Send + 'static {
    fn refuse(self, error: Errno);
}

macro_rules! refuse {
    ($($reply:ty),*) => {
        $(impl Refuse for $reply {
            fn refuse(self, error: Errno) {
                self.error(error);
            }
        })*
    };
}

refuse!(
    ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyLock, ReplyLseek, ReplyOpen, ReplyWrite
);

/// Does `then` when nothing of the file is being written any more.
pub(super) fn after<R: Refuse, T>(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: Option<NodeId>,
    reply: R,
    then: T,
) where
    T: FnOnce(&Arc<Shared>, R) + Send + 'static,
{
    let busy = node.filter(|node| shared.table().writing.is_busy(*node));
    let Some(node) = busy else {
        return then(shared, reply);
    };
    let then = {
        let shared = Arc::clone(shared);
        move |outcome: Outcome| match outcome {
            // Somebody may have begun to write again.
            Ok(_) => after(&shared, waiter, Some(node), reply, then),
            Err(error) => reply.refuse(to_kernel(error)),
        }
    };
    let then: crate::pending::Then = Box::new(then);
    ask_for_held(shared, node);
    if let Some(answerer) = shared.pending.wait(waiter, then) {
        let is_done = shared.table().writing.wait(node, answerer);
        is_done.map(|answerer| answerer.answer(Ok(Reply::Done)));
    }
}

/// The error of something that was written through this one, once.
pub(super) fn take_error(shared: &Shared, id: OpenId) -> Option<ErrorNumber> {
    shared.table().opened.get_mut(id)?.write_error.take()
}

/// Something that is written.
#[derive(Clone, Debug)]
struct Write {
    node: NodeId,
    id: OpenId,
    handle: Handle,
    /// All of it.
    range: Range<u64>,
    /// What is not written yet.
    offset: u64,
    bytes: Bytes,
}

/// `is_paged`: the kernel writes pages back, and nobody could be told later.
pub(super) fn write(
    shared: &Arc<Shared>,
    waiter: Waiter,
    (node, id): (NodeId, OpenId),
    (offset, bytes): (u64, Bytes),
    is_paged: bool,
    reply: ReplyWrite,
) {
    let range = offset..offset.saturating_add(bytes.len() as u64);
    shared.with_handle(waiter, id, move |shared, handle| {
        let handle = match (handle, take_error(shared, id)) {
            (Ok(handle), None) => handle,
            (Err(error), _) | (_, Some(error)) => return reply.error(to_kernel(error)),
        };
        let mut table = shared.table();
        let is_alone = is_paged || appends(&table, id);
        if table.writing.is_busy(node) && (is_alone || table.writing.has_to_wait(node, &range)) {
            drop(table);
            return after(shared, waiter, Some(node), reply, move |shared, reply| {
                write(shared, waiter, (node, id), (offset, bytes), is_paged, reply);
            });
        }
        if !is_alone && !table.writing.has_room() {
            drop(table);
            return when_there_is_room(shared, waiter, reply, move |shared, reply| {
                write(shared, waiter, (node, id), (offset, bytes), is_paged, reply);
            });
        }
        let open = table.opened.get_mut(id);
        let (goes_on, is_making) = open.map_or((false, false), |open| {
            (open.writes_on(&range), open.is_making)
        });
        let is_accepted = (goes_on || is_making) && !is_alone;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let was_holding = table.writing.is_holding(node);
        if is_accepted
            && is_making
            && hold(&mut table, node, Through { id, handle }, offset, &bytes)
        {
            drop(table);
            reply.written(length);
            if !was_holding {
                ask_soon(shared, node);
            }
            return;
        }
        let held = table.writing.is_due(node);
        table.writing.begin(node, range.clone());
        // What was asked of it meanwhile may be of before.
        table.touched(node);
        table.nodes.begun(node);
        drop(table);
        if let Some(held) = held {
            send_held(shared, node, held);
        }
        let write = Write {
            node,
            id,
            handle,
            range,
            offset,
            bytes,
        };
        if is_accepted {
            reply.written(length);
            send_all(shared, write);
        } else {
            send(shared, waiter, write, reply);
        }
    });
}

/// Does `then` when some of what is under way, of whatever file, is done.
fn when_there_is_room<R: Refuse, T>(shared: &Arc<Shared>, waiter: Waiter, reply: R, then: T)
where
    T: FnOnce(&Arc<Shared>, R) + Send + 'static,
{
    let then = {
        let shared = Arc::clone(shared);
        move |outcome: Outcome| match outcome {
            Ok(_) => then(&shared, reply),
            Err(error) => reply.refuse(to_kernel(error)),
        }
    };
    let then: crate::pending::Then = Box::new(then);
    if let Some(answerer) = shared.pending.wait(waiter, then) {
        let admitted = shared.table().writing.wait_for_room(answerer);
        admitted.map(|answerer| answerer.answer(Ok(Reply::Done)));
    }
}

/// Where it goes is for the laptop to say.
fn appends(table: &Table, id: OpenId) -> bool {
    let how = table.opened.get(id).map(|open| open.how);
    matches!(how, Some(How::File(Opening { append: true, .. })))
}

/// Has it written, and tells whoever writes how much of it was.
fn send(shared: &Arc<Shared>, waiter: Waiter, write: Write, reply: ReplyWrite) {
    let length = write.bytes.len();
    shared.ask(waiter, request(&write), move |shared, outcome| {
        done(shared, &write, None);
        match count(outcome) {
            Ok(count) => reply.written(count.min(u32::try_from(length).unwrap_or(u32::MAX))),
            Err(error) => reply.error(to_kernel(error)),
        }
    });
}

/// Has all of it written; nobody waits for it.
fn send_all(shared: &Arc<Shared>, mut write: Write) {
    shared.ask(NOBODY, request(&write), move |shared, outcome| {
        let written = count(outcome).map(|count| count as usize);
        match written {
            Ok(count) if count >= write.bytes.len() => done(shared, &write, None),
            // The next attempt says why.
            Ok(count @ 1..) => {
                write.offset += count as u64;
                write.bytes = write.bytes.slice(count..);
                send_all(shared, write);
            }
            Ok(0) => done(shared, &write, Some(errors::INPUT_OUTPUT)),
            Err(error) => done(shared, &write, Some(error)),
        }
    });
}

fn request(write: &Write) -> Request {
    Request::Write {
        handle: write.handle,
        offset: write.offset,
        bytes: write.bytes.clone(),
    }
}

/// It is on the laptop, or cannot be: then whoever comes next is told.
fn done(shared: &Arc<Shared>, write: &Write, error: Option<ErrorNumber>) {
    // What was asked of it meanwhile may be of before.
    shared.table().touched(write.node);
    looking::ended(shared, write.node);
    end(shared, (write.node, write.id), &write.range, error);
}

fn end(
    shared: &Arc<Shared>,
    (node, id): (NodeId, OpenId),
    range: &Range<u64>,
    error: Option<ErrorNumber>,
) {
    let mut table = shared.table();
    if let Some(open) = table.opened.get_mut(id)
        && open.write_error.is_none()
    {
        open.write_error = error;
    }
    let (waiting, held) = table.writing.end_of(node, range);
    drop(table);
    if error.is_some() {
        // The kernel has pages that are not on the laptop.
        shared.invalidator.add([Invalidation::Node(node)]);
    }
    if let Some(held) = held {
        send_held(shared, node, held);
    }
    for answerer in waiting {
        answerer.answer(Ok(Reply::Done));
    }
}

fn hold(table: &mut Table, node: NodeId, through: Through, offset: u64, bytes: &[u8]) -> bool {
    let present = table.nodes.current(node).copied();
    let is_held = table
        .writing
        .hold(node, through, (offset, bytes), present.as_ref());
    if is_held {
        table.touched(node);
    }
    is_held
}

/// Sets permissions and times of a file that is being made behind what is written to it. What it is going to be like; `None`:
/// the laptop has to be asked, because it may refuse, or more than that is to be set.
pub(super) fn set_behind(
    shared: &Arc<Shared>,
    node: NodeId,
    new: &NewAttributes,
) -> Option<Attributes> {
    let mut table = shared.table();
    let through = table.opened.making(node)?;
    let known = table.nodes.known(node)?;
    // Of such files nothing else is refused to their owner.
    let is_own = known.user == shared.owners.laptop_user && known.permissions & LENT == 0;
    let is_owned = new.user.is_none() && new.group.is_none() && is_own;
    let is_harmless = new.size.is_none() && new.permissions.unwrap_or(0) & LENT == 0;
    if !is_owned || !is_harmless {
        return None;
    }
    let present = table.nodes.current(node).copied();
    let was_holding = table.writing.is_holding(node);
    let expected = table
        .writing
        .hold_attributes(node, through, new, present.as_ref())?;
    let is_held = table.writing.is_holding(node);
    if is_held {
        table.touched(node);
    }
    drop(table);
    if is_held && !was_holding {
        ask_soon(shared, node);
    }
    Some(expected)
}

/// Asks for what is held when the moment is over, if nobody has waited for it before.
fn ask_soon(shared: &Arc<Shared>, node: NodeId) {
    let weak = Arc::downgrade(shared);
    shared.later.after(MOMENT, move || {
        if let Some(shared) = weak.upgrade() {
            ask_for_held(&shared, node);
        }
    });
}

/// Asks for all that is held as soon as that may be.
pub(crate) fn ask_for_all_held(shared: &Arc<Shared>) {
    let holding = shared.table().writing.holding();
    for node in holding {
        ask_for_held(shared, node);
    }
}

fn ask_for_held(shared: &Arc<Shared>, node: NodeId) {
    let held = shared.table().writing.is_due(node);
    if let Some(held) = held {
        send_held(shared, node, held);
    }
}

fn send_held(shared: &Arc<Shared>, node: NodeId, held: Held) {
    let (id, range) = (held.through.id, held.range());
    let asked = {
        let nodes = &mut shared.table().nodes;
        nodes.begun(node);
        nodes.now()
    };
    shared.ask(NOBODY, held.request(), move |shared, outcome| {
        let attributes = attributes(outcome);
        let mut table = shared.table();
        let is_to_be_looked_at = table.nodes.ended(node);
        match &attributes {
            Ok(attributes) => {
                let observed = table.nodes.observe(node, attributes, asked);
                table.resized(node, observed != Observed::Stale);
            }
            Err(_) => table.touched(node),
        }
        drop(table);
        if is_to_be_looked_at {
            looking::look(shared, node);
        }
        end(shared, (node, id), &range, attributes.err());
    });
}
