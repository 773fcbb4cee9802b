//! All sockets that are connected, and those whose rights end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use socketioxide::SocketIo;
use socketioxide::socket::Sid;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::client::Client;
use crate::access::Who;
use crate::access::endings::INTERVAL;
use crate::events::Change;

/// See the head of this file.
pub(super) struct Sockets {
    pub(super) io: SocketIo,
    known: Mutex<HashMap<Sid, Arc<Client>>>,
}

impl Sockets {
    pub(super) fn new(io: SocketIo) -> Self {
        Self {
            io,
            known: Mutex::default(),
        }
    }

    pub(super) fn add(&self, client: &Arc<Client>) {
        self.known().insert(client.id, Arc::clone(client));
    }

    pub(super) fn remove(&self, id: Sid) -> Option<Arc<Client>> {
        self.known().remove(&id)
    }

    /// Cuts what the browser of `by` has left behind at another address, as far as older clients hold it: from a
    /// network that a laptop is not in any more nobody says goodbye, and who starts again what he had before the
    /// next ping fails is not to get it a second time. A token may well be used at two addresses at once.
    pub(super) fn cut_left_behind(&self, by: &Client) {
        if !matches!(by.caller.who, Who::Browser(_)) {
            return;
        }
        let all: Vec<Arc<Client>> = self.known().values().cloned().collect();
        for client in all {
            let is_elsewhere = client.wire.address != by.wire.address;
            if is_elsewhere && client.caller.who == by.caller.who && client.is_older() {
                client.lose();
            }
        }
    }

    /// Disconnects those of whom `is_over` says so.
    fn end_those(&self, is_over: impl Fn(&Client) -> bool) {
        let all: Vec<Arc<Client>> = self.known().values().cloned().collect();
        for client in all {
            if is_over(&client) {
                client.disconnect();
            }
        }
    }

    /// Disconnects those whose rights have ended without anybody having been told: they had begun
    /// and ended between two looks.
    fn end_those_without_rights(&self) {
        // Before it is asked who is entitled: whoever comes meanwhile is looked at the next time.
        let all: Vec<Arc<Client>> = self.known().values().cloned().collect();
        let Some(Ok(entitled)) = all.first().map(|client| client.app.entitled()) else {
            return; // Nobody is there, or a database cannot be read: that ends nobody's rights.
        };
        for client in all {
            if client.link.is_none() && !entitled.contains(&client.caller.who) {
                client.disconnect();
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Sid, Arc<Client>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Disconnects sockets when the rights end that they came with.
pub(super) async fn end_with_rights(sockets: Weak<Sockets>, mut changes: Receiver<Change>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let change = tokio::select! {
            change = changes.recv() => Some(change),
            _ = ticks.tick() => None,
        };
        let Some(sockets) = sockets.upgrade() else {
            return;
        };
        let Some(change) = change else {
            sockets.end_those_without_rights();
            continue;
        };
        match change {
            Ok(Change::Ended(over)) => {
                sockets.end_those(|client| over.contains(&client.caller.who));
            }
            Ok(Change::Accounts | Change::Sessions) => {}
            // Whose rights ended was missed.
            Err(RecvError::Lagged(_)) => sockets.end_those(|client| !client.is_still_admitted()),
            Err(RecvError::Closed) => return,
        }
    }
}
