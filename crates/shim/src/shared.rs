//! What all threads of a shim have.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use crate::input::Input;
use crate::protocol::{self, FromShim};
use crate::signals::Stops;
use crate::streams::Streams;
use crate::terminal::Terminal;

/// It.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) streams: Streams,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) input: Input,
    pub(crate) stops: Stops,
    writer: Mutex<UnixStream>,
}

impl Shared {
    pub(crate) fn new(streams: Streams, input: Input, writer: UnixStream) -> Self {
        Self {
            streams,
            terminal: Terminal::of(&streams),
            input,
            stops: Stops::default(),
            writer: Mutex::new(writer),
        }
    }

    /// Says something to the agent. Whether it was there: who listens to it learns that it has hung up.
    pub(crate) fn say(&self, message: &FromShim) -> bool {
        let Ok(bytes) = protocol::encode(message) else {
            return false;
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(&bytes).is_ok()
    }

    /// Says how large the terminal is.
    pub(crate) fn say_size(&self) {
        if let Some(terminal) = &self.terminal {
            self.say(&FromShim::Resize(terminal.size()));
        }
    }
}
