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

/// Whether `process` was started by this process, or by what that has started, as far as it is known: what is under a runner
/// stays so. One that is gone may have been.
#[must_use]
pub fn is_descendant(process: u32) -> bool {
    let own = getpid().as_raw_nonzero().get();
    let Ok(mut at) = i32::try_from(process) else {
        return true;
    };
    // Longer than any line of parents is, unless it was read while processes came and went.
    for _ in 0..1 << 10 {
        match parent(at) {
            Some(parent) if parent == own => return true,
            Some(parent) if parent <= 1 => return false,
            Some(parent) => at = parent,
            None => return at != 1,
        }
    }
    true
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests panic if they cannot go on")]

    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_and_theirs_are_descendants_and_others_are_not() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "sh -c 'echo $$; read x'; :"]);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut said = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut said).unwrap();
        assert!(is_descendant(said.trim().parse().unwrap()));
        assert!(is_descendant(child.id()));
        assert!(!is_descendant(std::process::id()));
        assert!(!is_descendant(std::os::unix::process::parent_id()));
        assert!(!is_descendant(1));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(is_descendant(child.id()));
    }
}
