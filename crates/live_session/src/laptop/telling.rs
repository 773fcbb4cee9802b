//! Tells the server of changes. What it does not take is not kept without end: from then on only that anything may have
//! changed, which is told once it takes something again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connection::Connection;
use live::files::{Change, Root};
use live::message::ToServer;
use live::{LARGEST_MESSAGE, Lane, RelativePath};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The lane that changes go in.
const LANE: Lane = Lane::Metadata;
/// What a change takes in a message beside its path, in bytes: more than the numbers in it can.
const MOST_OF_A_CHANGE: usize = 256;

/// See the head of this file. Clones tell the same.
#[derive(Clone)]
pub(super) struct Telling {
    connection: Connection<ToServer>,
    runtime: Handle,
    missed: Arc<Mutex<Missed>>,
    /// How often what was missed has been made up for.
    rounds: Arc<watch::Sender<u64>>,
}

/// What was not told: of which directories, and whether each is watched, if that was to be told.
#[derive(Default)]
struct Missed {
    directories: BTreeMap<Root, Option<bool>>,
    /// A task waits for room.
    is_awaited: bool,
}

impl Telling {
    /// Inside of a tokio runtime.
    pub(super) fn new(connection: Connection<ToServer>) -> Self {
        Self {
            connection,
            runtime: Handle::current(),
            missed: Arc::default(),
            rounds: Arc::default(),
        }
    }

    /// In order; whoever calls it waits for nothing.
    pub(super) fn tell(&self, changes: Vec<Change>) {
        let mut missed = self.missed();
        if missed.directories.is_empty() && self.connection.has_room(LANE) {
            return self.send(changes);
        }
        for change in changes {
            let watched = missed.directories.entry(change.root()).or_default();
            if let Change::Watched { all, .. } = change {
                *watched = Some(all);
            }
        }
        if !std::mem::replace(&mut missed.is_awaited, true) {
            let telling = self.clone();
            self.runtime.spawn(async move {
                telling.connection.room(LANE).await;
                telling.catch_up();
            });
        }
    }

    /// Waits until all that was to be told before is on its way: what is sent in the same lane after that comes after it. For
    /// a session that has ended, it waits for nothing.
    pub(super) async fn settle(&self) {
        let (mut rounds, round) = {
            let missed = self.missed();
            if !missed.is_awaited {
                return;
            }
            let rounds = self.rounds.subscribe();
            let round = *rounds.borrow();
            (rounds, round)
        };
        // Never fails: this has the other end.
        rounds.wait_for(|now| *now != round).await.ok();
    }

    /// Nothing more of what was missed of `root`: what is published under this number next is another.
    pub(super) fn forget(&self, root: Root) {
        self.missed().directories.remove(&root);
    }

    fn catch_up(&self) {
        let mut missed = self.missed();
        missed.is_awaited = false;
        let mut changes = Vec::new();
        for (root, watched) in std::mem::take(&mut missed.directories) {
            let path = RelativePath::root();
            changes.push(Change::Anything { root, path });
            changes.extend(watched.map(|all| Change::Watched { root, all }));
        }
        self.send(changes);
        self.rounds.send_modify(|rounds| *rounds += 1);
    }

    /// In messages that are not too long.
    fn send(&self, changes: Vec<Change>) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for change in changes {
            let length = change.path().map_or(0, |path| path.as_bytes().len()) + MOST_OF_A_CHANGE;
            if bytes + length > LARGEST_MESSAGE {
                let full = std::mem::take(&mut batch);
                self.connection.send(&ToServer::Changed(full)).ok();
                bytes = 0;
            }
            bytes += length;
            batch.push(change);
        }
        // Fails for a session that has ended.
        self.connection.send(&ToServer::Changed(batch)).ok();
    }

    fn missed(&self) -> MutexGuard<'_, Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
