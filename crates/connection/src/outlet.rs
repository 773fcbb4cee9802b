//! The writing side of a stream, which whoever has something to say may use while nobody else does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::AsyncWrite;

pub(crate) struct Outlet {
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    /// What the link has given to be written, and is not yet.
    pub(crate) buffer: BytesMut,
    /// The stream's task waits for nothing else than that there is something to write.
    pub(crate) is_idle: bool,
}

impl Outlet {
    pub(crate) fn new(writer: impl AsyncWrite + Send + 'static) -> Self {
        Self {
            writer: Box::pin(writer),
            buffer: BytesMut::new(),
            is_idle: false,
        }
    }

    /// Writes what is in the buffer.
    pub(crate) fn poll_write_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let length = ready!(self.writer.as_mut().poll_write(context, &self.buffer))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(length);
        }
        self.writer.as_mut().poll_flush(context)
    }

    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Whoever does not hear it hears nothing more all the same.
        self.writer.as_mut().poll_shutdown(context).map(drop)
    }
}
