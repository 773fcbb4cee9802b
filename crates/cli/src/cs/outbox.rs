//! What goes to the session's daemon: by a task of its own, since a message that was begun has to be finished.

use std::sync::Arc;

use bytes::Bytes;
use live::programs::Input;
use live_process::client::LocalSender;
use live_process::local::ToDaemon;
use tokio::sync::{Semaphore, mpsc};

/// The most that is typed at once, in bytes: what the protocol takes as one piece.
pub(crate) const LARGEST_TYPED: usize = live::programs::LARGEST_PIECE;
/// How much of what was typed waits for the daemon, in bytes.
const ROOM: usize = 4 * LARGEST_TYPED;

/// Messages that wait to be said. Nothing is said any more once this is dropped.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: mpsc::UnboundedSender<Input>,
    room: Arc<Semaphore>,
    task: tokio::task::JoinHandle<()>,
}

impl Outbox {
    /// Inside of a tokio runtime.
    pub(crate) fn new(writer: LocalSender) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(ROOM));
        let task = tokio::spawn(say(writer, waiting, Arc::clone(&room)));
        Self { queue, room, task }
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
        self.say(Input::Typed(bytes));
        true
    }

    /// Says something short, behind what was typed before.
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

async fn say(
    mut writer: LocalSender,
    mut waiting: mpsc::UnboundedReceiver<Input>,
    room: Arc<Semaphore>,
) {
    while let Some(input) = waiting.recv().await {
        let taken = match &input {
            Input::Typed(bytes) => bytes.len(),
            _ => 0,
        };
        if writer.send(&ToDaemon::Input(input)).await.is_err() {
            return;
        }
        room.add_permits(taken);
    }
}

fn amount(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
