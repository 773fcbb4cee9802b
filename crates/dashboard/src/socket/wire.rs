//! What is known of one client's connection below Socket.IO: how much of what was sent to it is
//! still to be written, and how much a stranger has sent.
//!
//! socketioxide's queue tells nobody when there is room in it again, and a connection whose queue
//! is full is lost with its next ping. So what waits is counted here and never comes near that.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

use super::STRANGER_LIMIT;
use super::wires::Stranger;
use crate::access::Who;

/// How much output may wait to be written, in bytes, before no more is taken from terminals.
const MOST_BYTES: usize = 256 << 10;
/// How many events may.
pub(super) const MOST_EVENTS: usize = 128;

/// See the head of this file. Shared by all requests of one client.
pub(super) struct Wire {
    /// Who has opened it; `None` for a stranger, who may say so later.
    pub(super) opener: Option<Who>,
    pub(super) address: IpAddr,
    state: Mutex<State>,
    room: Notify,
    is_admitted: AtomicBool,
    is_cut: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Lengths of the events that wait, as they are on the wire.
    events: VecDeque<usize>,
    /// Their sum.
    bytes: usize,
    /// How much of the first is written already.
    written: usize,
    /// How much came before the admission.
    received: usize,
    reading: Option<Waker>,
    writing: Option<Waker>,
    stranger: Option<Stranger>,
}

impl Wire {
    pub(super) fn new(opener: Option<Who>, address: IpAddr, stranger: Option<Stranger>) -> Self {
        let state = State {
            stranger,
            ..State::default()
        };
        Self {
            is_admitted: AtomicBool::new(opener.is_some()),
            opener,
            address,
            state: Mutex::new(state),
            room: Notify::new(),
            is_cut: AtomicBool::new(false),
        }
    }

    /// From now on it is known who this is.
    pub(super) fn admit(&self) {
        self.is_admitted.store(true, Ordering::Relaxed);
        self.state().stranger = None;
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.is_admitted.load(Ordering::Relaxed)
    }

    /// Waits until more may be sent, or until there is nobody left to send it to.
    pub(super) async fn room(&self) {
        loop {
            let mut changed = std::pin::pin!(self.room.notified());
            changed.as_mut().enable();
            if self.is_cut() || self.state().has_room() {
                return;
            }
            changed.await;
        }
    }

    /// An event of `bytes` is put into the queue. To be told before that is done.
    pub(super) fn sent(&self, bytes: usize) {
        let mut state = self.state();
        state.events.push_back(bytes);
        state.bytes += bytes;
    }

    /// `bytes` went out, pings and the like among them: so events seem to be gone a little early.
    pub(super) fn written(&self, bytes: usize) {
        let mut state = self.state();
        let had_room = state.has_room();
        state.take(bytes);
        let has_room = state.has_room();
        drop(state);
        if has_room && !had_room {
            self.room.notify_waiters();
        }
    }

    /// All that waited was handed over at once: to a client that polls.
    pub(super) fn drained(&self) {
        let mut state = self.state();
        state.events.clear();
        (state.bytes, state.written) = (0, 0);
        drop(state);
        self.room.notify_waiters();
    }

    /// `bytes` came in. Whether more may.
    pub(super) fn received(&self, bytes: usize) -> bool {
        if self.is_admitted() {
            return true;
        }
        let mut state = self.state();
        state.received = state.received.saturating_add(bytes);
        state.received <= STRANGER_LIMIT
    }

    /// Ends the connection at once, also one that takes nothing any more.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        let mut state = self.state();
        let wakers = [state.reading.take(), state.writing.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        self.room.notify_waiters();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// To be woken by [`Wire::cut`] while it waits for something to read.
    pub(super) fn waits_to_read(&self, waker: &Waker) {
        keep(&mut self.state().reading, waker);
    }

    /// To be woken by [`Wire::cut`] while it waits for room to write.
    pub(super) fn waits_to_write(&self, waker: &Waker) {
        keep(&mut self.state().writing, waker);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.bytes < MOST_BYTES && self.events.len() < MOST_EVENTS
    }

    fn take(&mut self, mut bytes: usize) {
        while let Some(&first) = self.events.front() {
            let left = first - self.written;
            if bytes < left {
                self.written += bytes;
                return;
            }
            bytes -= left;
            self.written = 0;
            self.bytes -= first;
            self.events.pop_front();
        }
    }
}

fn keep(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(kept) if kept.will_wake(waker) => {}
        _ => *place = Some(waker.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn wire() -> Wire {
        Wire::new(None, Ipv4Addr::LOCALHOST.into(), None)
    }

    fn has_room(wire: &Wire) -> bool {
        wire.state().has_room()
    }

    #[test]
    fn what_is_written_makes_room() {
        let wire = wire();
        for _ in 0..4 {
            assert!(has_room(&wire));
            wire.sent(MOST_BYTES / 4);
        }
        assert!(!has_room(&wire));
        wire.written(MOST_BYTES / 4 - 1);
        assert!(!has_room(&wire));
        wire.written(1);
        assert!(has_room(&wire));
        // More than was counted, as pings make it.
        wire.written(usize::MAX);
        assert!(has_room(&wire));
        for _ in 0..MOST_EVENTS {
            wire.sent(1);
        }
        assert!(!has_room(&wire));
        wire.drained();
        assert!(has_room(&wire));
    }

    #[test]
    fn a_stranger_may_send_little() {
        let wire = wire();
        assert!(wire.received(STRANGER_LIMIT));
        assert!(!wire.received(1));
        wire.admit();
        assert!(wire.received(usize::MAX));
    }

    #[tokio::test]
    async fn whoever_waits_for_room_hears_of_it_and_of_the_end() {
        for free in [Wire::drained, Wire::cut] {
            let wire = std::sync::Arc::new(wire());
            wire.sent(MOST_BYTES);
            let waiting = tokio::spawn({
                let wire = std::sync::Arc::clone(&wire);
                async move { wire.room().await }
            });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            free(&wire);
            waiting.await.unwrap();
        }
    }
}
