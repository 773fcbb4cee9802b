//! What people are told when something did not work: what went wrong, and what to do.

use std::fmt;
use std::io::ErrorKind;

use launch::LaunchError;
use model::{DocumentError, NameError, Secret};
use renew::{KeeperError, RenewError};
use vault::{ImportError, VaultError};

macro_rules! kinds {
    ($($variant:ident $code:literal $meaning:literal)*) => {
        /// The kinds of failure; each has its exit code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $meaning] $variant,)*
        }

        impl Kind {
            /// All of them, by exit code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The exit code of a program that fails so.
            #[must_use]
            pub fn exit_code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// For people.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

kinds! {
    Internal 1 "unexpected failure"
    Usage 2 "the command line is wrong"
    NotFound 3 "no such account, or nothing there to do it with"
    Conflict 4 "it already exists, or was changed by another process"
    Vault 5 "the vault or its key is unusable: missing, wrong, damaged, of another program, too new, locked"
    Storage 6 "the system refuses: disk full, read-only, no permission, unsuitable file"
    SignInAgain 7 "the login has ended: sign in again"
    Network 8 "the network or the token server"
    Input 9 "bad input: a name, a key, JSON, a credential file"
    Busy 10 "another process holds it locked"
    Stopped 11 "stopped by you: answered no, or Ctrl-C at a question"
    Attention 12 "doctor found something that needs care"
    Server 13 "the server refuses, or cannot"
    CannotExecute 126 "the client cannot be executed"
    ClientNotFound 127 "the client was not found"
    ReaderGone 141 "whoever read the output has gone"
}

/// The list for `--help`: exit codes and what they mean in a program, which has nothing to say of
/// those that it never ends with.
#[must_use]
pub fn explanation(meaning: impl Fn(Kind) -> Option<&'static str>) -> String {
    let line = |kind: &Kind| {
        meaning(*kind).map(|meaning| format!("  {:3}  {meaning}\n", kind.exit_code()))
    };
    let failures: String = Kind::ALL.iter().filter_map(line).collect();
    format!("    0  done\n{failures}")
}

/// A failure as it is shown. Neither text holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    /// What went wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
}

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The same failure with a hint that fits the place better.
    pub(crate) fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Stopped by whoever was asked.
    pub(crate) fn stopped() -> Self {
        Self::new(Kind::Stopped, "stopped", "Nothing was changed.")
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        match &error {
            // How `prompt` says through the vault that a question was answered with Ctrl-C.
            VaultError::File { source, .. } if source.kind() == ErrorKind::Interrupted => {
                Self::stopped()
            }
            // And that there was no passphrase to be had.
            VaultError::File { path, .. } if path.starts_with("/dev/fd") => Self::new(
                Kind::Vault,
                error.to_string(),
                "Give the number of an open descriptor with the passphrase in it: 3<FILE makes descriptor 3.",
            ),
            _ => Self::new(kind_of(&error), error.to_string(), hint_for(&error)),
        }
    }
}

pub(crate) fn kind_of(error: &VaultError) -> Kind {
    match error {
        VaultError::NoVault(_) | VaultError::NotFound { .. } | VaultError::NoGeneration { .. } => {
            Kind::NotFound
        }
        VaultError::File { .. }
        | VaultError::Unsuitable { .. }
        | VaultError::Full(_)
        | VaultError::ReadOnly(_) => Kind::Storage,
        VaultError::Corrupt(_)
        | VaultError::Foreign { .. }
        | VaultError::TooNew { .. }
        | VaultError::KeyMissing(_)
        | VaultError::KeyMalformed(_)
        | VaultError::KeyWrong(_)
        | VaultError::PassphraseNeeded
        | VaultError::PassphraseWrong
        | VaultError::Keyring(_)
        | VaultError::Damaged { .. } => Kind::Vault,
        VaultError::Exists(_) | VaultError::Changed(_) => Kind::Conflict,
        VaultError::Age(_) | VaultError::OtherKind(_) => Kind::Input,
        VaultError::Busy(_) => Kind::Busy,
        VaultError::Random | VaultError::Database { .. } => Kind::Internal,
    }
}

