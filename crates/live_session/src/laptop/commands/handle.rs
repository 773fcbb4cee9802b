//! A command, as the server says something to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use live::Bytes;
use live::commands::{Command, Order};
use live::programs::{Size, Stream};
use tokio::sync::{mpsc, watch};

use super::credit::{Budget, Credit};
use super::input::{Input, Stock};

/// How many signals and sizes may wait for a command's runner. Who sends more, sends them to nobody.
const MOST_ORDERS: usize = 64;

/// A command, from when it is asked for until nothing of it runs.
pub(super) struct Handle {
    pub(super) command: Command,
    pub(super) input: Input,
    pub(super) credit: Credit,
    doing: mpsc::Sender<Do>,
    ending: watch::Sender<Ending>,
    unread: watch::Sender<Unread>,
    has_started: AtomicBool,
}

/// What is to be done to a command that runs.
pub(super) enum Do {
    Signal(i32),
    Resize(Size),
}

/// What of a command's output nobody reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unread {
    output: bool,
    errors: bool,
}

impl Unread {
    pub(super) fn has(self, stream: Stream) -> bool {
        match stream {
            Stream::Out => self.output,
            Stream::Err => self.errors,
        }
    }

    fn add(&mut self, stream: Stream) {
        match stream {
            Stream::Out => self.output = true,
            Stream::Err => self.errors = true,
        }
    }
}

/// Whether a command is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    No,
    /// It is. That it has is told.
    Asked,
    /// It is, and nobody is left to be told anything.
    Unheard,
}

impl Handle {
    /// And what is to be done to it.
    pub(super) fn new(
        command: Command,
        budget: Arc<Budget>,
        stock: Arc<Stock>,
    ) -> (Arc<Self>, mpsc::Receiver<Do>) {
        let (doing, to_do) = mpsc::channel(MOST_ORDERS);
        let handle = Self {
            command,
            input: Input::new(stock),
            credit: Credit::new(budget),
            doing,
            ending: watch::Sender::new(Ending::No),
            unread: watch::Sender::default(),
            has_started: AtomicBool::new(false),
        };
        (Arc::new(handle), to_do)
    }

    /// From now on the server may say something to it: called before it is told so.
    pub(super) fn set_started(&self) {
        self.has_started.store(true, Ordering::SeqCst);
    }

    pub(super) fn told(&self, order: Order) {
        let has_started = self.has_started.load(Ordering::SeqCst);
        match order {
            // Its number is never given again.
            Order::Start(_) => {}
            Order::Input(_) | Order::InputEnded if !has_started => self.end(Ending::Asked),
            Order::Input(bytes) => self.push(&bytes),
            Order::InputEnded => self.input.end(),
            Order::Seen(seen) => self.credit.seen(seen),
            Order::Signal(signal) => self.have_done(Do::Signal(signal)),
            Order::Resize(size) => self.have_done(Do::Resize(size)),
            Order::Unread(stream) => self.unread.send_modify(|unread| unread.add(stream)),
            Order::TakenBack | Order::End => self.end(Ending::Asked),
        }
    }

    fn push(&self, bytes: &Bytes) {
        if self.input.push(bytes).is_err() {
            self.end(Ending::Asked);
        }
    }

    fn have_done(&self, what: Do) {
        if self.has_started.load(Ordering::SeqCst) {
            // Fails for one that has ended, or that more is waiting for than anybody types.
            self.doing.try_send(what).ok();
        }
    }

    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_modify(|now| *now = ending.max(*now));
    }

    pub(super) fn is_ending(&self) -> bool {
        *self.ending.borrow() != Ending::No
    }

    pub(super) fn is_unheard(&self) -> bool {
        *self.ending.borrow() == Ending::Unheard
    }

    /// What nobody reads, now and later.
    pub(super) fn unread(&self) -> watch::Receiver<Unread> {
        self.unread.subscribe()
    }

    /// Waits until it is to end.
    pub(super) async fn ending(&self) {
        let mut ending = self.ending.subscribe();
        // Fails for nothing: the sender is in here.
        drop(ending.wait_for(|ending| *ending != Ending::No).await);
    }
}
