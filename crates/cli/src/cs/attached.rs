//! A terminal here that shows a program's there.
//!
//! Nothing but the program writes into the picture. How it is with the connection is said in the terminal's title.

use std::io;

use live::programs::{Input, Output, Size, Stream};
use live_process::client::LocalReceiver;
use live_process::local::{FromDaemon, LinkState, LocalError};
use rustix::termios::tcgetwinsize;
use tokio::sync::mpsc;

use super::detach_keys::{DetachKeys, Filter};
use super::outbox::{LARGEST_TYPED, Outbox};
use super::raw_terminal::RawTerminal;
use super::screen::{Before, Screen, Title};
use super::shown::Shown;
use super::signals::{Came, Signals};
use super::typed;
use crate::error::{CliError, Kind};

/// Said where what was typed is lost: the connection is down and enough waits already.
const BELL: &[u8] = b"\x07";

/// Why the terminal is this process's own again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The keys were typed.
    Detached,
    /// The program has ended; neither of both if nobody knows how.
    Ended {
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// There is no session any more, and why.
    SessionEnded(String),
    /// This process was told to end by that signal, or the terminal has gone.
    Signal(i32),
}

/// How to look.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) keys: DetachKeys,
    /// What is typed is dropped, but for the keys.
    pub(crate) read_only: bool,
    /// The program was started for this: what is shown before stays above of what it shows.
    pub(crate) is_new: bool,
    /// As the title calls it.
    pub(crate) server: &'a str,
}

