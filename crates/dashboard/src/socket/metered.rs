//! A connection whose [`Wire`] hears what goes through it, and can cut it.

use std::io::{self, Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Wire;

/// See the head of this file.
pub(super) struct Metered<S> {
    inner: S,
    wire: Arc<Wire>,
}

impl<S> Metered<S> {
    pub(super) fn new(inner: S, wire: Arc<Wire>) -> Self {
        Self { inner, wire }
    }

    fn check(&self) -> io::Result<()> {
        match self.wire.is_cut() {
            true => Err(Error::from(ErrorKind::ConnectionAborted)),
            false => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if polled.is_pending() {
            self.wire.waits_to_read(context.waker());
        }
        // Looked at last: it is cut either before that, or with the waker in its hands.
        self.check()?;
        let count = buffer.filled().len() - before;
        if count > 0 && !self.wire.received(count) {
            return Poll::Ready(Err(Error::from(ErrorKind::InvalidData)));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        match polled {
            Poll::Pending => self.wire.waits_to_write(context.waker()),
            Poll::Ready(Ok(count)) => self.wire.written(count),
            Poll::Ready(Err(_)) => {}
        }
        self.check()?;
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        if polled.is_pending() {
            self.wire.waits_to_write(context.waker());
        }
        self.check()?;
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        if polled.is_pending() {
            self.wire.waits_to_write(context.waker());
        }
        self.check()?;
        polled
    }
}
