//! Processes told apart also when their numbers come round again.

use std::fs;

/// A process number with the time at which its holder started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ProcessIdentity {
    /// Process number.
    pub(crate) pid: i32,
    /// Clock ticks from boot to its start: field 22 of `/proc/PID/stat` (proc_pid_stat(5)). It
    /// stays the same across `execve`.
    pub(crate) started: u64,
}

impl ProcessIdentity {
    /// The process of that number, if it runs.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some(Self {
            pid,
            started: start_time(&stat)?,
        })
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// `None` for a process that has ended and only waits for its parent to take note. The command's
/// name, which may hold anything, ends at the last parenthesis.
fn start_time(stat: &[u8]) -> Option<u64> {
    const FIELD_AFTER_NAME: usize = 22 - 3;
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.clone().next()?, "Z" | "X") {
        return None;
    }
    fields.nth(FIELD_AFTER_NAME)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_nothing() {
        let fields: Vec<String> = (3..=52).map(|field| (field * 10).to_string()).collect();
        let stat = format!("7 (a) b (c) {}", fields.join(" "));
        assert_eq!(start_time(stat.as_bytes()), Some(220));
        assert_eq!(start_time(b"7 (x"), None);
        let ended = stat.replacen("(c) 30", "(c) Z", 1);
        assert_eq!(start_time(ended.as_bytes()), None);
    }

    #[test]
    fn we_are_alive_and_a_reused_number_is_not_us() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let us = ProcessIdentity::of(pid).unwrap();
        assert!(us.is_alive());
        assert!(
            !ProcessIdentity {
                started: us.started + 1,
                ..us
            }
            .is_alive()
        );
    }
}
