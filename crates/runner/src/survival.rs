//! What the terminal sends to the runner, which leads its session and is in its foreground until the command is.
//!
//! Handlers, since a program that is executed has none of them, but goes on ignoring what was ignored.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::{flag, low_level::pipe};

/// What keys send.
const KEYS: [Signal; 3] = [Signal::INT, Signal::QUIT, Signal::TSTP];

/// What keys have sent to the runner, and to the command before it was executed: the handlers of both write there.
pub(crate) struct Typed([(Signal, UnixStream); KEYS.len()]);

/// The runner lives on when the terminal hangs up: it is what ends the others then. And when keys are typed.
pub(crate) fn survive() -> io::Result<Typed> {
    flag::register(Signal::HUP.as_raw(), Arc::default())?;
    let [interrupt, quit, stop] = KEYS.map(listen);
    Ok(Typed([interrupt?, quit?, stop?]))
}

fn listen(key: Signal) -> io::Result<(Signal, UnixStream)> {
    let (typed, handler) = UnixStream::pair()?;
    typed.set_nonblocking(true)?;
    pipe::register(key.as_raw(), handler)?;
    Ok((key, typed))
}

impl Typed {
    /// What was typed before the command was executed was meant for it.
    pub(crate) fn pass_on(&self, command: Pid) {
        for (key, typed) in &self.0 {
            if matches!((&mut &*typed).read(&mut [0]), Ok(1)) {
                // Fails if it has ended.
                kill_process_group(command, *key).ok();
            }
        }
    }
}
