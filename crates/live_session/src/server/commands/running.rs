//! A command, for who has typed it.

use std::sync::Arc;

use live::Bytes;
use live::commands::{Command, Order};
use live::programs::{Size, Stream};

use super::Shared;
use super::queue::{Queue, Told};

/// A command that was typed. When this is dropped before the last was told, everything of it ends on the laptop.
pub struct RunningCommand {
    command: Command,
    shared: Arc<Shared>,
    queue: Arc<Queue>,
}

impl RunningCommand {
    pub(super) fn new(command: Command, shared: Arc<Shared>, queue: Arc<Queue>) -> Self {
        Self {
            command,
            shared,
            queue,
        }
    }

    /// The next thing that is told of it; `None` behind the last. Dropping the future loses nothing.
    pub async fn next(&self) -> Option<Told> {
        self.queue.next().await
    }

    /// Something was typed, or came for it to read: at most [`live::commands::WINDOW`] more than was taken.
    pub fn input(&self, bytes: Bytes) {
        self.say(Order::Input(bytes));
    }

    /// Waits until the connection has room for more input.
    pub async fn room(&self) {
        self.shared.connection.room(self.command.lane()).await;
    }

    /// Nothing more is to be read.
    pub fn input_ended(&self) {
        self.say(Order::InputEnded);
    }

    /// Its terminal has this size now.
    pub fn resize(&self, size: Size) {
        self.say(Order::Resize(size));
    }

    /// A signal is for it, by its number on Linux.
    pub fn signal(&self, signal: i32) {
        self.say(Order::Signal(signal));
    }

    /// So much of its output was passed on: in bytes, since it began.
    pub fn seen(&self, seen: u64) {
        self.say(Order::Seen(seen));
    }

    /// Nobody reads that of its output any more. What still comes of it counts as [seen](Self::seen) when it was dropped.
    pub fn unread(&self, stream: Stream) {
        self.say(Order::Unread(stream));
    }

    fn say(&self, order: Order) {
        self.shared.order(self.command, order);
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        self.shared.abandon(self.command);
    }
}