/// The size of the terminal on standard input.
pub(crate) fn terminal_size() -> Option<Size> {
    let size = tcgetwinsize(io::stdin()).ok()?;
    Some(Size {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}

/// Shows the program that the connection is a viewer of, until one of [`Left`]. The terminal is as before then.
///
/// # Errors
/// If there is no terminal, or the daemon does not speak sense.
pub(crate) async fn attached(
    look: Look<'_>,
    outbox: Outbox,
    mut heard: LocalReceiver,
) -> Result<Left, CliError> {
    let mut signals = Signals::catch()?;
    let raw = RawTerminal::enter().map_err(|error| no_terminal(&error))?;
    let mut keyboard = typed::read_stdin(LARGEST_TYPED).map_err(|error| no_terminal(&error))?;
    let mut view = View::new(look, outbox).map_err(|error| no_terminal(&error))?;
    let left = loop {
        if let Some(left) = view
            .step(&raw, &mut signals, &mut keyboard, &mut heard)
            .await?
        {
            break left;
        }
    };
    view.leave(&left).await;
    drop(raw);
    Ok(left)
}

struct View<'a> {
    look: Look<'a>,
    filter: Filter,
    outbox: Outbox,
    shown: Shown,
    screen: Screen,
    title: Title,
    before: Before,
    is_up: bool,
}

impl<'a> View<'a> {
    fn new(look: Look<'a>, outbox: Outbox) -> io::Result<Self> {
        Ok(Self {
            filter: Filter::new(look.keys.clone()),
            before: match look.is_new {
                true => Before::Nothing,
                false => Before::Others {
                    rows: terminal_size().map_or(0, |size| size.rows),
                },
            },
            look,
            outbox,
            shown: Shown::start()?,
            screen: Screen::default(),
            title: Title::default(),
            is_up: true,
        })
    }

    /// Waits for one thing and does it.
    async fn step(
        &mut self,
        raw: &RawTerminal,
        signals: &mut Signals,
        keyboard: &mut mpsc::Receiver<bytes::Bytes>,
        heard: &mut LocalReceiver,
    ) -> Result<Option<Left>, CliError> {
        let has_room = self.outbox.has_room();
        tokio::select! {
            came = signals.next() => Ok(self.signal(came, raw)),
            // While the connection is down, keys are looked at even if there is no room: they may detach.
            piece = keyboard.recv(), if has_room || !self.is_up => Ok(self.keys(piece)),
            () = self.outbox.room(), if !has_room => Ok(None),
            written = self.shown.next_written() => Ok(self.written(written.as_ref())),
            message = heard.next(), if self.shown.has_room() => self.message(message),
        }
    }

    fn signal(&self, came: Came, raw: &RawTerminal) -> Option<Left> {
        match came {
            Came::Ending(number) => return Some(Left::Signal(number)),
            // A terminal that is gone shows at the next read.
            Came::Continued => drop(raw.enter_again()),
            Came::Resized => {}
        }
        if let Some(size) = terminal_size() {
            self.outbox.say(Input::Resize(size));
        }
        None
    }

    fn keys(&mut self, piece: Option<bytes::Bytes>) -> Option<Left> {
        let Some(piece) = piece else {
            return Some(hung_up());
        };
        let typed = self.filter.take(&piece);
        if !self.look.read_only && !self.outbox.typed(typed.bytes) && self.shown.has_room() {
            self.shown.show(Stream::Out, BELL.to_vec(), None);
        }
        typed.detach.then_some(Left::Detached)
    }

    fn written(&self, written: Option<&io::Result<Option<u64>>>) -> Option<Left> {
        match written {
            Some(Ok(Some(after))) => self.outbox.say(Input::Seen(*after)),
            Some(Ok(None)) => {}
            Some(Err(_)) | None => return Some(hung_up()),
        }
        None
    }

    fn message(
        &mut self,
        message: Result<FromDaemon, LocalError>,
    ) -> Result<Option<Left>, CliError> {
        match message {
            Ok(FromDaemon::Output(output)) => return Ok(self.output(output)),
            Ok(FromDaemon::Passed(passed)) => self.outbox.passed(passed),
            Ok(FromDaemon::Link(LinkState::Ended { reason })) => {
                return Ok(Some(Left::SessionEnded(reason)));
            }
            Ok(FromDaemon::Link(link)) => self.link(&link),
            Ok(FromDaemon::Stopped { .. }) => return Ok(Some(Left::SessionEnded(String::new()))),
            Ok(_) => {}
            Err(LocalError::Closed) => return Ok(Some(Left::SessionEnded(String::new()))),
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    fn output(&mut self, output: Output) -> Option<Left> {
        let (whole, after) = match output {
            Output::Picture { text, after } => {
                let whole = self.screen.take_picture(&text, self.before);
                (whole, after)
            }
            Output::Bytes { bytes, after, .. } => (self.screen.take(&bytes), after),
            Output::Resized(_) => return None,
            Output::Ended { code, signal } => return Some(Left::Ended { code, signal }),
        };
        self.before = Before::Same;
        self.shown.show(Stream::Out, whole, Some(after));
        None
    }

    fn link(&mut self, link: &LinkState) {
        self.is_up = matches!(link, LinkState::Up { .. });
        let mut bytes = match is_in_vain(link) {
            true => self.screen.give_up_sequence(),
            false => Vec::new(),
        };
        if !self.screen.is_between_sequences() {
            return;
        }
        bytes.extend(match self.is_up {
            true => self.title.restore(self.screen.title()),
            false => self.title.set(&title(self.look.server, link)),
        });
        if !bytes.is_empty() {
            self.shown.show(Stream::Out, bytes, None);
        }
    }

    /// Gives the terminal back.
    async fn leave(mut self, left: &Left) {
        let goes_on = !matches!(left, Left::Ended { .. });
        let mut last = self.title.restore(self.screen.title());
        last.extend(self.screen.ending(goes_on));
        self.shown.show(Stream::Out, last, None);
        // A terminal that takes nothing any more is left as it is.
        self.shown.finish().await.ok();
    }
}

/// Whether the connection could not be made again at once: the attempt after it has ended is the second. The rest of a
/// sequence that was cut is not waited for then, as it is to be seen that there is no connection.
fn is_in_vain(link: &LinkState) -> bool {
    matches!(link, LinkState::Connecting { attempt, .. } if *attempt > 2)
}

/// What the title says while there is no connection.
fn title(server: &str, link: &LinkState) -> String {
    match link {
        LinkState::Down { error, .. }
        | LinkState::Connecting {
            error: Some(error), ..
        } => {
            format!("no connection to {server}, trying again: {error}")
        }
        _ => format!("connecting to {server}"),
    }
}

fn hung_up() -> Left {
    Left::Signal(rustix::process::Signal::HUP.as_raw())
}

fn no_terminal(error: &io::Error) -> CliError {
    CliError::new(
        Kind::Storage,
        format!("the terminal cannot be used: {error}"),
        "Try it on another terminal.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_says_what_is_the_matter() {
        let down = LinkState::Down {
            since_ms: 1,
            retry_in_ms: 1,
            error: "timed out".to_owned(),
        };
        assert_eq!(
            title("st@host", &down),
            "no connection to st@host, trying again: timed out"
        );
        let connecting = LinkState::Connecting {
            attempt: 1,
            error: None,
        };
        assert_eq!(title("st@host", &connecting), "connecting to st@host");
    }

    #[test]
    fn only_a_connection_that_stays_away_cuts_a_sequence() {
        let connecting = |attempt| LinkState::Connecting {
            attempt,
            error: None,
        };
        assert!(!is_in_vain(&connecting(2)) && is_in_vain(&connecting(3)));
        assert!(!is_in_vain(&LinkState::Up {
            round_trip_us: None
        }));
    }
}
