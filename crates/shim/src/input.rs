//! What the command reads.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use live::commands::{End, LARGEST_PIECE, WINDOW};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{SeekFrom, seek};
use rustix::io::{Errno, read, write};
use rustix::stdio;

use crate::output::wait;
use crate::protocol::FromShim;
use crate::shared::Shared;
use crate::terminal::Terminal;

/// How often a process that is not in the foreground looks whether it is.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
/// What says, on a terminal, that nothing more comes.
const END_KEY: u8 = 4;

/// How much was read and taken.
#[derive(Debug)]
pub(crate) struct Input {
    state: Mutex<State>,
    changed: Condvar,
    /// Written to when the terminal may have become this process's.
    woken: OwnedFd,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that were read here.
    read: u64,
    /// Bytes that the command's end has taken of them.
    taken: u64,
    /// The command has ended: nothing more is to be read.
    has_ended: bool,
}

impl Input {
    /// # Errors
    /// If there are too many open files.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            woken: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// So much was taken: in bytes, since it began.
    pub(crate) fn taken(&self, taken: u64) {
        let mut state = self.state();
        state.taken = taken.max(state.taken);
        self.changed.notify_all();
    }

    /// Looks whether the terminal is this process's.
    pub(crate) fn wake(&self) {
        // Full of it is woken, too.
        write(&self.woken, &1_u64.to_ne_bytes()).ok();
    }

    /// The command has ended, and has read so much of what was read for it: the rest of a file is left to who reads next.
    pub(crate) fn give_back(&self, is_seekable: bool, has_read: u64) {
        let mut state = self.state();
        state.has_ended = true;
        let left = i64::try_from(state.read.saturating_sub(has_read)).unwrap_or_default();
        if is_seekable && left > 0 {
            // Refused only by what is no such file.
            seek(stdio::stdin(), SeekFrom::Current(-left)).ok();
        }
    }

    /// Waits until something may be sent: how much; `None` if nothing ever.
    fn room(&self) -> Option<usize> {
        let is_full = |state: &mut State| state.room() == 0 && !state.has_ended;
        let waited = self.changed.wait_while(self.state(), is_full);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.has_ended).then(|| state.room())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn room(&self) -> usize {
        let sent = self.read.saturating_sub(self.taken);
        let room = usize::try_from(WINDOW.saturating_sub(sent)).unwrap_or(LARGEST_PIECE);
        room.min(LARGEST_PIECE)
    }
}

/// Passes standard input on until it ends.
pub(crate) fn pass_on(shared: &Shared) {
    let [input, ..] = shared.streams.ends;
    let passed_on = match (input, &shared.terminal) {
        (End::Nothing | End::AsOutput, _) => return,
        (End::Terminal, Some(terminal)) => pass_on_keys(shared, terminal),
        (End::Terminal | End::Pipe, _) => pass_on_contents(shared),
    };
    if passed_on.is_some() {
        shared.say(&FromShim::InputEnded);
    }
}

/// `None` if the command has ended first, or the agent is gone.
fn pass_on_contents(shared: &Shared) -> Option<()> {
    let mut piece = vec![0; LARGEST_PIECE];
    loop {
        let room = shared.input.room()?;
        let count = match shared.streams.is_seekable {
            true => read_file(shared, &mut piece[..room])?,
            false => read_some(shared, &mut piece[..room]),
        };
        if count == 0 {
            return Some(());
        }
        say(shared, &piece[..count])?;
    }
}

/// Not while the command's end is told: nothing is read behind what was given back.
fn read_file(shared: &Shared, piece: &mut [u8]) -> Option<usize> {
    let mut state = shared.input.state();
    if state.has_ended {
        return None;
    }
    let count = read(stdio::stdin(), piece).unwrap_or_default();
    state.read += count as u64;
    Some(count)
}

/// How much was read; what cannot be read has ended.
fn read_some(shared: &Shared, piece: &mut [u8]) -> usize {
    loop {
        match read(stdio::stdin(), &mut *piece) {
            Ok(count) => {
                shared.input.state().read += count as u64;
                return count;
            }
            Err(Errno::INTR) => {}
            // Somebody who has it, too, has asked for that.
            Err(Errno::AGAIN) => wait(stdio::stdin(), PollFlags::IN),
            Err(_) => return 0,
        }
    }
}

/// `None` if the command has ended first, or the agent is gone.
fn pass_on_keys(shared: &Shared, terminal: &Terminal) -> Option<()> {
    let mut piece = vec![0; LARGEST_PIECE];
    loop {
        let room = shared.input.room()?;
        if !wait_for_keys(shared, terminal) {
            return Some(());
        }
        let gives_lines = terminal.gives_lines();
        let count = read_some(shared, &mut piece[..room]);
        let ends_line = piece[..count].last() == Some(&b'\n') || count == room;
        // The laptop's terminal is told of the end as this one was: by a key. What was typed while this one was a shell's, which
        // has no lines, or becomes raw, are keys and no line: without an end it comes then, too.
        let are_keys = terminal.is_for_raw() && count > 0;
        let has_ended = gives_lines && !ends_line && !are_keys && terminal.gives_lines();
        if count == 0 && !gives_lines {
            return Some(());
        }
        say(shared, &piece[..count])?;
        if has_ended {
            shared.input.state().read += 1;
            say(shared, &[END_KEY])?;
        }
    }
}

/// Waits until something was typed for this process. `false`: the terminal is gone.
fn wait_for_keys(shared: &Shared, terminal: &Terminal) -> bool {
    loop {
        let is_ours = terminal.enter() || (!terminal.is_for_raw() && is_for_us(terminal));
        // What is typed for somebody else is there all the time.
        let keys = if is_ours {
            PollFlags::IN
        } else {
            PollFlags::empty()
        };
        let mut waited = [
            PollFd::from_borrowed_fd(stdio::stdin(), keys),
            PollFd::from_borrowed_fd(shared.input.woken.as_fd(), PollFlags::IN),
        ];
        let limit = (!is_ours).then_some(&PAUSE);
        if poll(&mut waited, limit).is_err() {
            continue;
        }
        let [keys, woken] = waited.map(|waited| waited.revents());
        if woken.contains(PollFlags::IN) {
            // There is nothing else to be learned from it.
            read(&shared.input.woken, &mut [0; 8]).ok();
        }
        if keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return false;
        }
        if keys.contains(PollFlags::IN) && terminal.is_in_foreground() {
            // This process may have been stopped since it was asked for: then it is not raw before that has gone on.
            let is_ours = match terminal.is_for_raw() {
                true => terminal.enter(),
                false => terminal.gives_lines(),
            };
            if is_ours {
                return true;
            }
        }
    }
}

fn is_for_us(terminal: &Terminal) -> bool {
    terminal.is_in_foreground() && terminal.gives_lines()
}

fn say(shared: &Shared, bytes: &[u8]) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    let input = FromShim::Input(Bytes::copy_from_slice(bytes));
    shared.say(&input).then_some(())
}
