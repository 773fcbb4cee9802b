//! The one thread that tells the kernel what it must not keep.
//!
//! The kernel may make it wait until requests are answered that hold the same directory or page. So nothing that answers
//! waits for this thread, and it holds nothing that an answer needs.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use rustix::io::Errno;

use crate::changes::Invalidation;
use crate::notifications::Notifications;

/// Where what is to be told is put. Never waits.
#[derive(Clone, Debug)]
pub(crate) struct Invalidator(Sender<Option<Invalidation>>);

impl Invalidator {
    /// Starts the thread. It ends when it is told to, or with the mount.
    pub(crate) fn start(notifications: Notifications) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("mount-invalidator".to_owned());
        let thread = thread.spawn(move || run(&receiver, notifications))?;
        Ok((Self(sender), thread))
    }

    pub(crate) fn add(&self, invalidations: impl IntoIterator<Item = Invalidation>) {
        for invalidation in invalidations {
            // Fails only when the mount has ended.
            drop(self.0.send(Some(invalidation)));
        }
    }

    /// The kernel is to be told nothing any more.
    pub(crate) fn end(&self) {
        drop(self.0.send(None));
    }
}

fn run(receiver: &Receiver<Option<Invalidation>>, mut notifications: Notifications) {
    while let Ok(Some(first)) = receiver.recv() {
        // Telling once is enough for all that wait by now; not for those that come while it is told.
        let mut told = HashSet::new();
        let batch: Vec<_> = std::iter::once(Some(first))
            .chain(receiver.try_iter())
            .collect();
        for invalidation in batch {
            let Some(invalidation) = invalidation else {
                return;
            };
            if told.contains(&invalidation) {
                continue;
            }
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
