//! What is typed: in order, bounded, written when the program's terminal takes it.
//!
//! What the kernel does with it is not undone here: while a program has its terminal in canonical mode, a line
//! of more than 4,095 bytes without a line feed loses what is beyond (N_TTY). Programs that expect long pastes use
//! raw mode.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::InputError;
use crate::shared::lock;

/// How much may wait for the program to read, in bytes.
pub(crate) const MOST_WAITING: usize = 1 << 20;
/// A paste goes in by pieces of this size, so that a key pressed meanwhile (Ctrl-C) does not wait for its end.
const PIECE: usize = 64 << 10;

/// Input on its way to the program. Owns this side of the terminal until the end.
pub(crate) struct Input {
    queue: Arc<Mutex<Queue>>,
    /// Somebody who waits may find room, or the end.
    room: Arc<Notify>,
    /// Held by whoever waits for room, so that the pieces of two pastes do not mix.
    turn: tokio::sync::Mutex<()>,
}

struct Queue {
    /// Gone once the program has ended: nothing is written to a number that may be somebody else's by then.
    master: Option<Arc<AsyncFd<OwnedFd>>>,
    waiting: VecDeque<Bytes>,
    bytes: usize,
    /// A task writes what waits.
    writing: bool,
}

impl Input {
    pub(crate) fn new(master: Arc<AsyncFd<OwnedFd>>) -> Self {
        Self {
            queue: Arc::new(Mutex::new(Queue {
                master: Some(master),
                waiting: VecDeque::new(),
                bytes: 0,
                writing: false,
            })),
            room: Arc::new(Notify::new()),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Takes all of `bytes` or nothing; never waits.
    pub(crate) fn take(&self, bytes: Bytes) -> Result<(), InputError> {
        let mut queue = lock(&self.queue);
        let Some(master) = queue.master.clone() else {
            return Err(InputError::Ended);
        };
        if queue.bytes + bytes.len() > MOST_WAITING {
            return Err(InputError::Full);
        }
        queue.add(bytes);
        // At once if the program reads: a key press needs no other task to run.
        if !queue.writing && queue.write(master.as_fd()) == Written::Blocked {
            queue.writing = true;
            let writer = write(Arc::clone(&self.queue), master, Arc::clone(&self.room));
            tokio::spawn(writer);
        }
        Ok(())
    }

    /// Waits for room.
    pub(crate) async fn take_when_ready(&self, mut bytes: Bytes) -> Result<(), InputError> {
        let _turn = self.turn.lock().await;
        while !bytes.is_empty() {
            let piece = bytes.slice(..bytes.len().min(PIECE));
            let room = self.room.notified();
            match self.take(piece.clone()) {
                Ok(()) => bytes.advance(piece.len()),
                Err(InputError::Full) => room.await,
                Err(InputError::Ended) => return Err(InputError::Ended),
            }
        }
        Ok(())
    }

    /// Nothing more is taken, and what waits is forgotten.
    pub(crate) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.master = None;
        queue.waiting.clear();
        queue.bytes = 0;
        drop(queue);
        self.room.notify_one();
    }

    /// Does something with this side of the terminal, if it is still there.
    pub(crate) fn with_master(&self, action: impl FnOnce(BorrowedFd<'_>)) {
        let master = lock(&self.queue).master.clone();
        if let Some(master) = master {
            action(master.as_fd());
        }
    }
}

#[derive(PartialEq, Eq)]
enum Written {
    /// All, or nobody will ever read it.
    Done,
    /// The kernel takes no more at present.
    Blocked,
}

impl Queue {
    fn add(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.waiting.push_back(bytes);
        }
    }

    fn write(&mut self, master: BorrowedFd<'_>) -> Written {
        while let Some(first) = self.waiting.front_mut() {
            match rustix::io::write(master, first) {
                Ok(0) | Err(Errno::AGAIN) => return Written::Blocked,
                Ok(written) => {
                    first.advance(written);
                    self.bytes -= written;
                    if first.is_empty() {
                        self.waiting.pop_front();
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.waiting.clear();
                    self.bytes = 0;
                }
            }
        }
        Written::Done
    }
}

/// Writes what waits until nothing does.
async fn write(queue: Arc<Mutex<Queue>>, master: Arc<AsyncFd<OwnedFd>>, room: Arc<Notify>) {
    while let Ok(mut ready) = master.writable().await {
        let mut queue = lock(&queue);
        if queue.master.is_none() {
            break;
        }
        let written = queue.write(master.as_fd());
        if written == Written::Done {
            queue.writing = false;
        }
        drop(queue);
        room.notify_one();
        match written {
            Written::Done => return,
            Written::Blocked => ready.clear_ready(),
        }
    }
}
