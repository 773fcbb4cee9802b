//! The terminal of this process, while what is typed belongs to a program elsewhere.
//!
//! It is raw only if input and output both are it: then the laptop's terminal does what this one would. Otherwise it may be
//! others' as well (`npm test | less`), and stays as it is: keys that are signals are signals here, lines are edited here.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use live::commands::End;
use live::programs::Size;
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

use crate::streams::{self, Streams};

/// The terminal, as before when this value ends, also by a panic.
///
/// A process that is killed with SIGKILL leaves it raw: `stty sane` helps.
#[derive(Debug)]
pub(crate) struct Terminal {
    descriptor: OwnedFd,
    /// It is to be raw, when this process is in its foreground.
    is_for_raw: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How it was, while it is raw.
    before: Option<Termios>,
    /// It is not to be raw, until this process goes on.
    is_left: bool,
}

impl Terminal {
    /// `None` if no stream is one.
    pub(crate) fn of(streams: &Streams) -> Option<Self> {
        let [input, output, _] = streams.ends;
        Some(Self {
            descriptor: streams::same(streams.terminal()?).ok()?,
            is_for_raw: (input, output) == (End::Terminal, End::Terminal),
            state: Mutex::default(),
        })
    }

    pub(crate) fn size(&self) -> Size {
        streams::size(self.descriptor.as_fd())
    }

    /// Whether this process may use it: a shell has it otherwise.
    pub(crate) fn is_in_foreground(&self) -> bool {
        tcgetpgrp(&self.descriptor) == Ok(getpgrp())
    }

    /// Makes it raw, if it is to be and this process is in its foreground; whether it is.
    pub(crate) fn enter(&self) -> bool {
        let mut state = self.state();
        let may_be = self.is_for_raw && !state.is_left;
        if state.before.is_none() && may_be && self.is_in_foreground() {
            state.before = make_raw(self.descriptor.as_fd());
        }
        state.before.is_some()
    }

    /// Makes it as it was, until this process [goes on](Terminal::go_on); whether it was raw.
    pub(crate) fn leave(&self) -> bool {
        let mut state = self.state();
        state.is_left = true;
        let Some(before) = state.before.take() else {
            return false;
        };
        // Otherwise whoever is in its foreground has it as he likes it.
        if self.is_in_foreground() {
            // Fails only if it is gone.
            tcsetattr(&self.descriptor, OptionalActions::Now, &before).ok();
        }
        true
    }

    /// This process was stopped, maybe without having left it, and somebody else has had it.
    pub(crate) fn go_on(&self) {
        let before = {
            let mut state = self.state();
            state.is_left = false;
            state.before.take()
        };
        if let Some(before) = before
            && self.is_in_foreground()
        {
            let raw = make_raw(self.descriptor.as_fd()).map(|_| before);
            self.state().before = raw;
        }
        self.enter();
    }

    pub(crate) fn is_for_raw(&self) -> bool {
        self.is_for_raw
    }

    /// Whether it gives lines. Somebody else who is in its foreground, too, takes keys otherwise.
    pub(crate) fn gives_lines(&self) -> bool {
        tcgetattr(&self.descriptor)
            .is_ok_and(|modes| modes.local_modes.contains(LocalModes::ICANON))
    }

    /// Whether it begins a new line at its left end by itself, as the laptop's has done already.
    pub(crate) fn adds_returns(&self) -> bool {
        let adding = OutputModes::OPOST | OutputModes::ONLCR;
        tcgetattr(&self.descriptor).is_ok_and(|modes| modes.output_modes.contains(adding))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

fn make_raw(terminal: BorrowedFd<'_>) -> Option<Termios> {
    let before = tcgetattr(terminal).ok()?;
    let mut raw = before.clone();
    raw.make_raw();
    tcsetattr(terminal, OptionalActions::Now, &raw).ok()?;
    Some(before)
}
