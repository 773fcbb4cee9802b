//! The terminal of this process, while what is typed belongs to a program elsewhere.

use std::io;

use rustix::termios::{self, OptionalActions, Termios};

/// The terminal on standard input in raw mode; as before when this value ends, also by a panic.
///
/// A process that is killed with SIGKILL leaves it raw: `stty sane` helps.
pub(crate) struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    /// # Errors
    /// If standard input is no terminal.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let entered = Self { before };
        entered.enter_again()?;
        Ok(entered)
    }

    /// Raw mode once more, after a shell has had the terminal meanwhile: this process was stopped and goes on.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(crate) fn enter_again(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // What was typed for the program and not read yet is not for the shell. Only a terminal that has gone refuses.
        let restored = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
        drop(restored.map_err(io::Error::from));
    }
}
