//! Everything that this process has started, and what that has started, and so on.
//!
//! It is the *subreaper* of all of it: what loses its parent becomes its child, so nothing gets away by forking twice.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

/// Sends `signal` to all of them. What is started meanwhile may be missed.
pub(crate) fn signal_all(signal: Signal) {
    let parents = parents();
    for pid in parents.keys().filter(|pid| is_ours(**pid, &parents)) {
        let Some(number) = Pid::from_raw(*pid) else {
            continue;
        };
        let Ok(process) = pidfd_open(number, PidfdFlags::empty()) else {
            continue;
        };
        // Its number may have become another's before it was opened: that one has another parent.
        if parent(*pid) == parents.get(pid).copied() {
            // Fails if it is gone.
            pidfd_send_signal(&process, signal).ok();
        }
    }
}

/// Every process and its parent.
fn parents() -> HashMap<i32, i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect()
}

/// The second field behind the name in `/proc/PID/stat` (`proc_pid_stat(5)`). The name may have any letters in it.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let fields = std::str::from_utf8(stat.get(behind..)?).ok()?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn is_ours(pid: i32, parents: &HashMap<i32, i32>) -> bool {
    let own = getpid().as_raw_nonzero().get();
    let mut at = pid;
    // A list that was read while processes come and go may lead in a circle.
    for _ in 0..parents.len() {
        match parents.get(&at) {
            Some(parent) if *parent == own => return true,
            Some(parent) => at = *parent,
            None => return false,
        }
    }
    false
}
