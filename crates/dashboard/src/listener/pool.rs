//! All connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::places::{Place, to_make_room};

/// The connections there are, at most so many.
pub(super) struct Pool {
    epoch: Instant,
    limit: usize,
    places: Mutex<Places>,
    /// Told when the last one has gone.
    empty: Notify,
}

#[derive(Default)]
struct Places {
    next: u64,
    taken: HashMap<u64, Arc<Place>>,
}

impl Pool {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            epoch: Instant::now(),
            limit,
            places: Mutex::default(),
            empty: Notify::new(),
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `address`, if need be that of another one. `None` if all of
    /// them are in use by people who have signed in.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<TakenPlace> {
        let mut places = self.places();
        if places.taken.len() >= self.limit && !places.make_room() {
            return None;
        }
        let number = places.next;
        places.next += 1;
        let place = Arc::new(Place::new(address, self.epoch));
        places.taken.insert(number, Arc::clone(&place));
        Some(TakenPlace {
            place,
            number,
            pool: Arc::clone(self),
        })
    }

    /// Ends one that can make room; whether there was one.
    pub(super) fn make_room(&self) -> bool {
        self.places().make_room()
    }

    /// Ends those whose time is over.
    pub(super) fn sweep(&self) {
        let now = self.epoch.elapsed();
        let places = self.places();
        let overdue = places
            .taken
            .values()
            .filter(|place| place.facts().is_overdue(now));
        overdue.for_each(|place| place.close());
    }

    /// Ends those that no answer is owed.
    pub(super) fn close_waiting(&self) {
        let places = self.places();
        let waiting = places
            .taken
            .values()
            .filter(|place| !place.facts().is_awaited());
        waiting.for_each(|place| place.close());
    }

    /// Ends all of them.
    pub(super) fn close_all(&self) {
        let places = self.places();
        places.taken.values().for_each(|place| place.close());
    }

    /// Returns when there is none any more.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.empty.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.places().taken.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl Places {
    fn make_room(&mut self) -> bool {
        let facts = self
            .taken
            .iter()
            .map(|(&number, place)| (number, place.facts()));
        let Some(place) = to_make_room(facts).and_then(|number| self.taken.remove(&number)) else {
            return false;
        };
        place.close();
        true
    }
}

/// A place in the pool, for as long as this is held.
pub(super) struct TakenPlace {
    place: Arc<Place>,
    number: u64,
    pool: Arc<Pool>,
}

impl TakenPlace {
    pub(super) fn share(&self) -> Arc<Place> {
        Arc::clone(&self.place)
    }
}

impl Deref for TakenPlace {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Drop for TakenPlace {
    fn drop(&mut self) {
        self.place.forget_reader();
        let mut places = self.pool.places();
        places.taken.remove(&self.number);
        if places.taken.is_empty() {
            self.pool.empty.notify_waiters();
        }
    }
}
