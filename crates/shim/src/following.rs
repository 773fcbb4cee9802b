//! A command that runs on the laptop, from its start to its end.

use std::io;
use std::sync::Arc;
use std::thread;

use nix::sys::signal::Signal;
use rustix::io::Errno;

use crate::agent::Connection;
use crate::ending::Ending;
use crate::input::{self, Input};
use crate::output;
use crate::protocol::{FromShim, ToShim};
use crate::shared::Shared;
use crate::signals;
use crate::streams::Streams;
use crate::terminal::Terminal;

/// Passes on everything both ways until the command has ended; its input only if the agent does not read that.
pub(crate) fn follow(mut connection: Connection, streams: &Streams, reads_input: bool) -> Ending {
    match begin(&connection, streams, reads_input) {
        Ok(shared) => {
            let ending = listen(&mut connection, &shared);
            if let Some(terminal) = &shared.terminal {
                terminal.leave();
            }
            ending
        }
        Err(error) => Ending::Lost(format!("its streams cannot be passed on: {error}")),
    }
}

fn begin(connection: &Connection, streams: &Streams, reads_input: bool) -> io::Result<Arc<Shared>> {
    let shared = Shared::new(*streams, Input::new()?, connection.writer()?);
    let shared = Arc::new(shared);
    // Before there is another thread. What comes before this does to this process what it does to any.
    let caught = signals::catch();
    if let Some(terminal) = &shared.terminal {
        terminal.enter();
        // It may have changed since it was told.
        shared.say_size();
    }
    let passing = Arc::clone(&shared);
    thread::Builder::new().spawn(move || signals::pass_on(&passing, caught))?;
    if !reads_input {
        let passing = Arc::clone(&shared);
        thread::Builder::new().spawn(move || input::pass_on(&passing))?;
    }
    Ok(shared)
}

fn listen(connection: &mut Connection, shared: &Shared) -> Ending {
    let mut unread = Vec::new();
    loop {
        let Ok(Some(message)) = connection.next() else {
            return Ending::HungUp;
        };
        match message {
            ToShim::Output { stream, .. } if unread.contains(&stream) => {}
            ToShim::Output { stream, bytes } => {
                let terminal = shared.terminal.as_ref();
                match output::pass_on(&shared.streams, terminal, stream, &bytes) {
                    Ok(()) => {}
                    // What becomes of it is for the command to decide.
                    Err(Errno::PIPE) => {
                        unread.push(stream);
                        shared.say(&FromShim::Unread(stream));
                    }
                    Err(error) => return Ending::NotWritten(error.into()),
                }
            }
            ToShim::Taken(taken) => shared.input.taken(taken),
            ToShim::Stopped(signal) => signals::stop(shared, signal),
            ToShim::Continued => {}
            ToShim::Ended { code, signal, read } => {
                shared.input.give_back(shared.streams.is_seekable, read);
                return ended(shared, code, signal);
            }
            ToShim::Lost(message) => return Ending::Lost(message),
            ToShim::Refused { message, hint } => return Ending::Refused { message, hint },
            ToShim::Version(_) | ToShim::Here | ToShim::Started { .. } => {
                return Ending::HungUp;
            }
        }
    }
}

fn ended(shared: &Shared, code: Option<i32>, signal: Option<i32>) -> Ending {
    let was_raw = shared.terminal.as_ref().is_some_and(Terminal::leave);
    let is_of_key = |signal: i32| {
        let of_keys = [Signal::SIGINT, Signal::SIGQUIT];
        of_keys.iter().any(|key| *key as i32 == signal)
    };
    match (code, signal) {
        (_, Some(signal)) => Ending::Killed {
            signal,
            by_key: was_raw && is_of_key(signal),
        },
        (Some(code), None) => Ending::Exited(code),
        (None, None) => Ending::Lost("nobody knows how it has ended".to_owned()),
    }
}
