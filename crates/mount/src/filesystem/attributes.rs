//! Attributes of files, and of the file system.

use std::sync::Arc;
use std::time::Duration;

use fuser::{ReplyAttr, ReplyStatfs, TimeOrNow};
use live::files::{Attributes, ErrorNumber, NewAttributes, Outcome, Reply, Request};

use super::{looking, writing};
use crate::attributes::{new_time, shown};
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::{Epoch, NodeId, Observed};
use crate::opened::OpenId;
use crate::pending::Waiter;
use crate::shared::{Shared, Table, attributes};

/// What the kernel wants them to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) mode: Option<u32>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) accessed: Option<TimeOrNow>,
    pub(super) modified: Option<TimeOrNow>,
}

pub(super) fn get(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    through: Option<OpenId>,
    reply: ReplyAttr,
) {
    // The kernel asks again when it has read, for the time of that alone.
    if let Some((attributes, lifetime)) = current(shared, node) {
        return reply.attr(&lifetime, &shown(node, &attributes, shared.owners));
    }
    shared.ask_node(
        waiter,
        node,
        through,
        Request::Attributes,
        move |shared, asked, outcome| {
            give(shared, node, asked, outcome, reply);
        },
    );
}

/// What the laptop would say, if that is known.
fn current(shared: &Shared, node: NodeId) -> Option<(Attributes, Duration)> {
    let table = shared.table();
    let attributes = table.nodes.current(node).filter(|_| table.is_watched)?;
    Some((*attributes, table.lifetime(true)))
}

/// As [`set`], behind what is being written to the node.
pub(super) fn set_after_writing(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    through: Option<OpenId>,
    wanted: Wanted,
    reply: ReplyAttr,
) {
    let new = new_attributes(shared, node, wanted);
    let expected = new
        .ok()
        .and_then(|new| writing::set_behind(shared, node, &new));
    if let Some(expected) = expected {
        // The laptop knows the other times.
        return reply.attr(&Duration::ZERO, &shown(node, &expected, shared.owners));
    }
    writing::after(shared, waiter, Some(node), reply, move |shared, reply| {
        set(shared, waiter, node, through, wanted, reply);
    });
}

fn set(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    through: Option<OpenId>,
    wanted: Wanted,
    reply: ReplyAttr,
) {
    let new = match new_attributes(shared, node, wanted) {
        Ok(new) => new,
        Err(error) => return reply.error(to_kernel(error)),
    };
    if let Some((attributes, lifetime)) = as_it_is(shared, node, &new) {
        return reply.attr(&lifetime, &shown(node, &attributes, shared.owners));
    }
    shared.table().nodes.begun(node);
    if new.size.is_none() {
        let make = move |target| Request::SetAttributes(target, new);
        return shared.ask_node(
            waiter,
            node,
            through,
            make,
            move |shared, asked, outcome| {
                shared.table().forget_ahead(node);
                shared.table().nodes.ended(node);
                give(shared, node, asked, outcome, reply);
                looking::look(shared, node);
            },
        );
    }
    // What is open only to be read cannot be given another size through that.
    let make = move |table: &Table, guess| {
        Ok(Request::SetAttributes(
            table.target(node, through, true, guess)?,
            new,
        ))
    };
    shared.ask_at(waiter, make, move |shared, asked, outcome| {
        shared.table().nodes.ended(node);
        give_after(shared, (node, asked), outcome, reply, Table::resized);
        looking::look(shared, node);
    });
}

/// As it is, if that is as it is to be. Only where nothing else comes of setting it: bits that lend an identity go when
/// an owner is set.
fn as_it_is(shared: &Shared, node: NodeId, new: &NewAttributes) -> Option<(Attributes, Duration)> {
    let (attributes, lifetime) = current(shared, node)?;
    let without = NewAttributes {
        permissions: new.permissions.filter(|new| *new != attributes.permissions),
        ..*new
    };
    let is_so = without == NewAttributes::default() && attributes.permissions & 0o6000 == 0;
    is_so.then_some((attributes, lifetime))
}

/// What the laptop is to be asked for. Only its own user's files are the server's, and nothing is given away.
fn new_attributes(
    shared: &Shared,
    node: NodeId,
    wanted: Wanted,
) -> Result<NewAttributes, ErrorNumber> {
    let shown = shared
        .table()
        .nodes
        .known(node)
        .map(|known| shown(node, known, shared.owners));
    let is_shown = |user: u32, shown: Option<u32>| shown == Some(user);
    let user = match wanted
        .user
        .filter(|user| !is_shown(*user, shown.map(|shown| shown.uid)))
    {
        Some(user) => Some(
            shared
                .owners
                .laptop_user(user)
                .ok_or(errors::NOT_PERMITTED)?,
        ),
        None => None,
    };
    let group = match wanted
        .group
        .filter(|group| !is_shown(*group, shown.map(|shown| shown.gid)))
    {
        Some(group) => Some(
            shared
                .owners
                .laptop_group(group)
                .ok_or(errors::NOT_PERMITTED)?,
        ),
        None => None,
    };
    Ok(NewAttributes {
        permissions: wanted.mode.map(|mode| (mode & 0o7777) as u16),
        user,
        group,
        size: wanted.size,
        accessed: wanted.accessed.map(new_time),
        modified: wanted.modified.map(new_time),
    })
}

fn give(shared: &Shared, node: NodeId, asked: Epoch, outcome: Outcome, reply: ReplyAttr) {
    give_after(shared, (node, asked), outcome, reply, |_, _, _| ());
}

/// `note` takes down what was done to the node, and whether what is known of it is of after that.
fn give_after(
    shared: &Shared,
    (node, asked): (NodeId, Epoch),
    outcome: Outcome,
    reply: ReplyAttr,
    note: fn(&mut Table, NodeId, bool),
) {
    let attributes = match attributes(outcome) {
        Ok(attributes) => attributes,
        Err(error) => {
            note(&mut shared.table(), node, false);
            return reply.error(to_kernel(error));
        }
    };
    let mut table = shared.table();
    if table.nodes.kind(node) != Some(attributes.kind) {
        drop(table);
        // The kernel would never use the node again.
        return reply.error(to_kernel(errors::STALE));
    }
    let is_fresh = table.nodes.observe(node, &attributes, asked) != Observed::Stale;
    note(&mut table, node, is_fresh);
    let lifetime = table.lifetime(is_fresh);
    drop(table);
    reply.attr(&lifetime, &shown(node, &attributes, shared.owners));
    // Also what was told until the kernel had it.
    if shared.table().nodes.is_stale(node, asked) {
        shared.invalidator.add([Invalidation::Node(node)]);
    }
}

pub(super) fn space(shared: &Arc<Shared>, waiter: Waiter, node: NodeId, reply: ReplyStatfs) {
    let make = move |table: &Table, guess| {
        Ok(Request::Space(
            table.nodes.place(node, guess).ok_or(errors::STALE)?,
        ))
    };
    shared.ask_at(waiter, make, move |_, _, outcome| match outcome {
        Ok(Reply::Space(space)) => reply.statfs(
            space.blocks,
            space.blocks_free,
            space.blocks_available,
            space.files,
            space.files_free,
            space.block_size,
            space.longest_name,
            space.block_size,
        ),
        Ok(_) => reply.error(to_kernel(errors::INPUT_OUTPUT)),
        Err(error) => reply.error(to_kernel(error)),
    });
}
