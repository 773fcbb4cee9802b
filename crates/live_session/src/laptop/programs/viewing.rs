//! One who looks at a program on the server, and types.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::control::Request;
use live::message::ToServer;
use live::programs::{Input, LARGEST_PIECE, Output, Viewer, WINDOW};
use live::{Bytes, Lane};
use tokio::sync::Notify;

use super::Programs;

/// How much may have come that nobody has taken, in bytes. A server that keeps to the protocol sends no more than its
/// window and one picture; one that does not loses this viewer.
const MOST_WAITING: usize = 16 << 20;
/// What an output counts for in that beside its bytes.
const OVERHEAD: usize = 64;
/// How much is seen before the server is told, in bytes: far less than any window.
const TELL_EVERY: u64 = 32 << 10;
/// How much of what is typed may wait for the connection, of all viewers together, in bytes: so long does a keystroke wait
/// behind another viewer's paste.
const MOST_QUEUED: usize = 2 * LARGEST_PIECE;

/// Somebody who looks at a program, until both halves are dropped. A program without terminal then finds its pipes closed;
/// any other just goes on.
pub struct Viewing {
    /// What goes to the program.
    pub input: Typing,
    /// What comes from it.
    pub output: Watching,
}

/// Goes to a program.
pub struct Typing {
    attached: Arc<Attached>,
    /// Held while something is typed, so that the pieces of two do not mix.
    turn: tokio::sync::Mutex<()>,
}

/// Comes from a program.
pub struct Watching {
    attached: Arc<Attached>,
    /// What the server was told to have been seen.
    told: AtomicU64,
}

/// The program has ended, or the agent or the session has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program has ended")]
pub struct Gone;

/// That somebody looks, as long as this is there.
struct Attached {
    programs: Programs,
    viewer: Viewer,
    view: Arc<View>,
}

impl Viewing {
    pub(super) fn new(programs: Programs, viewer: Viewer, view: Arc<View>) -> Self {
        let attached = Arc::new(Attached {
            programs,
            viewer,
            view,
        });
        Self {
            input: Typing {
                attached: Arc::clone(&attached),
                turn: tokio::sync::Mutex::default(),
            },
            output: Watching {
                attached,
                told: AtomicU64::new(0),
            },
        }
    }
}

impl Typing {
    /// Says `input` to the program, when there is room on the way to it. Nothing but what is typed waits for the program to
    /// read. Of what was typed, a part may have been said when this is dropped.
    ///
    /// # Errors
    /// When nobody is there any more.
    pub async fn send(&self, input: Input) -> Result<(), Gone> {
        match input {
            Input::Typed(bytes) => {
                let _turn = self.turn.lock().await;
                self.type_in_pieces(bytes).await
            }
            Input::InputEnded => {
                let _turn = self.turn.lock().await;
                self.attached.say(Input::InputEnded).await
            }
            other => self.attached.say(other).await,
        }
    }

    async fn type_in_pieces(&self, mut bytes: Bytes) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(LARGEST_PIECE));
            self.attached.view.reserve(piece.len()).await?;
            self.attached.say(Input::Typed(piece)).await?;
        }
        Ok(())
    }
}

impl Watching {
    /// Waits for the next; `None` behind [`Output::Ended`]. Nothing is lost if it is dropped while it waits.
    pub async fn next(&mut self) -> Option<Output> {
        let view = &self.attached.view;
        loop {
            let news = view.news.notified();
            {
                let mut inner = view.inner();
                if let Some(output) = inner.pop() {
                    if let Output::Picture { .. } = output {
                        // It counts anew, with all that it weighs.
                        self.told.store(0, Ordering::Relaxed);
                    }
                    return Some(output);
                }
                if inner.is_over {
                    return None;
                }
            }
            news.await;
        }
    }

