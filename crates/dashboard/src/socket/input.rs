//! What one viewer types, in the order in which he did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use socketioxide::extract::AckSender;
use terminal::{InputError, Terminal};

use super::client::{answer, refuse};
use super::events::Failed;

/// How much of what one viewer typed may wait for the program to read it, in bytes.
const MOST_WAITING: usize = 32 << 20;
/// What the key combination Ctrl-C sends.
const INTERRUPT: &[u8] = b"\x03";

/// See the head of this file.
#[derive(Clone)]
pub(super) struct Typing {
    terminal: Terminal,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<(Bytes, AckSender)>,
    bytes: usize,
    /// A task works it off.
    is_worked_off: bool,
}

impl Typing {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            waiting: Arc::default(),
        }
    }

    /// Types `bytes`; answers when the program's terminal has them.
    pub(super) fn input(&self, bytes: Bytes, ack: AckSender) {
        let mut waiting = self.waiting();
        // Ctrl-C need not wait for the end of a paste: it is to end whatever takes it so slowly.
        if !waiting.is_worked_off || bytes == INTERRUPT {
            match self.terminal.input(bytes.clone()) {
                Ok(()) => return answer(ack),
                Err(InputError::Ended) => return refuse(ack, &ended()),
                Err(InputError::Full) => {}
            }
        }
        if waiting.bytes + bytes.len() > MOST_WAITING {
            let message = "the program takes no more input; this was not typed";
            return refuse(ack, &Failed::new(message));
        }
        waiting.bytes += bytes.len();
        waiting.pieces.push_back((bytes, ack));
        if !waiting.is_worked_off {
            waiting.is_worked_off = true;
            tokio::spawn(self.clone().work_off());
        }
    }

    async fn work_off(self) {
        while let Some((bytes, ack)) = self.next() {
            match self.terminal.input_when_ready(bytes).await {
                Ok(()) => answer(ack),
                Err(_) => refuse(ack, &ended()),
            }
        }
    }

    fn next(&self) -> Option<(Bytes, AckSender)> {
        let mut waiting = self.waiting();
        let next = waiting.pieces.pop_front();
        match &next {
            Some((bytes, _)) => waiting.bytes -= bytes.len(),
            None => waiting.is_worked_off = false,
        }
        next
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> Failed {
    Failed::new("the program has ended")
}
