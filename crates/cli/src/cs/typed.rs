//! What is typed, or piped in, read by a thread of its own: a read cannot be given up.

use std::io::{self, Read as _};
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

/// How many pieces wait to be taken before nothing more is read.
const PIECES: usize = 4;

/// Reads standard input from now on, in pieces of at most `largest` bytes. Ends where it does, or cannot be read.
///
/// # Errors
/// If no thread can be started.
pub(crate) fn read_stdin(largest: usize) -> io::Result<mpsc::Receiver<Bytes>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    thread::Builder::new()
        .name("standard input".to_owned())
        .spawn(move || {
            let mut stdin = io::stdin().lock();
            let mut piece = vec![0; largest];
            loop {
                match stdin.read(&mut piece) {
                    Ok(0) => return,
                    Ok(count) => {
                        let piece = Bytes::copy_from_slice(&piece[..count]);
                        if sender.blocking_send(piece).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        })?;
    Ok(receiver)
}
