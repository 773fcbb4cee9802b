//! What is said to the thread that follows a published directory.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::event::{EventfdFlags, eventfd};

use super::lock;

type Then = Box<dyn FnOnce() + Send>;

/// What is to be done when the last of those who have this has dropped it: each when it has told what there was to tell.
pub(super) struct Draining(Mutex<Option<Then>>);

impl Draining {
    pub(super) fn new(then: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Box::new(then)))))
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let then = lock(&self.0).take();
        if let Some(then) = then {
            then();
        }
    }
}

/// Says to a thread that waits that it is to stop, or to tell what there is.
pub(super) struct Signal {
    stopped: AtomicBool,
    /// `None`: nobody follows the directory any more, or is to.
    drainings: Mutex<Option<Vec<Arc<Draining>>>>,
    wake: OwnedFd,
}

impl Signal {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            stopped: AtomicBool::new(false),
            drainings: Mutex::new(Some(Vec::new())),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.wake();
        self.end();
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Nobody is to wait for the thread any more.
    pub(super) fn end(&self) {
        // Dropped without the lock: that may call anything.
        let drainings = lock(&self.drainings).take();
        drop(drainings);
    }

    /// Has the thread drop it when all is told.
    pub(super) fn drain(&self, draining: &Arc<Draining>) {
        if let Some(drainings) = &mut *lock(&self.drainings) {
            drainings.push(Arc::clone(draining));
        }
        self.wake();
    }

    /// What the thread is to drop when it has told all that has happened before this is called.
    pub(super) fn drainings(&self) -> Vec<Arc<Draining>> {
        let mut drainings = lock(&self.drainings);
        drainings.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Readable when there is something new.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// From here on it is readable only if there is something newer.
    pub(super) fn take_up(&self) {
        // Fails where there is nothing.
        rustix::io::read(&self.wake, &mut [0; 8]).ok();
    }

    fn wake(&self) {
        // Fails only where it has been woken 2^64 times already.
        rustix::io::write(&self.wake, &1u64.to_ne_bytes()).ok();
    }
}
