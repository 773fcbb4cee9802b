//! What a command is to read.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::Bytes;
use live::commands::{LARGEST_PIECE, WINDOW};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::ioctl_fionread;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::streams::{self, Descriptor};

/// How much of the input of all commands may have come without having been taken, in bytes.
const MOST: u64 = 128 << 20;

/// How much there is of all commands.
#[derive(Default)]
pub(super) struct Stock(AtomicU64);

/// What has come for a command and was not taken.
pub(super) struct Input {
    stock: Arc<Stock>,
    state: Mutex<State>,
    come: Notify,
}

#[derive(Default)]
struct State {
    /// None is longer than [`LARGEST_PIECE`], and of two neighbours one at least is half as long.
    pieces: VecDeque<Vec<u8>>,
    /// Not taken yet, in bytes.
    untaken: u64,
    has_ended: bool,
}

/// More has come than may.
#[derive(Debug)]
pub(super) struct TooMuch;

/// What is to be done next.
pub(super) enum Next {
    Write(Vec<u8>),
    Close,
}

impl Input {
    pub(super) fn new(stock: Arc<Stock>) -> Self {
        Self {
            stock,
            state: Mutex::default(),
            come: Notify::new(),
        }
    }

    /// Fails if that is more than there may be: then it was not kept.
    pub(super) fn push(&self, bytes: &Bytes) -> Result<(), TooMuch> {
        let length = bytes.len() as u64;
        let mut state = self.state();
        let all = self.stock.0.load(Ordering::Relaxed);
        if state.has_ended || state.untaken + length > WINDOW || all + length > MOST {
            return Err(TooMuch);
        }
        state.untaken += length;
        self.stock.0.fetch_add(length, Ordering::Relaxed);
        for piece in bytes.chunks(LARGEST_PIECE) {
            match state.pieces.back_mut() {
                // So that single bytes take no more than they are.
                Some(last) if last.len() + piece.len() <= LARGEST_PIECE => {
                    last.extend_from_slice(piece);
                }
                _ => state.pieces.push_back(piece.to_vec()),
            }
        }
        drop(state);
        self.come.notify_one();
        Ok(())
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.state().has_ended = true;
        self.come.notify_one();
    }

    /// Waits for what is next; after `Close`, for ever.
    pub(super) async fn next(&self, has_closed: bool) -> Next {
        loop {
            {
                let mut state = self.state();
                if let Some(piece) = state.pieces.pop_front() {
                    return Next::Write(piece);
                }
                if state.has_ended && !has_closed {
                    return Next::Close;
                }
            }
            self.come.notified().await;
        }
    }

    /// So many bytes of what [`Input::next`] gave are written.
    pub(super) fn taken(&self, length: usize) {
        let length = length as u64;
        self.state().untaken -= length;
        self.stock.0.fetch_sub(length, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let untaken = self.state().untaken;
        self.stock.0.fetch_sub(untaken, Ordering::Relaxed);
    }
}

/// Where it is written.
pub(super) struct Sink {
    to: To,
    /// How much was, in bytes.
    written: u64,
    /// It was full once, and holds more since.
    is_wide: bool,
}

enum To {
    Pipe(AsyncFd<OwnedFd>),
    /// The other end of one that we write to no more, to see how much is in it.
    Closed(Option<OwnedFd>),
    Terminal(Option<Descriptor>),
    Nothing,
}

impl Sink {
    pub(super) fn pipe(pipe: AsyncFd<OwnedFd>) -> Self {
        Self::new(To::Pipe(pipe))
    }

    pub(super) fn terminal(terminal: Option<Descriptor>) -> Self {
        Self::new(To::Terminal(terminal))
    }

    pub(super) fn nothing() -> Self {
        Self::new(To::Nothing)
    }

    fn new(to: To) -> Self {
        Self {
            to,
            written: 0,
            is_wide: false,
        }
    }

    /// What nobody reads any more counts as written too, but not as read. Dropping the future writes no more.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let descriptor = match &self.to {
                To::Pipe(pipe) => pipe,
                To::Terminal(Some(terminal)) => terminal,
                To::Terminal(None) | To::Closed(_) | To::Nothing => return,
            };
            let write = |to: &OwnedFd| Ok(rustix::io::write(to, rest)?);
            match descriptor.async_io(Interest::WRITABLE, write).await {
                Ok(length) => {
                    self.written += length as u64;
                    rest = &rest[length..];
                }
                Err(_) => return,
            }
            if !rest.is_empty() && !self.is_wide {
                self.is_wide = true;
                streams::widen(descriptor.get_ref());
            }
        }
    }

    /// The end of the input comes. Not on a terminal: there, that is something typed.
    pub(super) fn close(&mut self) {
        if let To::Pipe(pipe) = &self.to {
            // Reading from it, it keeps nobody from reading its end.
            let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            self.to = To::Closed(open(path, flags, Mode::empty()).ok());
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// How much of what was written was read, in bytes; as far as that can be known.
    pub(super) fn read(&self) -> u64 {
        let unread = match &self.to {
            To::Pipe(pipe) => ioctl_fionread(pipe.get_ref()),
            To::Closed(Some(pipe)) => ioctl_fionread(pipe),
            To::Closed(None) | To::Terminal(_) | To::Nothing => Ok(0),
        };
        self.written.saturating_sub(unread.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_comes_than_the_window_and_small_pieces_take_no_more_than_they_are() {
        let stock = Arc::new(Stock::default());
        let input = Input::new(Arc::clone(&stock));
        let byte = Bytes::from_static(b"x");
        for _ in 0..3 * LARGEST_PIECE {
            input.push(&byte).unwrap();
        }
        assert_eq!(input.state().pieces.len(), 3);
        let rest = Bytes::from(vec![
            0;
            usize::try_from(WINDOW).unwrap() - 3 * LARGEST_PIECE
        ]);
        input.push(&rest).unwrap();
        input.push(&byte).unwrap_err();
        input.taken(1);
        input.push(&byte).unwrap();
        drop(input);
        assert_eq!(stock.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_commands_together_have_a_limit() {
        let stock = Arc::new(Stock::default());
        let window = Bytes::from(vec![0; usize::try_from(WINDOW).unwrap()]);
        let inputs: Vec<Input> = (0..MOST / WINDOW)
            .map(|_| {
                let input = Input::new(Arc::clone(&stock));
                input.push(&window).unwrap();
                input
            })
            .collect();
        let last = Input::new(stock);
        last.push(&Bytes::from_static(b"x")).unwrap_err();
        drop(inputs);
        last.push(&window).unwrap();
    }
}
