//! What goes to the session's daemon: by a task of its own, since a message that was begun has to be finished.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use live::programs::Input;
use live_process::client::LocalSender;
use live_process::local::{MOST_TYPED, ToDaemon};
use tokio::sync::{Semaphore, mpsc};

/// The most that is typed at once, in bytes: what the protocol takes as one piece.
pub(crate) const LARGEST_TYPED: usize = live::programs::LARGEST_PIECE;

/// Messages that wait to be said. Nothing is said any more once this is dropped.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: mpsc::UnboundedSender<Input>,
    /// How much may be typed, in bytes. What the daemon has not passed on waits there, with nothing else behind it.
    room: Semaphore,
    /// How much was typed, and how much of that the daemon has passed on, in bytes.
    typed: AtomicU64,
    passed: AtomicU64,
    task: tokio::task::JoinHandle<()>,
}

impl Outbox {
    /// Inside of a tokio runtime.
    pub(crate) fn new(writer: LocalSender) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        Self {
            queue,
            room: Semaphore::new(MOST_TYPED),
            typed: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            task: tokio::spawn(say(writer, waiting)),
        }
    }

    /// Whether [`Outbox::typed`] takes one more piece.
    pub(crate) fn has_room(&self) -> bool {
        self.room.available_permits() >= LARGEST_TYPED
    }

    /// Waits until there is room.
    pub(crate) async fn room(&self) {
        // Never closed.
        drop(self.room.acquire_many(amount(LARGEST_TYPED)).await);
    }

    /// Says what was typed; `false` if there was no room, and it is lost.
    pub(crate) fn typed(&self, bytes: impl Into<Bytes>) -> bool {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return true;
        }
        let Ok(taken) = self.room.try_acquire_many(amount(bytes.len())) else {
            return false;
        };
        taken.forget();
        self.typed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.say(Input::Typed(bytes));
        true
    }

    /// The daemon has passed on so much of what was typed.
    pub(crate) fn passed(&self, passed: u64) {
        // No more than there was.
        let passed = passed.min(self.typed.load(Ordering::Relaxed));
        let before = self.passed.fetch_max(passed, Ordering::Relaxed);
        let more = usize::try_from(passed.saturating_sub(before)).unwrap_or_default();
        self.room.add_permits(more);
    }

    /// Says something short. The program may be told of it before what was typed before.
    pub(crate) fn say(&self, input: Input) {
        // Fails once the daemon has hung up, which its reader hears of.
        drop(self.queue.send(input));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn say(mut writer: LocalSender, mut waiting: mpsc::UnboundedReceiver<Input>) {
    while let Some(input) = waiting.recv().await {
        if writer.send(&ToDaemon::Input(input)).await.is_err() {
            return;
        }
    }
}

fn amount(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
