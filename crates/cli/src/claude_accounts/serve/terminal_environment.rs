//! What programs in the dashboard's terminals inherit.

use std::ffi::{OsStr, OsString};

use launch::{ACCOUNT_VARIABLE, RIVAL_VARIABLES};

use crate::environment::Variable;
use crate::error::redacted;

/// What describes the terminal or supervisor that the dashboard itself was started from.
const OF_THE_START: [&str; 21] = [
    "COLUMNS",
    "LINES",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
    "MANAGERPID",
    "SYSTEMD_EXEC_PID",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "STY",
    "TMUX",
    "TMUX_PANE",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERMINAL_EMULATOR",
    "VTE_VERSION",
    "WINDOWID",
    "OLDPWD",
];

/// What xterm.js is.
const TERMINAL: [(&str, &str); 2] = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];

/// What of `inherited` goes into a terminal: no credential, whatever it is called, nothing about
/// where the dashboard was started, and the kind of terminal that the page is.
pub(super) fn terminal_environment(
    inherited: Vec<(OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let is_for_us = |name: &OsStr| {
        let ours = [
            ACCOUNT_VARIABLE,
            Variable::SessionAccount.name(),
            Variable::PassphraseDescriptor.name(),
            Variable::KeyDescriptor.name(),
        ];
        OF_THE_START.iter().chain(&ours).any(|known| name == *known)
            || RIVAL_VARIABLES.iter().any(|known| name == *known)
            || TERMINAL.iter().any(|(known, _)| name == *known)
    };
    let mut kept = inherited;
    kept.retain(|(name, value)| !is_for_us(name) && !is_credential(value));
    kept.extend(TERMINAL.map(|(name, value)| (name.into(), value.into())));
    kept
}

fn is_credential(value: &OsStr) -> bool {
    let value = value.to_string_lossy();
    redacted(&value) != value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_the_old_terminal_stay_behind() {
        let given = [
            ("HOME", "/home/me"),
            ("LANG", "fr_FR.UTF-8"),
            ("PATH", "/bin"),
            ("SSH_AUTH_SOCK", "/run/agent"),
            ("CLAUDE_ACCOUNTS_HOME", "/vault"),
            ("TERM", "dumb"),
            ("TMUX", "/tmp/tmux"),
            ("LISTEN_FDS", "1"),
            ("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "3"),
            ("CLAUDE_ACCOUNTS_ACCOUNT", "work"),
            ("ANTHROPIC_API_KEY", "anything"),
            ("MY_OWN", "sk-ant-api03-FAKE-abcdefghijklmnop"),
        ];
        let given = given
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec();
        let kept = terminal_environment(given);
        let names: Vec<&str> = kept.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(
            names,
            [
                "HOME",
                "LANG",
                "PATH",
                "SSH_AUTH_SOCK",
                "CLAUDE_ACCOUNTS_HOME",
                "TERM",
                "COLORTERM"
            ]
        );
        assert_eq!(kept[5].1, "xterm-256color");
    }
}
