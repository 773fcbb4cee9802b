//! A program there with the three pipes of this process.

use std::io;
use std::mem;

use bytes::Bytes;
use live::programs::{Input, Output};
use live_process::client::LocalReceiver;
use live_process::local::{FromDaemon, LinkState, LocalError};
use tokio::sync::mpsc;

use super::attached::Left;
use super::outbox::{LARGEST_TYPED, Outbox};
use super::shown::Shown;
use super::signals::{Came, Signals};
use super::typed;
use crate::error::{CliError, Kind};
use crate::output::Output as Printed;

/// Copies both ways until the program has ended. Signals are passed on; while there is no connection, the first one ends
/// this instead.
///
/// # Errors
/// If the daemon does not speak sense, or whoever reads the output has gone.
pub(crate) async fn piped(
    outbox: Outbox,
    mut heard: LocalReceiver,
    printed: &Printed,
) -> Result<Left, CliError> {
    let mut signals = Signals::catch()?;
    let input =
        typed::read_stdin(LARGEST_TYPED).map_err(|error| cannot("read the input", &error))?;
    let mut pipes = Pipes {
        outbox,
        input: Some(input),
        shown: Shown::start().map_err(|error| cannot("write the output", &error))?,
        printed,
        is_up: true,
    };
    let left = loop {
        if let Some(left) = pipes.step(&mut signals, &mut heard).await? {
            break left;
        }
    };
    let finished = pipes.shown.finish().await;
    finished.map_err(|error| cannot("write the output", &error))?;
    Ok(left)
}

struct Pipes<'a> {
    outbox: Outbox,
    /// `None` once its end was passed on.
    input: Option<mpsc::Receiver<Bytes>>,
    shown: Shown,
    printed: &'a Printed,
    is_up: bool,
}

impl Pipes<'_> {
    /// Waits for one thing and does it.
    async fn step(
        &mut self,
        signals: &mut Signals,
        heard: &mut LocalReceiver,
    ) -> Result<Option<Left>, CliError> {
        let has_room = self.outbox.has_room();
        tokio::select! {
            came = signals.next() => Ok(self.signal(came)),
            piece = next_piece(&mut self.input), if has_room => {
                self.pass_on(piece);
                Ok(None)
            }
            () = self.outbox.room(), if !has_room => Ok(None),
            written = self.shown.next_written() => self.written(written),
            message = heard.next(), if self.shown.has_room() => self.message(message),
        }
    }

    fn signal(&self, came: Came) -> Option<Left> {
        match came {
            Came::Ending(number) if self.is_up => self.outbox.say(Input::Signal(number)),
            Came::Ending(number) => return Some(Left::Signal(number)),
            Came::Resized | Came::Continued => {}
        }
        None
    }

    fn pass_on(&mut self, piece: Option<Bytes>) {
        match piece {
            // There is room for it.
            Some(piece) => drop(self.outbox.typed(piece)),
            None => {
                self.input = None;
                self.outbox.say(Input::InputEnded);
            }
        }
    }

    fn written(&self, written: Option<io::Result<Option<u64>>>) -> Result<Option<Left>, CliError> {
        let gone = || Err(io::ErrorKind::BrokenPipe.into());
        let after = written.unwrap_or_else(gone);
        if let Some(after) = after.map_err(|error| cannot("write the output", &error))? {
            self.outbox.say(Input::Seen(after));
        }
        Ok(None)
    }

    fn message(
        &mut self,
        message: Result<FromDaemon, LocalError>,
    ) -> Result<Option<Left>, CliError> {
        match message {
            Ok(FromDaemon::Output(Output::Bytes {
                stream,
                bytes,
                after,
            })) => self.shown.show(stream, bytes.to_vec(), Some(after)),
            Ok(FromDaemon::Output(Output::Ended { code, signal })) => {
                return Ok(Some(Left::Ended { code, signal }));
            }
            Ok(FromDaemon::Passed(passed)) => self.outbox.passed(passed),
            Ok(FromDaemon::Link(LinkState::Ended { reason })) => {
                return Ok(Some(Left::SessionEnded(reason)));
            }
            Ok(FromDaemon::Link(link)) => self.link(&link),
            Ok(FromDaemon::Stopped { .. }) | Err(LocalError::Closed) => {
                return Ok(Some(Left::SessionEnded(String::new())));
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    fn link(&mut self, link: &LinkState) {
        let is_up = matches!(link, LinkState::Up { .. });
        if mem::replace(&mut self.is_up, is_up) && !is_up {
            let text = "there is no connection to the server; this goes on when it is back";
            self.printed.warning(text);
        }
    }
}

/// Never, if there is no more.
async fn next_piece(input: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
    }
}

fn cannot(what: &str, error: &io::Error) -> CliError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::new(Kind::ReaderGone, "", ""),
        _ => CliError::new(
            Kind::Storage,
            format!("cannot {what}: {error}"),
            "Check where input and output go.",
        ),
    }
}
