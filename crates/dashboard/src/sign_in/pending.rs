//! What was begun and waits for its second half, in memory: bounded in number and time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many wait; beyond, the oldest is dropped.
const MOST: usize = 64;
/// So long they wait.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

pub(crate) struct Pending<T> {
    waiting: Mutex<HashMap<String, (Instant, T)>>,
}

impl<T> Pending<T> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::new(HashMap::new()),
        }
    }

    /// Keeps `value` under `name`, in place of what was there.
    pub(crate) fn put(&self, name: &str, value: T) {
        let now = Instant::now();
        let mut waiting = self.lock();
        waiting.retain(|_, (since, _)| now.duration_since(*since) < PATIENCE);
        if waiting.len() >= MOST {
            let oldest = waiting.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                waiting.remove(&oldest);
            }
        }
        waiting.insert(name.to_owned(), (now, value));
    }

    /// Takes it away: it counts once.
    pub(crate) fn take(&self, name: &str) -> Option<T> {
        let (since, value) = self.lock().remove(name)?;
        (since.elapsed() < PATIENCE).then_some(value)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, T)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counts_once_and_the_oldest_go() {
        let pending = Pending::new();
        for number in 0..=MOST {
            pending.put(&number.to_string(), number);
        }
        assert_eq!(pending.take("0"), None);
        assert_eq!(pending.take("1"), Some(1));
        assert_eq!(pending.take("1"), None);
        assert_eq!(pending.lock().len(), MOST - 1);
    }
}
