//! What the terminal sends to the runner, which leads its session and is in its foreground until the command is.
//!
//! Handlers, since a program that is executed has none of them, but goes on ignoring what was ignored.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::flag;

/// What keys send.
const KEYS: [Signal; 3] = [Signal::INT, Signal::QUIT, Signal::TSTP];

/// What keys have sent to the runner.
pub(crate) struct Typed([(Signal, Arc<AtomicBool>); KEYS.len()]);

/// The runner lives on when the terminal hangs up: it is what ends the others then. And when keys are typed.
pub(crate) fn survive() -> io::Result<Typed> {
    flag::register(Signal::HUP.as_raw(), Arc::default())?;
    let typed = KEYS.map(|key| (key, Arc::default()));
    for (key, is_typed) in &typed {
        flag::register(key.as_raw(), Arc::clone(is_typed))?;
    }
    Ok(Typed(typed))
}

impl Typed {
    /// What was typed before the command was in the foreground was meant for it.
    pub(crate) fn pass_on(&self, command: Pid) {
        for (key, is_typed) in &self.0 {
            if is_typed.load(Ordering::SeqCst) {
                // Fails if it has ended.
                kill_process_group(command, *key).ok();
            }
        }
    }
}
