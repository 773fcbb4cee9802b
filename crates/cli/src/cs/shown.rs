//! What is written to standard output and standard error, by a thread of its own: a terminal may take nothing for a while.

use std::io;
use std::thread;
use std::time::Duration;

use live::programs::Stream;
use tokio::sync::mpsc;

/// How many pieces wait to be written before nothing more is taken.
const PIECES: usize = 64;
/// How long the end waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

struct Piece {
    stream: Stream,
    bytes: Vec<u8>,
    after: Option<u64>,
}

/// Writes, and tells what has been written.
#[derive(Debug)]
pub(crate) struct Shown {
    queue: mpsc::Sender<Piece>,
    written: mpsc::UnboundedReceiver<io::Result<Option<u64>>>,
}

impl Shown {
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start() -> io::Result<Self> {
        let (queue, mut waiting) = mpsc::channel::<Piece>(PIECES);
        let (tell, written) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("standard output".to_owned())
            .spawn(move || {
                while let Some(piece) = waiting.blocking_recv() {
                    let result = write(&piece).map(|()| piece.after);
                    let has_failed = result.is_err();
                    if tell.send(result).is_err() || has_failed {
                        return;
                    }
                }
            })?;
        Ok(Self { queue, written })
    }

    /// Whether [`Shown::show`] takes one more piece.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.capacity() > 1
    }

    /// Writes `bytes`; `after` is told once they are written. Not written if there is no room.
    pub(crate) fn show(&self, stream: Stream, bytes: Vec<u8>, after: Option<u64>) {
        let piece = Piece {
            stream,
            bytes,
            after,
        };
        drop(self.queue.try_send(piece));
    }

    /// The `after` of the next piece that is written, if it had one; `None` at the end.
    ///
    /// # Errors
    /// If it cannot be written: the terminal or whoever read is gone. Nothing is written any more then.
    pub(crate) async fn next_written(&mut self) -> Option<io::Result<Option<u64>>> {
        self.written.recv().await
    }

    /// Waits until everything is written, but no longer than some seconds.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) async fn finish(self) -> io::Result<()> {
        let Self { queue, mut written } = self;
        drop(queue);
        let all = async {
            while let Some(result) = written.recv().await {
                result?;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }
}

fn write(piece: &Piece) -> io::Result<()> {
    fn all(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
        to.write_all(bytes)?;
        to.flush()
    }
    match piece.stream {
        Stream::Out => all(io::stdout().lock(), &piece.bytes),
        Stream::Err => all(io::stderr().lock(), &piece.bytes),
    }
}
