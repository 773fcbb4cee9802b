//! What the tests say to each other, and streams that break when they should.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part, and panics if it cannot go on"
)]

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use connection::{Connection, Happening, Receiver, State};
use live::{Lane, Message, SessionId};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// Bounds the wait for a condition; no test is measured by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const SESSION: SessionId = SessionId(*b"a session's name");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) lane: u8,
    pub(crate) number: u64,
    pub(crate) filler: Vec<u8>,
}

impl Said {
    pub(crate) fn number(number: u64) -> Said {
        Said {
            lane: 1,
            number,
            filler: Vec::new(),
        }
    }
}

impl Message for Said {
    fn lane(&self) -> Lane {
        Lane::ALL[usize::from(self.lane) % Lane::ALL.len()]
    }
}

pub(crate) type End = (Connection<Said>, Receiver<Said>);

pub(crate) fn end() -> End {
    Connection::new(SESSION).unwrap()
}

pub(crate) fn ends() -> (End, End) {
    (end(), end())
}

/// The next message; happenings before it are left out.
pub(crate) async fn message(receiver: &mut Receiver<Said>) -> Said {
    let next = async {
        loop {
            match receiver.next().await {
                Some(Happening::Message(said)) => return said,
                Some(Happening::Connected { .. }) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    };
    within(next).await
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("within a minute")
}

pub(crate) async fn until_up(connection: &Connection<Said>) {
    let mut state = connection.state();
    let up = state.wait_for(|state| matches!(state, State::Up { .. }));
    drop(within(up).await.unwrap());
}

/// Checks that each message of a lane comes once and in order.
#[derive(Default)]
pub(crate) struct Order(BTreeMap<u8, u64>);

impl Order {
    pub(crate) fn take(&mut self, said: &Said) {
        let expected = self.0.entry(said.lane).or_default();
        assert_eq!(said.number, *expected, "in lane {}", said.lane);
        *expected += 1;
    }
}

/// SplitMix64: the same numbers for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Breaks after so many bytes, both ways together, wherever that is.
pub(crate) struct Cut<S> {
    pub(crate) inner: S,
    pub(crate) left: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Cut<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut part = buffer.take(self.left);
        let polled = Pin::new(&mut self.inner).poll_read(context, &mut part);
        let length = part.filled().len();
        // They were written by the part, which is of the same memory.
        buffer.initialize_unfilled_to(length);
        buffer.advance(length);
        self.left -= length;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cut<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let part = &bytes[..bytes.len().min(self.left)];
        let polled = Pin::new(&mut self.inner).poll_write(context, part);
        if let Poll::Ready(Ok(length)) = polled {
            self.left -= length;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Swallows everything, both ways, once it is told to: what a link that is half gone looks like.
pub(crate) struct Swallow<S> {
    pub(crate) inner: S,
    pub(crate) swallows: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Swallow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let before = buffer.filled().len();
            let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
            if !self.swallows.load(Ordering::Relaxed) {
                return polled;
            }
            let is_end = buffer.filled().len() == before;
            buffer.set_filled(before);
            if polled.is_pending() || is_end {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Swallow<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.swallows.load(Ordering::Relaxed) {
            true => Poll::Ready(Ok(bytes.len())),
            false => Pin::new(&mut self.inner).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
