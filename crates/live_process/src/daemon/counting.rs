//! How much goes over the connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use connection::reconnect::Connector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// In bytes, over all connections.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// Makes streams that count.
pub(super) struct Counting<C> {
    connector: C,
    counters: Arc<Counters>,
}

impl<C> Counting<C> {
    pub(super) fn new(connector: C, counters: Arc<Counters>) -> Self {
        Self {
            connector,
            counters,
        }
    }
}

impl<C: Connector<Stream: Unpin>> Connector for Counting<C> {
    type Stream = Counted<C::Stream>;

    async fn connect(&mut self) -> io::Result<Self::Stream> {
        Ok(Counted {
            stream: self.connector.connect().await?,
            counters: Arc::clone(&self.counters),
        })
    }
}

pub(super) struct Counted<Stream> {
    stream: Stream,
    counters: Arc<Counters>,
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Counted<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        add(&self.counters.received, buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Counted<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let length = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        add(&self.counters.sent, length);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn add(counter: &AtomicU64, length: usize) {
    counter.fetch_add(length as u64, Ordering::Relaxed);
}
