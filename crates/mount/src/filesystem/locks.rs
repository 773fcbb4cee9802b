//! Locks of records (`fcntl(2)`). The laptop has them, so that programs on both sides heed them.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use fuser::{ReplyEmpty, ReplyLock};
use live::files::{ErrorNumber, Lock, LockKind, Reply, Request};

use super::names::give;
use crate::errors::{self, to_kernel};
use crate::later::{Signals, has_signal};
use crate::opened::OpenId;
use crate::pending::Waiter;
use crate::shared::{Shared, done};

/// After which time a lock that is waited for is asked for again: doubled each time, up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(20);
const LONGEST_RETRY: Duration = Duration::from_millis(200);

/// `F_RDLCK`, `F_WRLCK` and `F_UNLCK` of Linux.
const KINDS: [LockKind; 3] = [LockKind::Read, LockKind::Write, LockKind::Unlock];

/// What the kernel wants; `None` if it is nothing.
pub(super) fn wanted(owner: u64, range: RangeInclusive<u64>, kind: i32) -> Option<Lock> {
    let kind = *KINDS.get(usize::try_from(kind).ok()?)?;
    Some(Lock {
        owner,
        kind,
        start: *range.start(),
        end: *range.end(),
    })
}

pub(super) fn test(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    lock: Option<Lock>,
    reply: ReplyLock,
) {
    let Some(lock) = lock else {
        return reply.error(to_kernel(errors::INVALID));
    };
    let through = shared.table().opened.locks_through(lock.owner, id);
    shared.with_handle(waiter, through, move |shared, handle| {
        let request = match handle {
            Ok(handle) => Request::TestLock(handle, lock),
            Err(error) => return reply.error(to_kernel(error)),
        };
        shared.ask(waiter, request, move |_, outcome| match outcome {
            Ok(Reply::Lock(lock)) => give_lock(&lock, reply),
            Ok(_) => reply.error(to_kernel(errors::INPUT_OUTPUT)),
            Err(error) => reply.error(to_kernel(error)),
        });
    });
}

/// The process that has it may be on either side: it is shown as none.
fn give_lock(lock: &Lock, reply: ReplyLock) {
    let kind = KINDS
        .iter()
        .position(|kind| *kind == lock.kind)
        .and_then(|kind| i32::try_from(kind).ok());
    let largest = i64::MAX.cast_unsigned();
    reply.locked(
        lock.start.min(largest),
        lock.end.min(largest),
        kind.unwrap_or_default(),
        0,
    );
}

/// Sets a lock; waits for it if it is to.
pub(super) fn set(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    lock: Option<Lock>,
    is_to_wait: bool,
    reply: ReplyEmpty,
) {
    let Some(lock) = lock else {
        return reply.error(to_kernel(errors::INVALID));
    };
    let id = match lock.kind {
        LockKind::Unlock => shared.table().opened.locks_through(lock.owner, id),
        kind => shared
            .table()
            .opened
            .locking(lock.owner, id, kind == LockKind::Write),
    };
    let retry = is_to_wait.then_some(FIRST_RETRY);
    ask(
        shared,
        Attempt {
            waiter,
            id,
            lock,
            retry,
        },
        reply,
    );
}

/// A lock that is asked for.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    waiter: Waiter,
    id: OpenId,
    lock: Lock,
    /// After which time it is asked for again if it is not to be had.
    retry: Option<Duration>,
}

fn ask(shared: &Arc<Shared>, attempt: Attempt, reply: ReplyEmpty) {
    shared.with_handle(attempt.waiter, attempt.id, move |shared, handle| {
        let request = match handle {
            Ok(handle) => Request::SetLock(handle, attempt.lock),
            Err(error) => return reply.error(to_kernel(error)),
        };
        shared.ask(attempt.waiter, request, move |shared, outcome| {
            match (done(outcome), attempt.retry) {
                (Err(errors::WOULD_BLOCK), Some(retry)) => ask_again(shared, attempt, retry, reply),
                (outcome, _) => give(outcome, reply),
            }
        });
    });
}

fn ask_again(shared: &Arc<Shared>, attempt: Attempt, retry: Duration, reply: ReplyEmpty) {
    if has_signal(attempt.waiter, Signals::Any) {
        return reply.error(to_kernel(errors::INTERRUPTED));
    }
    let next = Attempt {
        retry: Some(LONGEST_RETRY.min(retry * 2)),
        ..attempt
    };
    let then = {
        let shared = Arc::clone(shared);
        // Answered when the time has come, or with an error when everything ends.
        move |time: Result<Reply, ErrorNumber>| match time {
            Ok(_) => ask(&shared, next, reply),
            Err(error) => reply.error(to_kernel(error)),
        }
    };
    if let Some(answerer) = shared.pending.wait(attempt.waiter, Box::new(then)) {
        shared.later.after(retry, move || {
            answerer.answer(Ok(Reply::Done));
        });
    }
}

/// Something of `owner`'s was closed, with which it gives all its locks of that file back.
pub(super) fn give_back(
    shared: &Arc<Shared>,
    waiter: Waiter,
    id: OpenId,
    owner: u64,
    reply: ReplyEmpty,
) {
    let Some(through) = shared.table().opened.unlocking(owner, id) else {
        return reply.ok();
    };
    shared.with_handle(waiter, through, move |shared, handle| {
        let lock = Lock {
            owner,
            kind: LockKind::Unlock,
            start: 0,
            end: i64::MAX.cast_unsigned(),
        };
        match handle {
            Ok(handle) => shared.ask(waiter, Request::SetLock(handle, lock), move |_, _| {
                reply.ok();
            }),
            Err(_) => reply.ok(),
        }
    });
}