fn hint_for(error: &VaultError) -> String {
    let hint = match error {
        VaultError::NotFound { similar, .. } => return hint_for_missing(similar.as_deref()),
        VaultError::Damaged { name, .. } => {
            let name = model::printable(name);
            return format!(
                "The other accounts are not affected. Sign in to {name:?} again, or remove it and add it anew."
            );
        }
        VaultError::NoGeneration { name, .. } => {
            return format!(
                "`claude-accounts history {}` lists those that are kept.",
                model::printable(name)
            );
        }
        VaultError::NoVault(_) => "Add an account: claude-accounts add NAME",
        VaultError::File { .. } => {
            "Check that the file and the directories above it exist, and their owner and permissions."
        }
        VaultError::Unsuitable { .. } => {
            "Give a regular file of your own, or move that one out of the way."
        }
        VaultError::Full(_) => "Make room on that file system, then try again.",
        VaultError::ReadOnly(_) => {
            "Check the permissions of that file and its directory, and whether the file system is mounted read-only."
        }
        VaultError::Corrupt(_) => {
            "Restore the file from a backup, or move it away and import your last export."
        }
        VaultError::Foreign { .. } => {
            "Use another directory: --vault DIR, or the variable CLAUDE_ACCOUNTS_HOME."
        }
        VaultError::TooNew { .. } => {
            "Use the version of this program that wrote it, or a later one."
        }
        VaultError::KeyMissing(_) => {
            "Put the key back from a backup. Without it the accounts cannot be opened: then move the vault away and import your last export."
        }
        VaultError::KeyMalformed(_) | VaultError::KeyWrong(_) => {
            "Put the vault's own key back from a backup; if there is none, move the vault away and import your last export."
        }
        VaultError::PassphraseNeeded => {
            "Run it on a terminal, or set CLAUDE_ACCOUNTS_PASSPHRASE_FD to the number of a descriptor to read the passphrase from."
        }
        VaultError::PassphraseWrong => "Try again; nothing was changed.",
        VaultError::Keyring(_) => {
            "Unlock the keyring of your desktop session, and check that DBUS_SESSION_BUS_ADDRESS is set."
        }
        VaultError::Exists(_) => "Choose another name, or remove or rename that account first.",
        VaultError::Changed(_) => "Look at it with `claude-accounts list`, then try again.",
        VaultError::OtherKind(_) => "Add an account of the kind that you want.",
        VaultError::Age(_) => {
            "Check the passphrase, the recipient or the identity file, and that the file is whole."
        }
        VaultError::Busy(_) => "Wait until it has ended, then try again.",
        VaultError::Random => "The system is in a state in which no key can be made; restart it.",
        VaultError::Database { .. } => {
            "Check the disk and the file; if it persists, restore the file from a backup."
        }
    };
    hint.to_owned()
}

fn hint_for_missing(similar: Option<&str>) -> String {
    match similar {
        Some(similar) => format!(
            "Did you mean {:?}? `claude-accounts list` shows all.",
            model::printable(similar)
        ),
        None => "`claude-accounts list` shows all accounts, `claude-accounts add NAME` adds one."
            .to_owned(),
    }
}

impl CliError {
    /// A login that was not renewed.
    pub(crate) fn from_renewal(error: &RenewError) -> Self {
        Self::new(renewal_kind(error), error.to_string(), renewal_hint(error))
    }
}

impl From<RenewError> for CliError {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::Vault(source) => source.into(),
            error => Self::from_renewal(&error),
        }
    }
}

fn renewal_kind(error: &RenewError) -> Kind {
    match error {
        RenewError::Vault(source) => kind_of(source),
        RenewError::NotALogin(_) => Kind::Usage,
        RenewError::NeverSignedIn(_)
        | RenewError::SignInAgain { .. }
        | RenewError::NoRefreshToken(_) => Kind::SignInAgain,
        RenewError::Unavailable { .. } => Kind::Network,
        RenewError::KeptAside { .. } | RenewError::Lost { .. } | RenewError::File { .. } => {
            Kind::Storage
        }
        RenewError::LeaseHeld(_) | RenewError::ClientLockHeld(_) => Kind::Busy,
    }
}

