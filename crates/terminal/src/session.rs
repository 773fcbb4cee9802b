//! The one task of a terminal: reads the program's output, ends it when asked to, and reaps it.

use std::cell::RefCell;
use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use rustix::termios::tcgetpgrp;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::characters;
use crate::pace::Reading;
use crate::shared::Shared;
use crate::{Ended, pseudoterminal};

/// How long a program may take to end after SIGHUP.
const HANG_UP_PATIENCE: Duration = Duration::from_secs(5);
/// When a program has ended but another holds its terminal, its output counts as read after this long without any…
const QUIET: Duration = Duration::from_millis(100);
/// …and after this long in any case.
const LONGEST_REST: Duration = Duration::from_secs(2);
/// How much is read before it is passed on, in bytes.
const READ_AT_ONCE: usize = 64 << 10;

thread_local! {
    /// One for all terminals of a runtime's thread: an idle terminal needs none.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A running program.
pub(crate) struct Session {
    shared: Arc<Shared>,
    master: Arc<AsyncFd<OwnedFd>>,
    /// The program's side, while it runs.
    peer: Option<OwnedFd>,
    pidfd: Arc<AsyncFd<OwnedFd>>,
    /// The beginning of a character at the end of what was read.
    held: Vec<u8>,
    /// When the program is killed.
    kill_at: Option<Instant>,
    reaped: bool,
    /// The terminal was taken away from under the program (vhangup): there is nothing to read until it ends.
    cut_off: bool,
}

/// What came of reading.
#[derive(PartialEq, Eq)]
enum Read {
    /// There may be more at once.
    Some,
    /// Nothing more at present.
    Empty,
    /// Nobody holds the other side any more.
    End,
}

impl Session {
    pub(crate) fn new(
        shared: Arc<Shared>,
        master: Arc<AsyncFd<OwnedFd>>,
        peer: OwnedFd,
        pidfd: AsyncFd<OwnedFd>,
    ) -> Self {
        Self {
            shared,
            master,
            peer: Some(peer),
            pidfd: Arc::new(pidfd),
            held: Vec::new(),
            kill_at: None,
            reaped: false,
            cut_off: false,
        }
    }

    pub(crate) async fn run(mut self) {
        let (code, signal) = self.until_exit().await;
        self.peer = None;
        self.rest().await;
        self.push_held();
        if let Some(recording) = &self.shared.recording {
            recording.finish().await;
        }
        self.shared.set_ended(Ended {
            code,
            signal,
            at: SystemTime::now(),
        });
    }

    /// Reads until the program has ended, and reaps it.
    async fn until_exit(&mut self) -> (Option<i32>, Option<i32>) {
        let master = Arc::clone(&self.master);
        let shared = Arc::clone(&self.shared);
        let pidfd = Arc::clone(&self.pidfd);
        loop {
            let kill_at = self.kill_at;
            tokio::select! {
                ready = pidfd.readable() => {
                    if let Some(ended) = self.reap() {
                        return ended;
                    }
                    if let Ok(mut ready) = ready {
                        ready.clear_ready();
                    }
                }
                () = wanted(&shared), if kill_at.is_none() => self.hang_up(),
                () = until(kill_at), if kill_at.is_some() => self.kill(),
                ready = readable(&shared, &master), if !self.cut_off => match self.read() {
                    // A flood leaves the thread to others after each piece.
                    Read::Some => tokio::task::yield_now().await,
                    Read::Empty => {
                        if let Some(mut ready) = ready {
                            ready.clear_ready();
                        }
                    }
                    Read::End => self.cut_off = true,
                }
            }
        }
    }

    /// Reads what is left. The program's children may hold the terminal and go on writing; they are not waited for.
    async fn rest(&mut self) {
        let master = Arc::clone(&self.master);
        let deadline = Instant::now() + LONGEST_REST;
        let mut ready = None;
        loop {
            match self.read() {
                Read::Some => tokio::task::yield_now().await,
                Read::Empty => {
                    if let Some(ready) = &mut ready {
                        AsyncFdReadyGuard::clear_ready(ready);
                    }
                    match timeout(QUIET, master.readable()).await {
                        Ok(Ok(readable)) => ready = Some(readable),
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
                Read::End => return,
            }
            if Instant::now() > deadline {
                return;
            }
        }
    }

    /// Reads what is there, as much as is passed on at once.
    fn read(&mut self) -> Read {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(READ_AT_ONCE, 0);
            let mut filled = self.held.len();
            buffer[..filled].copy_from_slice(&self.held);
            let outcome = loop {
                match rustix::io::read(self.master.as_fd(), &mut buffer[filled..]) {
                    Ok(0) => break Read::End,
                    Ok(count) => filled += count,
                    Err(Errno::AGAIN) => break Read::Empty,
                    Err(Errno::INTR) => {}
                    // EIO: the other side is closed.
                    Err(_) => break Read::End,
                }
                if filled == buffer.len() {
                    break Read::Some;
                }
            };
            let whole = filled - characters::incomplete(&buffer[..filled]);
            self.held.clear();
            self.held.extend_from_slice(&buffer[whole..filled]);
            self.shared.push(&buffer[..whole]);
            outcome
        })
    }

    fn push_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.shared.push(&held);
    }

    fn hang_up(&mut self) {
        self.signal(Signal::HUP);
        // What is stopped would not see it.
        self.signal(Signal::CONT);
        self.kill_at = Some(Instant::now() + HANG_UP_PATIENCE);
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.kill_at = Some(Instant::now() + HANG_UP_PATIENCE);
    }

    /// To the program's group and to the one in the foreground, which a shell makes for what it runs.
    fn signal(&self, signal: Signal) {
        if self.reaped {
            return;
        }
        let own = self.shared.process;
        // Each fails only if nobody is there any more. Until the program is reaped, the number is its own.
        kill_process_group(own, signal).ok();
        if let Ok(foreground) = tcgetpgrp(self.master.as_fd())
            && foreground != own
        {
            kill_process_group(foreground, signal).ok();
        }
    }

    /// How the program ended, if it has: its exit status or its signal.
    fn reap(&mut self) -> Option<(Option<i32>, Option<i32>)> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
            Ok(None) | Err(Errno::INTR) => None,
            Ok(Some(status)) => {
                self.reaped = true;
                Some((status.exit_status(), status.terminating_signal()))
            }
            // Somebody else has reaped it.
            Err(_) => {
                self.reaped = true;
                Some((None, None))
            }
        }
    }
}

impl Drop for Session {
    /// The runtime goes away, or something here panicked: nothing of the program may stay.
    fn drop(&mut self) {
        if self.shared.ended.borrow().is_some() {
            return;
        }
        if !self.reaped {
            self.signal(Signal::HUP);
            pseudoterminal::abandon(self.shared.process);
        }
        self.shared.set_ended(Ended {
            code: None,
            signal: None,
            at: SystemTime::now(),
        });
    }
}

/// Waits until the program is wanted to end.
async fn wanted(shared: &Shared) {
    while !shared.end_wanted() {
        shared.end.notified().await;
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Waits until the viewers let the output be read and there is some.
async fn readable<'a>(
    shared: &Shared,
    master: &'a AsyncFd<OwnedFd>,
) -> Option<AsyncFdReadyGuard<'a, OwnedFd>> {
    loop {
        let changed = shared.pace.notified();
        match shared.reading() {
            Reading::Now => break,
            // Either way, it is asked again.
            Reading::Held(until) => drop(timeout_at(until, changed).await),
        }
    }
    if let Some(recording) = &shared.recording {
        recording.room().await;
    }
    // Fails only when the runtime shuts down.
    master.readable().await.ok()
}
