//! A terminal to run a program on, and somebody who types.

use crate::{Process, TestHome};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What Ctrl-C types.
pub const CONTROL_C: &str = "\u{3}";

/// A program on a pseudo-terminal of its own, which it is the first process of. Killed when dropped.
pub struct Terminal {
    process: Process,
    typed: File,
    screen: Arc<Screen>,
}

#[derive(Default)]
struct Screen {
    shown: Mutex<Shown>,
    changed: Condvar,
}

/// What came out of a terminal. Bytes, since a character may come in two parts.
#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    is_at_end: bool,
}

impl Terminal {
    /// Starts `program` in `home`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(home: &TestHome, program: &str, arguments: &[&str]) -> Terminal {
        let mut command = home.command("setsid");
        command.arg("--ctty").arg(program).args(arguments);
        Terminal::of(command)
    }

    /// Starts `command`, which has to become the first process of the terminal by itself, as `setsid --ctty PROGRAM` does.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn of(command: Command) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        Terminal::with(openpt(flags).expect("a pseudo-terminal"), command)
    }

    /// [`Terminal::of`] on the pseudo-terminal of which this is the keeping side.
    pub(crate) fn with(ours: OwnedFd, mut command: Command) -> Terminal {
        let theirs = user_side(&ours);
        let other = || theirs.try_clone().expect("a descriptor");
        command.stdin(other()).stdout(other()).stderr(other());
        let process = Process::spawn(command);
        let typed = File::from(ours);
        let screen = Arc::new(Screen::default());
        let (shown, filled) = (
            typed.try_clone().expect("a descriptor"),
            Arc::clone(&screen),
        );
        thread::spawn(move || filled.fill(shown));
        Terminal {
            process,
            typed,
            screen,
        }
    }

    /// Starts the built `claude-accounts`.
    #[must_use]
    pub fn claude_accounts(home: &TestHome, arguments: &[&str]) -> Terminal {
        let program = crate::programs::path("claude-accounts");
        Terminal::start(home, program.to_str().expect("a path of UTF-8"), arguments)
    }

    /// The process, to signal it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Types `text`; a line ends with `\r`, as the Enter key types it.
    ///
    /// # Panics
    /// When nobody can read it any more.
    pub fn type_text(&mut self, text: &str) {
        self.typed
            .write_all(text.as_bytes())
            .expect("a terminal to type on");
    }

    /// Everything shown so far, with the terminal's own line ends.
    #[must_use]
    pub fn shown(&self) -> String {
        self.screen.shown.lock().unwrap().text()
    }

    /// Waits until `text` is shown.
    ///
    /// # Panics
    /// When it is not within `limit`.
    #[track_caller]
    pub fn wait_for(&self, text: &str, limit: Duration) {
        let shown = self
            .screen
            .wait_until(limit, |shown| shown.text().contains(text));
        let found = shown.contains(text);
        assert!(found, "waited {limit:?} for {text:?}; shown: {shown}");
    }

    /// Waits for the program to end, and for all that it said to be [shown](Terminal::shown).
    ///
    /// Nothing that it left running holds the terminal open: the kernel hangs it up with its first process.
    ///
    /// # Panics
    /// When it has not within `limit`, or when the terminal is still open after as long again.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let status = self.process.wait(limit);
        let is_at_end = |shown: &Shown| shown.is_at_end;
        let shown = self.screen.wait_until(limit, is_at_end);
        let closed = self.screen.shown.lock().unwrap().is_at_end;
        assert!(closed, "the terminal is open after {status}: {shown}");
        status
    }
}

/// The other side of a new pseudo-terminal.
pub(crate) fn user_side(ours: &OwnedFd) -> File {
    grantpt(ours).expect("access to the pseudo-terminal");
    unlockpt(ours).expect("an unlocked pseudo-terminal");
    // Not by its name, which may be one of another /dev.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    ioctl_tiocgptpeer(ours, flags)
        .expect("the other side of the pseudo-terminal")
        .into()
}

impl Screen {
    /// Until everybody has closed the other side, which reads as an error.
    fn fill(&self, mut terminal: File) {
        let mut chunk = [0; 4096];
        loop {
            let read = terminal.read(&mut chunk);
            let mut shown = self.shown.lock().unwrap();
            match read {
                Ok(count @ 1..) => shown.bytes.extend_from_slice(&chunk[..count]),
                Ok(0) | Err(_) => shown.is_at_end = true,
            }
            self.changed.notify_all();
            if shown.is_at_end {
                return;
            }
        }
    }

    /// What is shown when `is_there` is true of it, or when `limit` is over.
    fn wait_until(&self, limit: Duration, is_there: impl Fn(&Shown) -> bool) -> String {
        let lock = self.shown.lock().unwrap();
        let waited = self
            .changed
            .wait_timeout_while(lock, limit, |shown| !is_there(shown));
        let (shown, _) = waited.unwrap();
        shown.text()
    }
}

impl Shown {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