fn renewal_hint(error: &RenewError) -> String {
    let login = |name: &str| format!("claude-accounts login {}", model::printable(name));
    match error {
        RenewError::Vault(source) => hint_for(source),
        RenewError::NotALogin(_) => "An API key needs no renewal.".to_owned(),
        RenewError::NeverSignedIn(name) => format!("Sign in to it: {}", login(name)),
        RenewError::SignInAgain { name, .. } | RenewError::Lost { name, .. } => {
            format!(
                "Sign in again: {}. Every earlier generation is kept.",
                login(name)
            )
        }
        RenewError::NoRefreshToken(name) => {
            format!("When its token has ended, sign in again: {}", login(name))
        }
        RenewError::Unavailable { .. } => {
            "Check the network, then try again; the login is as it was.".to_owned()
        }
        RenewError::KeptAside { .. } => {
            "Make room or make the vault writable; it is taken in by itself then.".to_owned()
        }
        RenewError::LeaseHeld(_) => "Wait for that process, or end it; then try again.".to_owned(),
        RenewError::ClientLockHeld(_) => {
            "Wait for Claude Code, or run `claude-accounts doctor --fix` if none is running."
                .to_owned()
        }
        RenewError::File { .. } => {
            "Check the permissions there, and whether the disk is full or read-only.".to_owned()
        }
    }
}

