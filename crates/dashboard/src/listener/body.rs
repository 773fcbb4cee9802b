//! Bodies on their way in and out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::places::{Phase, Place};

/// How long a body may take apart from what it has of bytes.
const GRACE: Duration = Duration::from_secs(10);

/// The slowest that a body may come, in bytes a second: slower than any network in use.
const SLOWEST: usize = 4096;

/// Why a body was not read to its end: less came than the slowest that is waited for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body comes too slowly")]
pub(crate) struct TooSlow;

/// A request's body, which has to come at a speed that is worth waiting for.
pub(super) struct Paced {
    body: Incoming,
    place: Arc<Place>,
    received: usize,
    /// When it was first waited for, and what ends the waiting.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    is_at_end: bool,
}

impl Paced {
    pub(super) fn new(body: Incoming, place: Arc<Place>) -> Self {
        Self {
            is_at_end: body.is_end_stream(),
            body,
            place,
            received: 0,
            waiting: None,
        }
    }

    /// Whether it has been waited for too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (began, sleep) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now)))
        });
        let earned =
            Duration::from_millis((self.received as u64).saturating_mul(1000) / SLOWEST as u64);
        let end = *began + GRACE + earned;
        if sleep.deadline() != end {
            sleep.as_mut().reset(end);
        }
        sleep.as_mut().poll(context)
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.received += frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => {
                self.is_at_end = true;
                Poll::Ready(end.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => match self.poll_patience(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow.into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        if !self.is_at_end && !self.body.is_end_stream() {
            self.place.leave_unread();
        }
    }
}

/// An answer's body; when it has been handed over, the connection is idle.
pub(crate) struct Answer {
    pub(super) body: axum::body::Body,
    pub(super) place: Arc<Place>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if matches!(self.place.phase(), Phase::Busy | Phase::Stream) {
            self.place.enter(Phase::Idle);
        }
    }
}
