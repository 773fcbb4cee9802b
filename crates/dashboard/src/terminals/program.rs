//! What runs in a terminal: this product's own program, which takes the credential of its one
//! account from the vault and becomes the client.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use model::AccountId;
use rustix::pipe::{PipeFlags, pipe_with};
use terminal::{Size, Start};
use vault::VaultKey;

use super::{Kind, SCROLLBACK_BYTES};
use crate::error::ApiError;
use crate::options::Options;

/// The descriptor at which a program in a terminal finds the key: see [`Start::descriptor`].
const KEY_DESCRIPTOR: &str = "3";

/// Of the terminal that the dashboard itself was started in, if any.
const OF_ANOTHER_TERMINAL: &[&str] = &[
    "COLORTERM",
    "COLUMNS",
    "KITTY_PID",
    "KITTY_WINDOW_ID",
    "LINES",
    "STY",
    "TERM",
    "TERMCAP",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID",
    "TMUX",
    "TMUX_PANE",
    "VTE_VERSION",
    "WINDOWID",
    "WT_SESSION",
];

/// See the head of this file.
pub(super) struct Program {
    path: PathBuf,
    vault: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// The key, where a passphrase wraps it: nobody in the browser could be asked for that.
    key: Option<VaultKey>,
}

impl Program {
    pub(super) fn new(options: &Options, key: Option<&VaultKey>) -> Self {
        Self {
            path: options.program.clone(),
            vault: options.vault.directory().to_owned(),
            environment: environment(&options.terminal_environment, key.is_some()),
            key: key.cloned(),
        }
    }

    /// The start of one. Makes a pipe if there is a key to hand over.
    ///
    /// # Errors
    /// If the system has no pipe left.
    pub(super) fn start(
        &self,
        kind: Kind,
        account: &AccountId,
        directory: PathBuf,
        size: Size,
        recording: Option<PathBuf>,
    ) -> Result<Start, ApiError> {
        let verb = match kind {
            Kind::Terminal => "launch",
            Kind::Login => "login",
        };
        let mut arguments = vec!["--vault".into(), self.vault.clone().into_os_string()];
        // By `=`: an identifier that another program stored may begin with a dash.
        arguments.extend([verb.into(), format!("--id={account}").into()]);
        if kind == Kind::Login {
            arguments.push("--sign-in".into());
        }
        Ok(Start {
            program: self.path.clone(),
            name: "claude-accounts".into(),
            arguments,
            environment: self.environment.clone(),
            directory,
            size,
            descriptor: self.key.as_ref().map(key_pipe).transpose()?,
            kept: SCROLLBACK_BYTES,
            recording,
        })
    }
}

/// A pipe that holds the key and ends behind it. Whoever reads it first empties it.
fn key_pipe(key: &VaultKey) -> Result<OwnedFd, ApiError> {
    let failed = |_| ApiError::internal("the vault's key cannot be handed to a program");
    let (reading, writing) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let mut writing = File::from(writing);
    // 45 bytes never fill a pipe.
    writing.write_all(key.expose().as_bytes()).map_err(failed)?;
    writing.write_all(b"\n").map_err(failed)?;
    Ok(reading)
}

fn environment(inherited: &[(OsString, OsString)], has_key: bool) -> Vec<(OsString, OsString)> {
    let of_another = |name: &OsString| OF_ANOTHER_TERMINAL.iter().any(|other| name == other);
    let kept = inherited.iter().filter(|(name, _)| !of_another(name));
    let mut environment: Vec<(OsString, OsString)> = kept.cloned().collect();
    let mut set = |name: &str, value: &str| environment.push((name.into(), value.into()));
    // What xterm.js is.
    set("TERM", "xterm-256color");
    set("COLORTERM", "truecolor");
    if !inherited
        .iter()
        .any(|(name, value)| says_character_set(name, value))
    {
        set("LANG", "C.UTF-8");
    }
    if has_key {
        set("CLAUDE_ACCOUNTS_KEY_FD", KEY_DESCRIPTOR);
    }
    environment
}

/// A service of systemd has no locale; programs would then take the terminal for ASCII.
fn says_character_set(name: &OsStr, value: &OsStr) -> bool {
    ["LANG", "LC_ALL", "LC_CTYPE"]
        .iter()
        .any(|known| name == *known)
        && !value.is_empty()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn the_terminal_is_the_browsers_and_the_rest_is_inherited() {
        let made = environment(
            &pairs(&[("TERM", "dumb"), ("TMUX", "x"), ("A", "b"), ("LANG", "")]),
            false,
        );
        let wanted = [
            ("A", "b"),
            ("LANG", ""),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "C.UTF-8"),
        ];
        assert_eq!(made, pairs(&wanted));
        let made = environment(&pairs(&[("LC_ALL", "fr_FR.UTF-8")]), true);
        assert!(made.contains(&("CLAUDE_ACCOUNTS_KEY_FD".into(), "3".into())));
        assert!(!made.iter().any(|(name, _)| name == "LANG"));
    }

    #[test]
    fn the_key_is_one_line_and_then_the_end() {
        let key = VaultKey::generate().unwrap();
        let mut text = String::new();
        File::from(key_pipe(&key).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, format!("{}\n", key.expose()));
    }
}
