//! Why a login was not renewed.

use std::path::PathBuf;

use model::Timestamp;
use vault::VaultError;

/// Why a login was not renewed. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The vault did not do its part.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The account has a key, which needs no renewal.
    #[error("{0:?} has an API key, not a login")]
    NotALogin(String),
    /// Nobody has signed in to this account yet.
    #[error("nobody has signed in to {0:?} yet")]
    NeverSignedIn(String),
    /// The token server refused the login for good.
    #[error("{name:?} must sign in again: {reason}")]
    SignInAgain {
        /// The account.
        name: String,
        /// Why, for people.
        reason: String,
    },
    /// There is no refresh token to renew with.
    #[error("{0:?} has no refresh token to renew it with")]
    NoRefreshToken(String),
    /// No answer, or none that helps. The login is as it was.
    #[error("cannot renew {name:?}: {reason}")]
    Unavailable {
        /// The account.
        name: String,
        /// Why, for people.
        reason: String,
        /// When the keeper tries again.
        retry_at: Timestamp,
    },
    /// The server answered with new tokens, and the vault could not take them: they lie sealed
    /// beside it and are taken in as soon as it can be written.
    #[error(
        "the renewed login of {name:?} could not be stored and is kept aside until it can: {source}"
    )]
    KeptAside {
        /// The account.
        name: String,
        /// Why it could not be stored.
        source: VaultError,
    },
    /// The server answered with new tokens, and nothing could be written any more.
    #[error("the renewed login of {name:?} is lost, since nothing could be written: {source}")]
    Lost {
        /// The account.
        name: String,
        /// Why it could not be stored.
        source: VaultError,
    },
    /// Another process of ours renews this login for longer than anybody should.
    #[error("another process has been renewing {0:?} for too long")]
    LeaseHeld(String),
    /// The client holds its own locks for longer than anybody should.
    #[error("Claude Code holds {} for too long", .0.display())]
    ClientLockHeld(PathBuf),
    /// The system refused a file operation outside of the vault.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: a verb for "cannot …".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl RenewError {
    /// Whether nobody of this user could have done it.
    pub(crate) fn is_for_want_of_permission(&self) -> bool {
        use std::io::ErrorKind;
        matches!(self, Self::File { source, .. }
            if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem))
    }

    /// Whether the account's record in the vault tells of it, with the time of the next attempt.
    pub(crate) fn is_on_record(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::SignInAgain { .. })
    }

    pub(crate) fn file(
        action: &'static str,
        path: &std::path::Path,
        source: std::io::Error,
    ) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
