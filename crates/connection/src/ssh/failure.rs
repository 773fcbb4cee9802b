//! Why `ssh` failed.

use std::process::ExitStatus;

use model::printable;

/// How much of what it said is kept, in bytes.
const KEPT: usize = 4 << 10;
/// What `ssh` ends with when it is not the command that failed (ssh(1), "EXIT STATUS").
const FAILED: i32 = 255;
/// What a shell ends with when there is no such command (POSIX, "Exit Status for Commands").
const NO_COMMAND: i32 = 127;

/// Texts of OpenSSH, which it does not translate, and what they tell. The first that is found counts.
const TEXTS: [(&str, SshProblem); 13] = [
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        SshProblem::HostKeyChanged,
    ),
    ("Host key verification failed", SshProblem::HostKeyUnknown),
    ("host key is known for", SshProblem::HostKeyUnknown),
    ("Permission denied (", SshProblem::PermissionDenied),
    (
        "Too many authentication failures",
        SshProblem::PermissionDenied,
    ),
    ("Could not resolve hostname", SshProblem::UnknownHost),
    ("Connection refused", SshProblem::Refused),
    ("No route to host", SshProblem::Unreachable),
    ("Network is unreachable", SshProblem::Unreachable),
    ("Connection timed out", SshProblem::Unreachable),
    ("Operation timed out", SshProblem::Unreachable),
    ("Connection closed by", SshProblem::Broken),
    ("Connection reset by", SshProblem::Broken),
];

/// What is wrong. Told from what `ssh` printed, which the server can print too: good for a hint, not for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SshProblem {
    /// The server has another key than the one that is known.
    HostKeyChanged,
    /// No key of the server is known.
    HostKeyUnknown,
    /// The server takes none of the user's keys.
    PermissionDenied,
    /// The server's name is not known.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// The server cannot be reached.
    Unreachable,
    /// The server, or something on the way, hung up.
    Broken,
    /// The command is not installed on the server.
    CommandMissing,
    /// Something else; the text says what.
    Other,
}

impl SshProblem {
    /// What to do about it; empty if nothing is known.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::HostKeyChanged => {
                "the server's key has changed: find out why before you remove the old one with `ssh-keygen -R HOST`"
            }
            Self::HostKeyUnknown => {
                "connect once with plain `ssh` to check and accept the server's key"
            }
            Self::PermissionDenied => {
                "the server takes none of your keys: try plain `ssh`, and `ssh-add -l` if they are in an agent"
            }
            Self::UnknownHost => {
                "the server's name cannot be resolved: check its spelling and the network"
            }
            Self::Refused => {
                "nothing listens on that port of the server: check the port and that sshd runs"
            }
            Self::Unreachable => "the server cannot be reached: check the network",
            Self::Broken => "the server hung up",
            Self::CommandMissing => {
                "the command was not found on the server: install claude-share there"
            }
            Self::Other => "",
        }
    }
}

/// `ssh` ended with a failure.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct SshError {
    /// What is wrong.
    pub problem: SshProblem,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The end of what it, and the server through it, said: lines that can be shown on a terminal.
    pub text: String,
}

impl SshError {
    pub(super) fn new(status: ExitStatus, said: &Tail) -> Self {
        let text = said.text();
        let code = status.code();
        let problem = match code {
            Some(NO_COMMAND) => SshProblem::CommandMissing,
            Some(FAILED) => problem_of(&text),
            _ => SshProblem::Other,
        };
        Self {
            problem,
            code,
            text,
        }
    }

    /// Whether it goes on failing until somebody does something about it.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        match self.problem {
            SshProblem::HostKeyChanged
            | SshProblem::HostKeyUnknown
            | SshProblem::PermissionDenied
            | SshProblem::CommandMissing => true,
            SshProblem::UnknownHost
            | SshProblem::Refused
            | SshProblem::Unreachable
            | SshProblem::Broken
            | SshProblem::Other => false,
        }
    }

    fn sentence(&self) -> String {
        let last = self.text.lines().last().unwrap_or_default();
        let ended = match self.code {
            Some(code) => format!("ssh ended with code {code}"),
            None => "ssh was killed".to_owned(),
        };
        let parts = [ended.as_str(), last, self.problem.hint()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(": ")
    }
}

fn problem_of(text: &str) -> SshProblem {
    let found = TEXTS.iter().find(|(words, _)| text.contains(words));
    found.map_or(SshProblem::Other, |(_, problem)| *problem)
}

/// The end of what was said.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let excess = self.0.len().saturating_sub(KEPT);
        self.0.drain(..excess);
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines = text.lines().map(|line| printable(line.trim_end()));
        let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_and_it_is_harmless() {
        let mut said = Tail::default();
        for number in 0..10_000 {
            said.add(format!("line {number}\r\n").as_bytes());
        }
        said.add(b"\x1b]0;title\x07 \xff \xe2\x80\xae end");
        assert!(said.0.len() <= KEPT);
        let text = said.text();
        assert!(
            text.ends_with("\\u{1b}]0;title\\u{7} \u{fffd} \\u{202e} end"),
            "{text}"
        );
        assert!(text.contains("line 9999\n"));
        assert!(
            !text
                .chars()
                .any(|character| character.is_control() && character != '\n')
        );
    }
}
