//! How failures of the library are told.

use share::ShareError;
use share::keeper::KeyError;
use vault::VaultError;

use crate::error::{CliError, Kind};

impl From<ShareError> for CliError {
    fn from(error: ShareError) -> Self {
        let (kind, hint) = match error {
            ShareError::Vault(source) => return of_vault(source),
            ShareError::State { .. } => (
                Kind::Storage,
                "Restore it from a backup; without one, set the server up again: sudo claude-share server init",
            ),
            ShareError::Config { .. } => (Kind::Input, "Correct that line, then try again."),
            ShareError::UsersFile { .. } => (
                Kind::Input,
                "The file is to be root's, with mode 0600, and to have lines of name:password.",
            ),
            ShareError::Name(_) => (Kind::Input, "Give another one."),
            ShareError::Program { .. } => (
                Kind::Storage,
                "Put right what it complains of, then try again: what is done already is not done twice.",
            ),
            ShareError::Home { .. } => (
                Kind::Storage,
                "The other users are not affected. Put right what is wrong there, then try again.",
            ),
            ShareError::Busy => (Kind::Busy, "Wait until it has ended, then try again."),
            ShareError::KeeperRunning => (Kind::Busy, "`claude-share server status` shows it."),
            ShareError::System { .. } => (
                Kind::Storage,
                "Check permissions and limits there, and whether the disk is full or read-only.",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

/// The vault is the server's, so what helps is another command than in the other program.
fn of_vault(error: VaultError) -> CliError {
    let hint = match &error {
        VaultError::NoVault(_) => "Set the server up: sudo claude-share server init",
        VaultError::NotFound { .. } => {
            "`sudo claude-accounts --vault /var/lib/claude-share/vault list` shows the server's accounts."
        }
        _ => return error.into(),
    };
    CliError::from(error).hinted(hint)
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        let (kind, hint) = match &error {
            KeyError::NoKeeper(_) => (
                Kind::Network,
                "Ask whoever runs this server to look: sudo claude-share server status",
            ),
            KeyError::Impostor => (
                Kind::Network,
                "Tell whoever runs this server at once: somebody else than root listens there.",
            ),
            KeyError::None(_) => (
                Kind::NotFound,
                "Whoever runs this server assigns one: sudo claude-share server assign USER ACCOUNT",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn who_has_no_key_is_told_whom_to_ask() {
        let none = CliError::from(KeyError::None("no account".to_owned()));
        assert_eq!(
            (none.kind, none.message.as_str()),
            (Kind::NotFound, "no account")
        );
        let silent = CliError::from(KeyError::NoKeeper(ErrorKind::ConnectionRefused.into()));
        assert_eq!(silent.kind, Kind::Network);
        assert!(!silent.hint.is_empty() && !none.hint.is_empty());
    }

    #[test]
    fn hints_about_the_vault_are_those_of_a_server() {
        let missing = VaultError::NotFound {
            name: "x".to_owned(),
            similar: None,
        };
        let shown = CliError::from(ShareError::from(missing));
        assert_eq!(shown.kind, Kind::NotFound);
        assert!(shown.hint.contains("/var/lib/claude-share/vault"));
        assert!(
            CliError::from(ShareError::Vault(VaultError::NoVault("/".into())))
                .hint
                .contains("init")
        );
    }
}
