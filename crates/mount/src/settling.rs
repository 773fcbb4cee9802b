//! Having on the laptop what programs have done through the mount.
//!
//! What the kernel waits for is done when it goes on. It does not wait where it writes mapped memory back, nor where it
//! says that a file is not open any more: that is behind whatever it has begun before, in its own queue. So whoever
//! settles puts something into that queue, too, and waits until all threads that take requests in have met over it: what
//! was in front of it is under way by then, or done.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::events::replay::{Place, open_root};
use crate::filesystem::ask_for_all_held;
use crate::pending::Waiter;
use crate::shared::Shared;

/// How many threads take the kernel's requests in. They do not wait for anything, but for each other in a [`Meeting`].
pub(crate) const THREADS: usize = 2;
/// How long they wait for each other: the kernel may hold back what one is to come for. By then the other has done what it
/// was doing.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where the threads that take requests in meet.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    /// Held by the one who settles.
    turn: Mutex<()>,
    /// The number of its thread while it calls the meeting; 0 otherwise.
    caller: AtomicU32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many are to come, and how many have.
    called: usize,
    arrived: usize,
    is_over: bool,
}

impl Meeting {
    /// Whether that one calls it: then somebody is to come for what it opens.
    pub(crate) fn is_called_by(&self, waiter: Waiter) -> bool {
        let caller = self.caller.load(Ordering::Acquire);
        let is_caller = caller != 0 && caller == waiter.0;
        if is_caller {
            self.lock().called += 1;
        }
        is_caller
    }

    /// One of them has come. Waits a moment for the others.
    pub(crate) fn arrive(&self) {
        let mut state = self.lock();
        state.arrived += 1;
        self.changed.notify_all();
        let is_alone = |state: &mut State| !state.is_over && state.arrived < THREADS;
        let waited = self.changed.wait_timeout_while(state, PATIENCE, is_alone);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Nobody is to wait any more.
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Calls it at `place`, and waits for it. `with_memory`: behind what is in mapped memory.
    fn hold(&self, place: &Place, with_memory: bool) -> Result<(), Errno> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        *self.lock() = State::default();
        let called = self.call(place)?;
        if with_memory {
            rustix::fs::syncfs(&called[0]).ok();
        }
        drop(called);
        let is_under_way = |state: &mut State| !state.is_over && state.arrived < state.called;
        let held = self.changed.wait_while(self.lock(), is_under_way);
        drop(held.unwrap_or_else(PoisonError::into_inner));
        drop(turn);
        Ok(())
    }

    /// What each thread is to come for when it is closed.
    fn call(&self, place: &Place) -> Result<[OwnedFd; THREADS], Errno> {
        let root = open_root(place)?;
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.caller.store(thread.unsigned_abs(), Ordering::Release);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&root, ".", flags, Mode::empty());
        let opened = open().and_then(|first| Ok([first, open()?]));
        self.caller.store(0, Ordering::Release);
        opened
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Mounted::settle`](crate::Mounted::settle).
pub(crate) fn settle(shared: &Arc<Shared>, place: Option<&Place>) {
    let (is_writable, is_mappable) = {
        let opened = &shared.table().opened;
        (opened.has_writable(), opened.has_mappable())
    };
    if let Some(place) = place.filter(|_| is_writable) {
        // Fails where it is not mounted any more.
        shared.meeting.hold(place, is_mappable).ok();
    }
    ask_for_all_held(shared);
    shared.under_way.settle();
}
