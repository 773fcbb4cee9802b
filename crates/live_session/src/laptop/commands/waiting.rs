//! How many commands may wait for being answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many may, beside those that run.
const MOST: usize = 1024;
/// How much they may take, in bytes.
const MOST_BYTES: usize = 16 << 20;

/// Those that wait.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    commands: usize,
    bytes: usize,
}

/// One that waits, until this is dropped.
pub(super) struct Place {
    waiting: Arc<Waiting>,
    bytes: usize,
}

impl Waiting {
    /// A place for one that takes so many bytes, if there is one.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<Place> {
        let mut taken = self.taken();
        if taken.commands >= MOST || taken.bytes + bytes > MOST_BYTES {
            return None;
        }
        taken.commands += 1;
        taken.bytes += bytes;
        Some(Place {
            waiting: Arc::clone(self),
            bytes,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.waiting.taken();
        taken.commands -= 1;
        taken.bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_of_places_and_of_bytes() {
        let waiting = Arc::new(Waiting::default());
        let places: Vec<Place> = std::iter::from_fn(|| waiting.take(1)).collect();
        assert_eq!(places.len(), MOST);
        drop(places);
        let large = waiting.take(MOST_BYTES).unwrap();
        assert!(waiting.take(1).is_none());
        drop(large);
        assert!(waiting.take(1).is_some());
    }
}
