//! The handle of a program on a pseudo-terminal.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::io::Interest;

use crate::descriptors::watched;
use crate::history::History;
use crate::input::Input;
use crate::recording::Recording;
use crate::session::Session;
use crate::shared::Shared;
use crate::{Ended, InputError, Size, Start, TerminalError, Viewer, pseudoterminal};

/// A program on a pseudo-terminal. Cheap to clone; when the last is dropped, the program is [ended](Self::end).
#[derive(Clone)]
pub struct Terminal {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.want_end();
    }
}

impl Terminal {
    /// Starts a program. Blocks for the time of a fork.
    ///
    /// # Errors
    /// When there is no pseudo-terminal, the program cannot be run or the recording cannot be made.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time.
    pub fn start(mut start: Start) -> Result<Self, TerminalError> {
        let recording = match &start.recording {
            Some(path) => Some(Recording::create(path, start.size).map_err(|source| {
                TerminalError::Recording {
                    path: path.clone(),
                    source,
                }
            })?),
            None => None,
        };
        let started = pseudoterminal::spawn(&mut start)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = watched(started.master, both).and_then(|master| {
            let pidfd = watched(started.pidfd, Interest::READABLE)?;
            Ok((Arc::new(master), pidfd))
        });
        let (master, pidfd) = registered.map_err(|error| {
            pseudoterminal::abandon(started.process);
            TerminalError::Pseudoterminal(error)
        })?;
        let shared = Arc::new(Shared::new(
            History::new(start.size, start.kept),
            Input::new(Arc::clone(&master)),
            recording,
            started.process,
        ));
        let session = Session::new(Arc::clone(&shared), master, started.peer, pidfd);
        tokio::spawn(session.run());
        Ok(Self {
            handle: Arc::new(Handle { shared }),
        })
    }

    /// Types `bytes`, behind everything typed before. Never waits: 1 MiB may be waiting for the program to read.
    ///
    /// # Errors
    /// When that is full, or the program has ended; then none of `bytes` was taken.
    pub fn input(&self, bytes: Bytes) -> Result<(), InputError> {
        self.handle.shared.input.take(bytes)
    }

    /// Types `bytes`, however many, waiting for the program to read. What others type meanwhile may come in between.
    ///
    /// # Errors
    /// When the program ends before it has taken all.
    pub async fn input_when_ready(&self, bytes: Bytes) -> Result<(), InputError> {
        self.handle.shared.input.take_when_ready(bytes).await
    }

    /// Changes the size and tells the program and all viewers, unless it has that size already.
    pub fn resize(&self, size: Size) {
        self.handle.shared.resize(size);
    }

    /// The size now.
    #[must_use]
    pub fn size(&self) -> Size {
        self.handle.shared.state().history.size()
    }

    /// Begins to look: behind the sequence number `after` if what follows is kept, otherwise with a picture.
    #[must_use]
    pub fn attach(&self, after: Option<u64>) -> Viewer {
        Viewer::new(Arc::clone(&self.handle.shared), after)
    }

    /// Has the program end: it and what it runs in the foreground are told that the terminal is gone (SIGHUP), and
    /// killed if they are still there after 5 s.
    pub fn end(&self) {
        self.handle.shared.want_end();
    }

    /// How the program ended, once that is so and all of its output has been read.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        *self.handle.shared.ended.borrow()
    }

    /// Waits until the program has ended and all of its output has been read.
    pub async fn wait(&self) -> Ended {
        let mut ended = self.handle.shared.ended.subscribe();
        loop {
            if let Some(ended) = *ended.borrow_and_update() {
                return ended;
            }
            if ended.changed().await.is_err() {
                // The sender is in `self.handle` and cannot be gone.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The sequence number of the newest byte of output.
    #[must_use]
    pub fn output_bytes(&self) -> u64 {
        self.handle.shared.state().history.end()
    }

    /// When something was output last.
    #[must_use]
    pub fn last_output(&self) -> Option<SystemTime> {
        self.handle.shared.state().last_output
    }

    /// How many look at it now.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.handle.shared.state().viewers.len()
    }

    /// How much memory is used now to show the past, in bytes.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.handle.shared.state().history.memory()
    }

    /// The program's process id. Once it has [ended](Self::ended), the number may be another's.
    #[must_use]
    pub fn process(&self) -> i32 {
        self.handle.shared.process.as_raw_nonzero().get()
    }
}