    /// Everything up to the `after` of some output has been shown, or passed on. Without that, no more comes.
    pub fn seen(&self, after: u64) {
        let told = self.told.load(Ordering::Relaxed);
        if after < told.saturating_add(TELL_EVERY) || self.attached.view.inner().is_over {
            return;
        }
        self.told.store(after, Ordering::Relaxed);
        let seen = ToServer::Program(self.attached.viewer, Input::Seen(after));
        // Fails for a session that has ended.
        self.attached.programs.shared.connection.send(&seen).ok();
    }
}

impl Attached {
    async fn say(&self, input: Input) -> Result<(), Gone> {
        let connection = &self.programs.shared.connection;
        connection.room_below(Lane::Terminal, MOST_QUEUED).await;
        if self.view.inner().is_over {
            return Err(Gone);
        }
        let said = ToServer::Program(self.viewer, input);
        connection.send(&said).map_err(|_| Gone)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let wish = {
            let mut state = self.programs.shared.state();
            // Without one, the server knows that nobody looks.
            if state.views.remove(&self.viewer).is_none() && !self.view.is_overrun() {
                return;
            }
            state.wish = state.wish.wrapping_add(1);
            state.wish
        };
        let detach = ToServer::Control(wish, Request::Detach(self.viewer));
        // Fails for a session that has ended.
        self.programs.shared.connection.send(&detach).ok();
    }
}

/// What has come for a viewer, and how far what it typed has got.
#[derive(Default)]
pub(super) struct View {
    inner: Mutex<Inner>,
    news: Notify,
    /// More of what was typed has been taken, or nothing ever will be.
    room: Notify,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Output>,
    /// What waits, in bytes.
    bytes: usize,
    /// What was typed, and how much of that the program has taken, in bytes.
    typed: u64,
    taken: u64,
    /// Nothing more comes.
    is_over: bool,
    /// More has come than may, altogether or at once.
    is_overrun: bool,
}

impl Inner {
    fn pop(&mut self) -> Option<Output> {
        let output = self.waiting.pop_front()?;
        self.bytes -= output.memory() + OVERHEAD;
        Some(output)
    }

    fn push(&mut self, output: Output) {
        self.bytes += output.memory() + OVERHEAD;
        self.waiting.push_back(output);
    }
}

impl View {
    /// Something has come; whether that is the last.
    pub(super) fn push(&self, output: Output) -> bool {
        let mut inner = self.inner();
        if inner.is_over {
            return true;
        }
        inner.is_over = matches!(output, Output::Ended { .. });
        let is_piece = output.memory() <= LARGEST_PIECE;
        if is_piece && inner.bytes + output.memory() + OVERHEAD <= MOST_WAITING {
            inner.push(output);
        } else {
            inner.is_over = true;
            inner.is_overrun = true;
            inner.waiting.clear();
            inner.bytes = 0;
            inner.push(LOST);
        }
        let is_last = inner.is_over;
        drop(inner);
        self.tell(is_last);
        is_last
    }

    /// Nobody knows of the program any more.
    pub(super) fn lose(&self) {
        self.push(LOST);
    }

    pub(super) fn taken(&self, taken: u64) {
        let mut inner = self.inner();
        // What was never typed cannot have been taken.
        inner.taken = taken.min(inner.typed).max(inner.taken);
        drop(inner);
        self.room.notify_waiters();
    }

    /// Waits until less than [`WINDOW`] bytes are typed and not taken, and counts these.
    async fn reserve(&self, bytes: usize) -> Result<(), Gone> {
        loop {
            let room = self.room.notified();
            {
                let mut inner = self.inner();
                if inner.is_over {
                    return Err(Gone);
                }
                if inner.typed - inner.taken < WINDOW {
                    inner.typed += bytes as u64;
                    return Ok(());
                }
            }
            room.await;
        }
    }

    fn tell(&self, is_last: bool) {
        self.news.notify_one();
        if is_last {
            self.room.notify_waiters();
        }
    }

    fn is_overrun(&self) -> bool {
        self.inner().is_overrun
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a program ended is not known.
const LOST: Output = Output::Ended {
    code: None,
    signal: None,
};
