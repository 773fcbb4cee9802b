//! Answers to whoever settles the mount: see [`crate::settling`].

use std::sync::Arc;

use fuser::{FileHandle, FopenFlags, ReplyEmpty, ReplyOpen};

use crate::pending::Waiter;
use crate::shared::Shared;

/// What it opens has this number: nothing else has, and nothing is kept of it.
const OPEN: FileHandle = FileHandle(u64::MAX - 1);

/// Gives back what it was given where somebody else opens a directory.
pub(super) fn open(shared: &Shared, waiter: Waiter, reply: ReplyOpen) -> Option<ReplyOpen> {
    if !shared.meeting.is_called_by(waiter) {
        return Some(reply);
    }
    reply.opened(OPEN, FopenFlags::empty());
    None
}

/// The same where somebody closes one.
pub(super) fn close(
    shared: &Arc<Shared>,
    handle: FileHandle,
    reply: ReplyEmpty,
) -> Option<ReplyEmpty> {
    if handle != OPEN {
        return Some(reply);
    }
    reply.ok();
    shared.meeting.arrive();
    None
}
