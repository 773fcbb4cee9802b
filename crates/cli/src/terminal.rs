//! Questions on the terminal of this process.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use zeroize::Zeroizing;

const INTERRUPT: u8 = 3;

/// Whether what is typed appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Shown,
    Hidden,
}

/// Whether somebody sits there who expects to be asked.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// Asks, and waits for one line. The terminal is as before when this returns, also after Ctrl-C.
///
/// # Errors
/// [`ErrorKind::Interrupted`] after Ctrl-C or the end of input; else if there is no terminal.
pub(crate) fn ask(question: &str, echo: Echo) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let _settings = Settings::change(&terminal, echo)?;
    terminal.write_all(question.as_bytes())?;
    let mut line = Zeroizing::new(Vec::with_capacity(512));
    read_line(&terminal, &mut line)?;
    match line.last() {
        Some(b'\n') => {}
        _ => {
            terminal.write_all(b"\n")?;
            return Err(ErrorKind::Interrupted.into());
        }
    }
    line.pop();
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(ErrorKind::InvalidData.into()),
    }
}

fn read_line(mut terminal: &File, line: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = Zeroizing::new([0_u8; 4096]);
    loop {
        let count = terminal.read(chunk.as_mut())?;
        line.extend_from_slice(&chunk[..count]);
        if count == 0 || matches!(line.last(), Some(b'\n' | &INTERRUPT)) {
            return Ok(());
        }
    }
}

/// Settings of the terminal that end with this value.
///
/// The terminal goes on editing the line. Ctrl-C ends it as a character instead of killing this
/// process, which would leave the terminal without echo.
struct Settings {
    terminal: File,
    before: Termios,
}

impl Settings {
    fn change(terminal: &File, echo: Echo) -> io::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut during = before.clone();
        during.local_modes.remove(LocalModes::ISIG);
        during.local_modes.insert(LocalModes::ICANON);
        during.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        if echo == Echo::Hidden {
            during.local_modes.remove(LocalModes::ECHO);
            during.local_modes.insert(LocalModes::ECHONL);
        }
        let terminal = terminal.try_clone()?;
        termios::tcsetattr(&terminal, OptionalActions::Now, &during)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let restored = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
        // Only a terminal that has gone refuses, and then nothing is left to restore.
        drop(restored.map_err(std::io::Error::from));
    }
}
