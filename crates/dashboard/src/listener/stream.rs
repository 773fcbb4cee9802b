//! The bytes of a connection, watched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::places::Phase;
use super::pool::TakenPlace;

/// How much of a body that nobody wants is taken, in bytes, so that its client reads the answer
/// instead of a reset connection.
const LINGER_LIMIT: usize = 4 * 1024 * 1024;

/// With or without encryption.
pub(super) enum Transport {
    Plain(TcpStream),
    // Ten times as large as the other.
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// A connection and its place: the place is free when the connection is closed, not earlier.
pub(super) struct Watched {
    transport: Transport,
    place: TakenPlace,
    /// What has been taken of an unwanted body, in bytes.
    lingered: usize,
    is_shut_down: bool,
}

impl Watched {
    pub(super) fn new(transport: Transport, place: TakenPlace) -> Self {
        Self {
            transport,
            place,
            lingered: 0,
            is_shut_down: false,
        }
    }

    pub(super) fn share(&self) -> std::sync::Arc<super::places::Place> {
        self.place.share()
    }

    fn transport(&mut self) -> Pin<&mut dyn Both> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream),
            Transport::Encrypted(stream) => Pin::new(stream.as_mut()),
        }
    }

    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        match self.place.is_closed(context) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        let read = self.transport().poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.place.has_read();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.transport().poll_write(context, bytes);
        self.place.has_written(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.transport().poll_flush(context);
        self.place.has_written(flushed.is_ready());
        flushed
    }

    /// A connection that is closed with bytes unread is reset, and the answer may be lost with it:
    /// so they are read, for as long as [`super::places::CLOSING`].
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut_down {
            ready!(self.transport().poll_shutdown(context))?;
            self.is_shut_down = true;
            self.place.enter(Phase::Closing);
        }
        let mut scratch = [0; 4096];
        while self.place.has_unread() && self.lingered < LINGER_LIMIT {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(self.transport().poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.lingered += buffer.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.transport().poll_write_vectored(context, buffers);
        self.place.has_written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Encrypted(stream) => stream.is_write_vectored(),
        }
    }
}
