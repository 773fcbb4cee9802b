//! Those that run, for who asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::handle::Handle;
use super::options::CommandLine;

/// A command that runs. Its words are the server's: make them printable before they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OngoingCommand {
    /// What runs. Of its arguments, the first [`super::LONGEST_WORDS`] bytes.
    pub line: CommandLine,
    /// When it was asked for.
    pub began: SystemTime,
    /// How long ago that is.
    pub took: Duration,
    /// How much it has output, in bytes.
    pub output: u64,
}

/// All of them. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct List(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The number of the last one.
    last: u64,
    entries: BTreeMap<u64, Entry>,
}

struct Entry {
    line: CommandLine,
    began: SystemTime,
    since: Instant,
    handle: Arc<Handle>,
}

/// One that is on it, until this is dropped.
pub(super) struct Listed {
    list: List,
    number: u64,
}

impl List {
    /// Adds the last one.
    pub(super) fn add(
        &self,
        line: CommandLine,
        began: SystemTime,
        since: Instant,
        handle: Arc<Handle>,
    ) -> Listed {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        let entry = Entry {
            line,
            began,
            since,
            handle,
        };
        state.entries.insert(number, entry);
        Listed {
            list: self.clone(),
            number,
        }
    }

    /// How they are now, in the order in which they began.
    pub(super) fn now(&self) -> Vec<OngoingCommand> {
        let state = self.state();
        let ongoing = state.entries.values().map(|entry| OngoingCommand {
            line: entry.line.clone(),
            began: entry.began,
            took: entry.since.elapsed(),
            output: entry.handle.credit.sent(),
        });
        ongoing.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.state().entries.remove(&self.number);
    }
}
