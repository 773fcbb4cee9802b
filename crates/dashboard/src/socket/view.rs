//! One client that looks at one session.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use terminal::{Acknowledger, Ended, Event, Size, Viewer};
use tokio::task::AbortHandle;

use super::client::Client;
use super::events::{Exited, OUTPUT, Output, Resized};
use super::input::Typing;
use crate::terminals::{Kind, LoginComplete, Session};

/// Resets a terminal as a whole (RIS, ECMA-48 8.3.105): for clients that know no `reset`.
const RESET: &str = "\u{1b}c";

/// What kind of client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Says what it has parsed, and knows pictures.
    Acknowledging,
    /// Takes what it is given for output of the one terminal that it has.
    Older,
    /// Somebody with a link: looks, and does nothing else. The program never waits for it alone.
    Watcher,
}

/// See the head of this file.
pub(super) struct View {
    pub(super) session: Arc<Session>,
    /// Tells this one apart from a later one of the same session.
    pub(super) number: u64,
    reader: Reader,
    typing: Typing,
    /// The size of the client's window, if it has said.
    size: Arc<Mutex<Option<Size>>>,
    acknowledger: Acknowledger,
    pump: AbortHandle,
}

impl View {
    pub(super) fn begin(
        client: &Arc<Client>,
        session: &Arc<Session>,
        viewer: Viewer,
        reader: Reader,
        size: Option<Size>,
    ) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        session.view_begins();
        viewer.set_acknowledging(reader == Reader::Acknowledging);
        let acknowledger = viewer.acknowledger();
        let size = Arc::new(Mutex::new(size));
        let pump = Pump {
            client: Arc::clone(client),
            session: Arc::clone(session),
            number,
            reader,
            size: Arc::clone(&size),
        };
        Self {
            session: Arc::clone(session),
            number,
            reader,
            typing: Typing::new(session.terminal.clone()),
            size,
            acknowledger,
            pump: tokio::spawn(pump.run(viewer)).abort_handle(),
        }
    }

    /// Looks no longer; `is_lost`: because the connection broke.
    pub(super) fn end(self, is_lost: bool) {
        self.session.view_ends(is_lost);
        self.pump.abort();
    }

    /// Whether it is that of an older client.
    pub(super) fn is_older(&self) -> bool {
        self.reader == Reader::Older
    }

    /// Ends that of an older client. Whether it was one.
    pub(super) fn end_if_older(&self) -> bool {
        if self.is_older() {
            self.session.view_ends(false);
            self.pump.abort();
        }
        self.is_older()
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.reader == Reader::Watcher
    }

    /// What somebody types into who may. The terminal gets the size of his window.
    pub(super) fn typing(&self) -> Option<&Typing> {
        if self.is_read_only() {
            return None;
        }
        if let Some(size) = *lock(&self.size) {
            self.session.terminal.resize(size);
        }
        Some(&self.typing)
    }

    /// The client's window has another size now. Whether it may say so.
    pub(super) fn resize(&self, size: Size) -> bool {
        if self.is_read_only() {
            return false;
        }
        // Before it is told to all: this one knows already.
        *lock(&self.size) = Some(size);
        self.session.terminal.resize(size);
        true
    }

    /// The client has parsed everything up to `after`.
    pub(super) fn parsed(&self, after: u64) {
        if self.reader == Reader::Acknowledging {
            self.acknowledger.acknowledge(after);
        }
    }
}

/// Takes from the terminal what there is room for, and sends it.
struct Pump {
    client: Arc<Client>,
    session: Arc<Session>,
    number: u64,
    reader: Reader,
    size: Arc<Mutex<Option<Size>>>,
}

impl Pump {
    async fn run(self, mut viewer: Viewer) {
        loop {
            self.client.wire.room().await;
            match viewer.next().await {
                Some(Event::Picture { text, after }) => self.picture(&text, after),
                Some(Event::Output { bytes, after }) => self.output(&bytes, after, false),
                Some(Event::Resized(size)) => self.resized(size),
                Some(Event::Ended(ended)) => return self.ended(ended).await,
                None => return,
            }
        }
    }

    fn picture(&self, text: &[u8], after: u64) {
        if self.reader == Reader::Older {
            let text = [RESET.as_bytes(), text].concat();
            return self.output(&text, after, false);
        }
        self.output(text, after, true);
    }

    fn output(&self, bytes: &[u8], after: u64, reset: bool) {
        let data: Cow<'_, str> = String::from_utf8_lossy(bytes);
        let output = Output {
            data: &data,
            session: &self.session.id,
            after,
            reset,
        };
        // Fails for nothing that is made of a text and numbers.
        if let Some((text, length)) = output.encode() {
            self.client.wire.sent(length);
            self.client.emit(OUTPUT, &text);
        }
    }

    fn resized(&self, size: Size) {
        if *lock(&self.size) != Some(size) {
            self.client
                .emit("terminal_resized", &Resized::new(&self.session.id, size));
        }
    }

    async fn ended(self, ended: Ended) {
        if self.session.kind == Kind::Login
            && ended.code == Some(0)
            && self.reader != Reader::Watcher
            && let Ok(complete) = LoginComplete::read(&self.client.app, &self.session).await
        {
            self.client.emit("login_complete", &complete);
        }
        let exited = Exited {
            session: &self.session.id,
            code: ended.code,
            signal: ended.signal,
        };
        self.client.emit("terminal_exit", &exited);
        self.client.view_is_over(&self.session.id, self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
