//! The one thread that tells the kernel what it must not keep.
//!
//! The kernel may make it wait until requests are answered that hold the same directory or page. So nothing that answers
//! waits for this thread, and it holds nothing that an answer needs.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
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
    End,
}

/// Where what is to be told is put. Never waits.
#[derive(Clone, Debug)]
pub(crate) struct Invalidator(Sender<Task>);

impl Invalidator {
    /// Starts the thread. It ends when it is told to, or with the mount.
    pub(crate) fn start(
        notifications: Notifications,
        replay: Arc<Replay>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("mount-invalidator".to_owned());
        let thread = thread.spawn(move || run(&receiver, notifications, &replay))?;
        Ok((Self(sender), thread))
    }

    pub(crate) fn add(&self, invalidations: impl IntoIterator<Item = Invalidation>) {
        for invalidation in invalidations {
            // Fails only when the mount has ended.
            drop(self.0.send(Task::Tell(invalidation)));
        }
    }

    /// Has those who watch told, when the kernel has been told what was added before.
    pub(crate) fn then_replay(&self, events: Vec<Event>) {
        if !events.is_empty() {
            drop(self.0.send(Task::Replay(events)));
        }
    }

    /// The kernel is to be told nothing any more.
    pub(crate) fn end(&self) {
        drop(self.0.send(Task::End));
    }
}

fn run(receiver: &Receiver<Task>, mut notifications: Notifications, replay: &Replay) {
    while let Ok(first) = receiver.recv() {
        // Telling once is enough for all that wait by now; not for those that come while it is told.
        let mut told = HashSet::new();
        let batch: Vec<_> = std::iter::once(first).chain(receiver.try_iter()).collect();
        for task in batch {
            let invalidation = match task {
                Task::Tell(invalidation) if told.contains(&invalidation) => continue,
                Task::Tell(invalidation) => invalidation,
                Task::Replay(events) => {
                    replay.add(events);
                    continue;
                }
                Task::End => return,
            };
            if notifications
                .tell(&invalidation)
                .is_err_and(|error| has_ended(&error))
            {
                return;
            }
            told.insert(invalidation);
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
