//! One stream, from its beginning to its end.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use live::{PING_INTERVAL, SILENCE};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};

use crate::outlet::Outlet;
use crate::pipes::RECEIVING;
use crate::shared::{OnStream, Shared};
use crate::{ConnectionError, Ended};

/// How long the first byte of a stream may take: `ssh` finds the host, connects and signs in meanwhile.
pub const GREETING: Duration = Duration::from_secs(30);
/// How long the other end may take to hang up after a goodbye, and what it said last to come in when writing fails.
const PARTING: Duration = Duration::from_secs(2);
/// How much is read at once, in bytes: what a pipe holds that comes in.
const PIECE: usize = RECEIVING;

pub(crate) async fn run(
    shared: &Shared,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
) -> Result<Ended, ConnectionError> {
    let (reader, writer) = tokio::io::split(stream);
    let on = match OnStream::begin(shared, Outlet::new(writer)) {
        Ok(on) => on,
        Err(over) => return over,
    };
    let mut reading = pin!(read(shared, &on, reader));
    let mut ousted = pin!(on.ousted());
    let written = tokio::select! {
        biased;
        why = &mut ousted => return why,
        // Before reading, so that the other end learns whom it speaks with also if its hello is refused.
        written = write(shared, &on) => written,
        ended = &mut reading => return ended,
    };
    // What the other end said before it hung up may still be on its way, and is the better reason.
    let rest = tokio::select! {
        biased;
        why = &mut ousted => return why,
        rest = timeout(PARTING, reading) => rest,
    };
    match (rest, written) {
        (Ok(Ok(ended)), _) => Ok(ended),
        (_, Ok(())) => {
            on.part();
            Ok(Ended::SaidGoodbye)
        }
        (Ok(Err(ConnectionError::Closed)) | Err(_), Err(error)) => Err(error.into()),
        (Ok(Err(reason)), Err(_)) => Err(reason),
    }
}

/// Takes what comes. Time in which nothing is read does not count as silence: see
/// [`Connection::run`](crate::Connection::run).
async fn read(
    shared: &Shared,
    on: &OnStream<'_>,
    mut reader: impl AsyncRead + Unpin,
) -> Result<Ended, ConnectionError> {
    let mut buffer = vec![0; PIECE];
    let mut patience = GREETING;
    loop {
        while shared.is_inbox_full() {
            shared.taken.notified().await;
        }
        let length = match timeout(patience, reader.read(&mut buffer)).await {
            Err(_) => return Err(ConnectionError::Silent),
            Ok(Ok(0)) => return Err(ConnectionError::Closed),
            Ok(length) => length?,
        };
        patience = SILENCE;
        if let Some(ended) = on.received(&buffer[..length])? {
            return Ok(ended);
        }
    }
}

/// Writes what is to be written, until a goodbye is.
async fn write(shared: &Shared, on: &OnStream<'_>) -> io::Result<()> {
    let mut ping_at = Instant::now() + PING_INTERVAL;
    // `None`: `run` is about to be told.
    while let Some(written) = poll_fn(|context| on.poll_write(context, &mut ping_at)).await? {
        if written.is_parting {
            // The goodbye is written; that the other end may be gone does not matter any more.
            poll_fn(|context| on.poll_shutdown(context)).await;
            return Ok(());
        }
        tokio::select! {
            () = shared.to_write.notified() => {}
            () = sleep_until(written.until) => {}
        }
    }
    std::future::pending().await
}
