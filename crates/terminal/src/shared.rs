//! What a terminal's handles, viewers and tasks share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::process::Pid;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::history::{History, Resize};
use crate::input::Input;
use crate::pace::{self, Pace, Reading};
use crate::recording::Recording;
use crate::{Ended, Size, pseudoterminal};

/// How many changes of size wait for a viewer before the oldest are forgotten.
const MOST_RESIZES: usize = 64;

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) input: Input,
    pub(crate) recording: Option<Recording>,
    /// A viewer has made room, come or gone: reading may go on.
    pub(crate) pace: Notify,
    /// Somebody wants the program to end.
    pub(crate) end: Notify,
    end_wanted: AtomicBool,
    pub(crate) ended: watch::Sender<Option<Ended>>,
    pub(crate) process: Pid,
}

pub(crate) struct State {
    pub(crate) history: History,
    pub(crate) viewers: Vec<Viewing>,
    next_viewer: u64,
    pub(crate) last_output: Option<SystemTime>,
}

/// What is known of one viewer.
pub(crate) struct Viewing {
    pub(crate) id: u64,
    pub(crate) pace: Pace,
    /// Changes of size that it has not been told, in order.
    pub(crate) resizes: Vec<Resize>,
    /// There is something for it.
    pub(crate) news: Arc<Notify>,
}

impl Shared {
    pub(crate) fn new(
        history: History,
        input: Input,
        recording: Option<Recording>,
        process: Pid,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                history,
                viewers: Vec::new(),
                next_viewer: 0,
                last_output: None,
            }),
            input,
            recording,
            pace: Notify::new(),
            end: Notify::new(),
            end_wanted: AtomicBool::new(false),
            ended: watch::Sender::new(None),
            process,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Output has been read, in whole characters.
    pub(crate) fn push(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(recording) = &self.recording {
            recording.output(bytes);
        }
        let now = Instant::now();
        let mut state = self.state();
        state.history.push(bytes);
        state.last_output = Some(SystemTime::now());
        let end = state.history.end();
        for viewing in &mut state.viewers {
            viewing.pace.output(end, now);
            viewing.news.notify_one();
        }
    }

    /// Whether output may be read.
    pub(crate) fn reading(&self) -> Reading {
        let state = self.state();
        pace::reading(
            state.viewers.iter().map(|viewing| &viewing.pace),
            Instant::now(),
        )
    }

    pub(crate) fn resize(&self, size: Size) {
        let mut state = self.state();
        if state.history.size() == size || self.ended.borrow().is_some() {
            return;
        }
        state.history.resize(size);
        let resize = Resize {
            position: state.history.end(),
            size,
        };
        for viewing in &mut state.viewers {
            viewing.resized(resize);
        }
        if let Some(recording) = &self.recording {
            recording.resized(size);
        }
        // Within the lock: two that resize at once leave the program and the viewers with the same size.
        self.input.with_master(|master| {
            // Fails only for a terminal that is going away.
            drop(pseudoterminal::set_size(master, size));
        });
    }

    pub(crate) fn add_viewer(&self, after: Option<u64>) -> (u64, Option<u64>, Arc<Notify>) {
        let mut state = self.state();
        let history = &state.history;
        let position = after.filter(|&after| (history.start()..=history.end()).contains(&after));
        let resizes = position.map_or_else(Vec::new, |position| {
            history.resizes_behind(position).collect()
        });
        let mut pace = Pace::new(position.unwrap_or(history.end()));
        pace.output(history.end(), Instant::now());
        let id = state.next_viewer;
        state.next_viewer += 1;
        let news = Arc::new(Notify::new());
        state.viewers.push(Viewing {
            id,
            pace,
            resizes,
            news: Arc::clone(&news),
        });
        drop(state);
        self.pace.notify_one();
        (id, position, news)
    }

    pub(crate) fn remove_viewer(&self, id: u64) {
        self.state().viewers.retain(|viewing| viewing.id != id);
        self.pace.notify_one();
    }

    /// Changes what is known of how far a viewer is.
    pub(crate) fn with_pace(&self, id: u64, change: impl FnOnce(&mut Pace, u64, Instant)) {
        let mut state = self.state();
        let end = state.history.end();
        if let Some(viewing) = state.viewing(id) {
            change(&mut viewing.pace, end, Instant::now());
            viewing.news.notify_one();
        }
        drop(state);
        self.pace.notify_one();
    }

    pub(crate) fn want_end(&self) {
        self.end_wanted.store(true, Ordering::Release);
        self.end.notify_one();
    }

    pub(crate) fn end_wanted(&self) -> bool {
        self.end_wanted.load(Ordering::Acquire)
    }

    /// All output has been read and the program reaped.
    pub(crate) fn set_ended(&self, ended: Ended) {
        self.input.close();
        let state = self.state();
        self.ended.send_replace(Some(ended));
        for viewing in &state.viewers {
            viewing.news.notify_one();
        }
    }
}

impl State {
    pub(crate) fn viewing(&mut self, id: u64) -> Option<&mut Viewing> {
        self.viewers.iter_mut().find(|viewing| viewing.id == id)
    }
}

impl Viewing {
    fn resized(&mut self, resize: Resize) {
        if self.resizes.len() == MOST_RESIZES {
            self.resizes.remove(0);
        }
        self.resizes.push(resize);
        self.news.notify_one();
    }
}

/// A task that panicked leaves its lock poisoned; what it guards is consistent between any two statements here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