impl From<LaunchError> for CliError {
    fn from(error: LaunchError) -> Self {
        let (kind, hint) = match error {
            LaunchError::Vault(source) => return source.into(),
            LaunchError::ClientNotFound { .. } => (
                Kind::ClientNotFound,
                "Install Claude Code, or name it: --claude PATH, or the variable CLAUDE_ACCOUNTS_CLAUDE.",
            ),
            LaunchError::NotExecutable { .. } | LaunchError::Start { .. } => (
                Kind::CannotExecute,
                "Check that it is the program that you mean and that you may execute it.",
            ),
            LaunchError::Ourselves(_) => (
                Kind::CannotExecute,
                "Name Claude Code itself: --claude PATH, or the variable CLAUDE_ACCOUNTS_CLAUDE.",
            ),
            LaunchError::NoAnswer(_) => (
                Kind::CannotExecute,
                "Check that it is Claude Code, or use --inject env.",
            ),
            LaunchError::Variable { .. } | LaunchError::Path { .. } => {
                (Kind::Input, "Remove or rename it.")
            }
            LaunchError::Block { .. } => (
                Kind::Conflict,
                "Mend or remove the marked block in that file by hand, then try again.",
            ),
            LaunchError::File { .. } => (
                Kind::Storage,
                "Check the permissions there, and whether the disk is full or read-only.",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

impl From<KeeperError> for CliError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Vault(source) => source.into(),
            KeeperError::AlreadyRunning => Self::new(
                Kind::Busy,
                error.to_string(),
                "`claude-accounts keeper status` shows it.",
            ),
            KeeperError::System { .. } => Self::new(
                Kind::Internal,
                error.to_string(),
                "Check limits and permissions of this system.",
            ),
        }
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> Self {
        let hint = "A name has 1 to 64 letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`.";
        Self::new(Kind::Input, error.to_string(), hint)
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        let hint = match &error {
            ImportError::TooLarge => "Split the file.",
            ImportError::NotJson { .. } | ImportError::NotAnArray => {
                "Give a file that `claude-accounts export` wrote: a JSON array of accounts, or an age file."
            }
            ImportError::Entries(_) => "Correct them and import again.",
        };
        let message = format!("nothing was imported: {error}");
        Self::new(Kind::Input, message, hint)
    }
}

impl From<DocumentError> for CliError {
    fn from(error: DocumentError) -> Self {
        let hint = match &error {
            DocumentError::Blanked => {
                "Sign in with the client (`claude auth login`), then try again."
            }
            DocumentError::NoLogin => {
                "Sign in with the client (`claude auth login`); for an API key use --key-stdin."
            }
            _ => "Give the client's own file, usually ~/.claude/.credentials.json.",
        };
        let message = format!("the credential file is of no use: {error}");
        Self::new(Kind::Input, message, hint)
    }
}

/// Text with everything in it that looks like a key or a token masked: for messages that repeat
/// what somebody typed.
pub(crate) fn redacted(text: &str) -> String {
    const FAMILY: &str = "sk-ant-";
    const SHORTEST: usize = 16;
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(FAMILY) {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        let of_token =
            |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        let end = rest
            .find(|character| !of_token(character))
            .unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if token.len() < SHORTEST {
            shown.push_str(token);
        } else {
            shown.push_str(&Secret::new(token).masked());
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::path::PathBuf;

    fn all_vault_errors() -> Vec<VaultError> {
        let path = || PathBuf::from("/vault/accounts.db");
        let name = || "work".to_owned();
        vec![
            VaultError::NoVault(path()),
            VaultError::File {
                action: "open",
                path: path(),
                source: io::ErrorKind::PermissionDenied.into(),
            },
            VaultError::Unsuitable {
                path: path(),
                problem: "is not a regular file".into(),
            },
            VaultError::Full(path()),
            VaultError::ReadOnly(path()),
            VaultError::Corrupt(path()),
            VaultError::Foreign {
                path: path(),
                missing: "accounts.id".into(),
            },
            VaultError::TooNew {
                path: path(),
                found: 9,
                known: 1,
            },
            VaultError::Busy(path()),
            VaultError::KeyMissing(path()),
            VaultError::KeyMalformed(path()),
            VaultError::KeyWrong(path()),
            VaultError::PassphraseNeeded,
            VaultError::PassphraseWrong,
            VaultError::Keyring("x".into()),
            VaultError::NotFound {
                name: name(),
                similar: Some("works".into()),
            },
            VaultError::Exists(name()),
            VaultError::Damaged {
                name: name(),
                part: "API key",
            },
            VaultError::NoGeneration {
                name: name(),
                generation: 3,
            },
            VaultError::Changed(name()),
            VaultError::OtherKind(name()),
            VaultError::Age("x".into()),
            VaultError::Random,
        ]
    }

    #[test]
    fn every_failure_of_the_vault_has_a_hint_and_a_code() {
        for error in all_vault_errors() {
            let shown = CliError::from(error);
            assert!(!shown.hint.is_empty() && !shown.message.is_empty());
            assert!((1..=12).contains(&shown.kind.exit_code()), "{shown:?}");
        }
    }

    #[test]
    fn codes_are_as_documented() {
        let code = |error: VaultError| CliError::from(error).kind.exit_code();
        assert_eq!(code(VaultError::PassphraseWrong), 5);
        assert_eq!(code(VaultError::Full("/".into())), 6);
        assert_eq!(code(VaultError::Exists("x".into())), 4);
        assert_eq!(
            code(VaultError::NotFound {
                name: "x".into(),
                similar: None
            }),
            3
        );
        assert_eq!(CliError::from(NameError::Empty).kind.exit_code(), 9);
        let interrupted = VaultError::File {
            action: "read",
            path: "/dev/tty".into(),
            source: io::ErrorKind::Interrupted.into(),
        };
        assert_eq!(code(interrupted), 11);
    }

    #[test]
    fn codes_differ_and_are_in_order() {
        let codes: Vec<u8> = Kind::ALL.iter().map(|kind| kind.exit_code()).collect();
        assert!(codes.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn a_token_in_a_message_is_masked() {
        let text = redacted("unexpected 'sk-ant-api03-FAKE-abcdefghijklmnop' and sk-ant- found");
        assert_eq!(text, "unexpected 'sk-ant-api03-…mnop' and sk-ant- found");
        assert_eq!(redacted("no token"), "no token");
    }
}
