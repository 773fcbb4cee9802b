//! What pages are told, so that they never ask again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{broadcast, watch};

use crate::access::Who;

/// How many events a slow page may fall behind; then it is told to ask for everything.
const KEPT: usize = 64;

/// Something has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Accounts, bindings, or what is known of them.
    Accounts,
    /// Terminal sessions.
    Sessions,
    /// These callers' rights have ended: their sockets and streams end with them.
    Ended(Vec<Who>),
}

/// Whoever wants to hear of changes, and whoever makes them.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: broadcast::Sender<Change>,
    closing: watch::Sender<bool>,
    /// Counts the changes of sessions.
    sessions: Arc<AtomicU64>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::channel(KEPT).0,
            closing: watch::Sender::new(false),
            sessions: Arc::default(),
        }
    }

    pub(crate) fn tell(&self, change: Change) {
        if change == Change::Sessions {
            self.sessions.fetch_add(1, Ordering::Release);
        }
        // Nobody may be listening.
        drop(self.sender.send(change));
    }

    /// The server ends: so do all streams.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(crate) fn closing(&self) -> Closing {
        Closing(self.closing.subscribe())
    }

    /// Another number after each change of the terminal sessions.
    pub(crate) fn sessions_revision(&self) -> u64 {
        self.sessions.load(Ordering::Acquire)
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }
}

/// The end of the server, to be waited for.
#[derive(Debug)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(crate) async fn wait(&mut self) {
        // Without a sender there is no server either.
        drop(self.0.wait_for(|&closing| closing).await);
    }
}
