//! Contents.

use std::ops::Range;
use std::sync::Arc;

use fuser::{ReplyData, ReplyEmpty, ReplyLseek, ReplyWrite};
use live::files::{Allocation, LARGEST_TRANSFER, Reply, Request, Seeking};
use rustix::fs::FallocateFlags;

use super::ahead::{self, Attempt};
use super::looking;
use super::names::give;
use super::streams::{self, Reading};
use crate::errors::{self, to_kernel};
use crate::nodes::NodeId;
use crate::opened::OpenId;
use crate::pending::Waiter;
use crate::shared::{Shared, count, done};

/// The most that is copied by one request, so that nobody waits long for its answer.
const LARGEST_COPY: u64 = 64 << 20;

pub(super) fn read(
    shared: &Arc<Shared>,
    waiter: Waiter,
    (node, id): (NodeId, OpenId),
    offset: u64,
    size: u32,
    reply: ReplyData,
) {
    ahead::read(
        shared,
        waiter,
        (node, id),
        offset,
        size,
        reply,
        Attempt::default(),
    );
}

/// Reads what was not read with others.
pub(super) fn read_now(
    shared: &Arc<Shared>,
    waiter: Waiter,
    (node, id): (NodeId, OpenId),
    offset: u64,
    size: u32,
    reply: ReplyData,
) {
    shared.with_handle(waiter, id, move |shared, handle| match handle {
        Ok(handle) => {
            let range = offset..offset.saturating_add(size.min(LARGEST_TRANSFER).into());
            let reading = Reading {
                node,
                id,
                handle,
                range,
            };
            streams::read(shared, waiter, reading, reply);
        }
        Err(error) => reply.error(to_kernel(error)),
    });
}

pub(super) fn sync(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    data_only: bool,
    reply: ReplyEmpty,
) {
    shared.with_handle(waiter, id, move |shared, handle| match handle {
        Ok(handle) => {
            shared.ask(
                waiter,
                Request::Sync { handle, data_only },
                move |_, outcome| give(done(outcome), reply),
            );
        }
        Err(error) => reply.error(to_kernel(error)),
    });
}

pub(super) fn allocate(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    id: OpenId,
    range: Range<u64>,
    mode: i32,
    reply: ReplyEmpty,
) {
    let Some(how) = allocation(mode) else {
        return reply.error(to_kernel(errors::NOT_SUPPORTED));
    };
    shared.with_handle(waiter, id, move |shared, handle| {
        let (offset, length) = (range.start, range.end - range.start);
        let request = match handle {
            Ok(handle) => Request::Allocate {
                handle,
                offset,
                length,
                how,
            },
            Err(error) => return reply.error(to_kernel(error)),
        };
        shared.table().nodes.begun(node);
        shared.ask(waiter, request, move |shared, outcome| {
            shared.table().touched(node);
            looking::ended(shared, node);
            give(done(outcome), reply);
        });
    });
}

fn allocation(mode: i32) -> Option<Allocation> {
    let mode = FallocateFlags::from_bits_retain(mode.cast_unsigned());
    let keep_size = mode.contains(FallocateFlags::KEEP_SIZE);
    match mode - FallocateFlags::KEEP_SIZE {
        mode if mode.is_empty() => Some(if keep_size {
            Allocation::KeepSize
        } else {
            Allocation::Allocate
        }),
        // The system has no other.
        FallocateFlags::PUNCH_HOLE if keep_size => Some(Allocation::PunchHole),
        FallocateFlags::ZERO_RANGE => Some(Allocation::Zero { keep_size }),
        _ => None,
    }
}

pub(super) fn seek(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    offset: i64,
    whence: i32,
    reply: ReplyLseek,
) {
    // `SEEK_DATA` and `SEEK_HOLE` of Linux; the kernel does the others itself.
    let what = match whence {
        3 => Seeking::Data,
        4 => Seeking::Hole,
        _ => return reply.error(to_kernel(errors::INVALID)),
    };
    let Ok(offset) = u64::try_from(offset) else {
        return reply.error(fuser::Errno::ENXIO);
    };
    shared.with_handle(waiter, id, move |shared, handle| {
        let request = match handle {
            Ok(handle) => Request::Seek {
                handle,
                offset,
                what,
            },
            Err(error) => return reply.error(to_kernel(error)),
        };
        shared.ask(waiter, request, move |_, outcome| match outcome {
            Ok(Reply::Offset(offset)) => reply.offset(i64::try_from(offset).unwrap_or(i64::MAX)),
            Ok(_) => reply.error(to_kernel(errors::INPUT_OUTPUT)),
            Err(error) => reply.error(to_kernel(error)),
        });
    });
}

pub(super) fn copy(
    shared: &Arc<Shared>,
    waiter: Waiter,
    from: (OpenId, u64),
    to_node: NodeId,
    to: (OpenId, u64),
    length: u64,
    reply: ReplyWrite,
) {
    let length = length.min(LARGEST_COPY);
    shared.with_handle(waiter, from.0, move |shared, from_handle| {
        shared.with_handle(waiter, to.0, move |shared, to_handle| {
            let (from_handle, to_handle) = match (from_handle, to_handle) {
                (Ok(from), Ok(to)) => (from, to),
                (Err(error), _) | (_, Err(error)) => return reply.error(to_kernel(error)),
            };
            let request = Request::Copy {
                from: from_handle,
                from_offset: from.1,
                to: to_handle,
                to_offset: to.1,
                length,
            };
            shared.table().nodes.begun(to_node);
            shared.ask(waiter, request, move |shared, outcome| {
                shared.table().touched(to_node);
                looking::ended(shared, to_node);
                match count(outcome) {
                    Ok(count) => reply.written(count),
                    Err(error) => reply.error(to_kernel(error)),
                }
            });
        });
    });
}
