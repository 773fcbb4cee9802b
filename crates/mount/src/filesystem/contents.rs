//! Contents.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fuser::{ReplyData, ReplyEmpty, ReplyLseek, ReplyWrite};
use live::files::{Allocation, LARGEST_TRANSFER, Reply, Request, Seeking};
use rustix::fs::FallocateFlags;

use super::names::give;
use crate::changes::Invalidation;
use crate::errors::{self, to_kernel};
use crate::nodes::NodeId;
use crate::opened::OpenId;
use crate::pending::Waiter;
use crate::shared::{Shared, bytes, count, done};

/// The most that is copied by one request, so that nobody waits long for its answer.
const LARGEST_COPY: u64 = 64 << 20;

pub(super) fn read(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    id: OpenId,
    offset: u64,
    size: u32,
    reply: ReplyData,
) {
    shared.with_handle(waiter, id, move |shared, handle| {
        let handle = match handle {
            Ok(handle) => handle,
            Err(error) => return reply.error(to_kernel(error)),
        };
        let asked = shared.table().nodes.now();
        let request = Request::Read {
            handle,
            offset,
            length: size.min(LARGEST_TRANSFER),
        };
        shared.ask(waiter, request, move |shared, outcome| {
            match bytes(outcome) {
                // The kernel takes no more than it asked for.
                Ok(bytes) => reply.data(bytes.get(..size as usize).unwrap_or(&bytes)),
                Err(error) => reply.error(to_kernel(error)),
            }
            if shared.table().nodes.is_stale(node, asked) {
                shared.invalidator.add([Invalidation::Node(node)]);
            }
        });
    });
}

pub(super) fn write(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    id: OpenId,
    offset: u64,
    data: &[u8],
    reply: ReplyWrite,
) {
    let (bytes, length) = (Bytes::copy_from_slice(data), data.len());
    shared.with_handle(waiter, id, move |shared, handle| {
        let request = match handle {
            Ok(handle) => Request::Write {
                handle,
                offset,
                bytes,
            },
            Err(error) => return reply.error(to_kernel(error)),
        };
        shared.ask(waiter, request, move |shared, outcome| {
            // What was asked of it meanwhile may be of before.
            shared.table().nodes.touched(node);
            match count(outcome) {
                Ok(count) => reply.written(count.min(u32::try_from(length).unwrap_or(u32::MAX))),
                Err(error) => reply.error(to_kernel(error)),
            }
        });
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
        shared.ask(waiter, request, move |shared, outcome| {
            shared.table().nodes.touched(node);
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
            shared.ask(waiter, request, move |shared, outcome| {
                shared.table().nodes.touched(to_node);
                match count(outcome) {
                    Ok(count) => reply.written(count),
                    Err(error) => reply.error(to_kernel(error)),
                }
            });
        });
    });
}
