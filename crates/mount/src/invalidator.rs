//! The one thread that tells the kernel what it must not keep.
//!
//! The kernel may make it wait until requests are answered that hold the same directory or page. So nothing that answers
//! waits for this thread, and it holds nothing that an answer needs.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use rustix::io::Errno;

use crate::changes::Invalidation;
use crate::events::Event;
use crate::events::replay::Replay;
use crate::notifications::Notifications;

/// What is to be done, one after the other.
#[derive(Debug)]
enum Task {
    Tell(Invalidation),
    /// What has been told before is forgotten by then: those who watch find what is new.
    Replay(Vec<Event>),
    /// Dropped when what has been put there before is told.
    Said(Sender<Infallible>),
    End,
}

/// Where what is to be told is put. Never waits.
#[derive(Clone, Debug)]
pub(crate) struct Invalidator {
    tasks: Sender<Task>,
    /// How much waits to be told, or is being told.
    untold: Arc<AtomicUsize>,
}

impl Invalidator {
    /// Starts the thread. It ends when it is told to, or with the mount.
    pub(crate) fn start(
        notifications: Notifications,
        replay: Arc<Replay>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (tasks, receiver) = mpsc::channel();
        let untold: Arc<AtomicUsize> = Arc::default();
        let left = Arc::clone(&untold);
        let thread = thread::Builder::new().name("mount-invalidator".to_owned());
        let thread = thread.spawn(move || run(&receiver, notifications, &replay, &left))?;
        Ok((Self { tasks, untold }, thread))
    }

    pub(crate) fn add(&self, invalidations: impl IntoIterator<Item = Invalidation>) {
        for invalidation in invalidations {
            self.untold.fetch_add(1, Ordering::SeqCst);
            // Fails only when the mount has ended.
            drop(self.tasks.send(Task::Tell(invalidation)));
        }
    }

    /// Has those who watch told, when the kernel has been told what was added before.
    pub(crate) fn then_replay(&self, events: Vec<Event>) {
        if !events.is_empty() {
            drop(self.tasks.send(Task::Replay(events)));
        }
    }

    /// Waits until the kernel has been told what was added before, or is told nothing any more. Waits for answers.
    pub(crate) fn catch_up(&self) {
        if self.untold.load(Ordering::SeqCst) == 0 {
            return;
        }
        let (said, is_said) = mpsc::channel::<Infallible>();
        drop(self.tasks.send(Task::Said(said)));
        // Nothing is ever sent: it fails when the other end is dropped.
        is_said.recv().ok();
    }

    /// The kernel is to be told nothing any more.
    pub(crate) fn end(&self) {
        drop(self.tasks.send(Task::End));
    }
}

fn run(
    receiver: &Receiver<Task>,
    mut notifications: Notifications,
    replay: &Replay,
    untold: &AtomicUsize,
) {
    while let Ok(first) = receiver.recv() {
        // Telling once is enough for all that wait by now; not for those that come while it is told.
        let mut told = HashSet::new();
        let batch: Vec<_> = std::iter::once(first).chain(receiver.try_iter()).collect();
        for task in batch {
            match task {
                Task::Tell(invalidation) => {
                    if !told.contains(&invalidation) {
                        let outcome = notifications.tell(&invalidation);
                        if outcome.is_err_and(|error| has_ended(&error)) {
                            return;
                        }
                        told.insert(invalidation);
                    }
                    untold.fetch_sub(1, Ordering::SeqCst);
                }
                Task::Replay(events) => replay.add(events),
                Task::Said(said) => drop(said),
                Task::End => return,
            }
        }
    }
}

/// Whether the kernel has nothing of this mount any more. Anything else means that it had nothing to forget.
fn has_ended(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::NODEV | Errno::NOTCONN | Errno::CONNABORTED)
    )
}
