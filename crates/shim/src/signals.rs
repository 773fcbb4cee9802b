//! Signals for this process, which are for the command; and stopping and going on with it.
//!
//! All that are passed on are blocked, and one thread waits for them: so what the system does by default when they come is
//! not changed, and can be had by letting one through.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, raise};
use rustix::process::kill_current_process_group;

use crate::protocol::FromShim;
use crate::shared::Shared;
use crate::terminal::Terminal;

/// What is passed on: whatever somebody may send and a command may wait for. `SIGURG` too, which does nothing to this process
/// in any case: a command that has no use for it ignores it, as do those whose runtimes send it to themselves.
///
/// What the others do is done to this process: those that say what it has done itself (`SIGSEGV` and the like, `SIGPIPE`,
/// `SIGXFSZ`), and those of job control and of children, which are about its own terminal and its own children.
const PASSED: [Signal; 18] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGABRT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGURG,
    Signal::SIGXCPU,
    Signal::SIGSTKFLT,
    Signal::SIGTSTP,
    Signal::SIGWINCH,
    Signal::SIGCONT,
];
/// How long a command that was told to stop has before this process does.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of stopping.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// This process has told its whole group to stop: what comes is for itself.
    is_groups: AtomicBool,
    /// This process has stopped by itself: whoever stopped it goes on with the command.
    is_own: AtomicBool,
    /// This process has stopped before the command said that it has.
    was_ahead: AtomicBool,
    /// How often it was stopped or went on.
    count: AtomicU64,
    counted: Mutex<()>,
    changed: Condvar,
}

/// The signals that are passed on from now on, also those for threads that are started later.
pub(crate) fn catch() -> SigSet {
    let ignored = ignored();
    let is_ignored = |signal: Signal| ignored >> (signal as u32 - 1) & 1 == 1;
    let always = [Signal::SIGWINCH, Signal::SIGCONT];
    let caught = PASSED
        .into_iter()
        .filter(|signal| always.contains(signal) || !is_ignored(*signal))
        .collect::<SigSet>();
    // Is refused to nobody.
    caught.thread_block().ok();
    caught
}

/// Passes on what comes, until the process ends.
pub(crate) fn pass_on(shared: &Arc<Shared>, caught: SigSet) {
    loop {
        match caught.wait() {
            Ok(Signal::SIGWINCH) => shared.say_size(),
            Ok(Signal::SIGCONT) if shared.stops.is_own.swap(false, Ordering::SeqCst) => {}
            Ok(Signal::SIGCONT) => go_on(shared),
            Ok(Signal::SIGTSTP) if shared.stops.is_groups.swap(false, Ordering::SeqCst) => {
                stop_alone(shared, Signal::SIGTSTP);
            }
            Ok(signal) => {
                if signal == Signal::SIGTSTP {
                    stop_in_time(shared);
                }
                shared.say(&FromShim::Signal(signal as i32));
            }
            Err(_) => {}
        }
    }
}

/// The command was stopped by this signal: so is this process, until somebody goes on with it.
pub(crate) fn stop(shared: &Shared, signal: i32) {
    if shared.stops.was_ahead.swap(false, Ordering::SeqCst) {
        return;
    }
    let was_raw = shared.terminal.as_ref().is_some_and(Terminal::leave);
    if was_raw && signal == Signal::SIGTSTP as i32 {
        // The key was typed for all of the group, of which this process is a part: a script may wait for it.
        shared.stops.is_groups.store(true, Ordering::SeqCst);
        kill_current_process_group(rustix::process::Signal::TSTP).ok();
        return;
    }
    stop_alone(shared, Signal::try_from(signal).unwrap_or(Signal::SIGSTOP));
}

fn stop_alone(shared: &Shared, signal: Signal) {
    if let Some(terminal) = &shared.terminal {
        terminal.leave();
    }
    shared.stops.is_own.store(true, Ordering::SeqCst);
    shared.stops.note();
    let signals = SigSet::from(signal);
    signals.thread_unblock().ok();
    // Returns when this process goes on: at once if it is in a group that nobody could go on with.
    raise(signal).ok();
    if PASSED.contains(&signal) {
        signals.thread_block().ok();
    }
    go_on(shared);
}

fn go_on(shared: &Shared) {
    shared.stops.note();
    if let Some(terminal) = &shared.terminal {
        terminal.go_on();
        shared.say_size();
    }
    shared.input.wake();
    shared.say(&FromShim::Signal(Signal::SIGCONT as i32));
}

/// Stops this process if the command does not say soon that it has stopped.
fn stop_in_time(shared: &Arc<Shared>) {
    shared.stops.was_ahead.store(false, Ordering::SeqCst);
    let shared = Arc::clone(shared);
    let count = shared.stops.count.load(Ordering::SeqCst);
    thread::spawn(move || {
        if !shared.stops.wait_for_more_than(count) {
            shared.stops.was_ahead.store(true, Ordering::SeqCst);
            stop_alone(&shared, Signal::SIGTSTP);
        }
    });
}

impl Stops {
    fn note(&self) {
        let _counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
    }

    /// Whether this process was stopped, or went on, within some time.
    fn wait_for_more_than(&self, count: u64) -> bool {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |_: &mut ()| self.count.load(Ordering::SeqCst) == count;
        let waited = self.changed.wait_timeout_while(counted, PATIENCE, is_same);
        let (_counted, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

/// The signals that whoever started this wants to be ignored (`nohup`, `&` in a script): a bit for each.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|ignored| u64::from_str_radix(ignored.trim(), 16).ok())
        .unwrap_or_default()
}
