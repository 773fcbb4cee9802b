//! How failures of sessions and settings are told.

use client::ClientError;
use live::control::Failure;
use live_process::local::LocalError;

use crate::error::{CliError, Kind};

/// What the server, or the daemon for it, does not do. Its words are made printable where they are shown.
pub(crate) fn of_refusal(failure: Failure) -> CliError {
    CliError::new(Kind::Server, failure.message, failure.hint)
}

/// What the settings of this user have to do with.
pub(crate) fn of_settings(error: ClientError) -> CliError {
    let (kind, hint) = match error {
        ClientError::File(source) => return source.into(),
        ClientError::Name(source) => return source.into(),
        ClientError::NoProfile(_) => (
            Kind::NotFound,
            "`claude-share client status` lists them; `claude-share client init USER@HOST --name NAME` adds one.",
        ),
        ClientError::NoProfiles => (
            Kind::NotFound,
            "Set one up: claude-share client init USER@HOST",
        ),
        ClientError::Busy(_) => (Kind::Busy, "Wait until it has ended, then try again."),
        ClientError::Settings { .. } => (
            Kind::Storage,
            "Correct it, or move it away and set up again: claude-share client init USER@HOST",
        ),
        _ => (
            Kind::Network,
            "Set it up again: claude-share client init USER@HOST",
        ),
    };
    CliError::new(kind, error.to_string(), hint)
}

impl From<LocalError> for CliError {
    fn from(error: LocalError) -> Self {
        let (kind, hint) = match error {
            LocalError::Closed => (Kind::NotFound, "`cs list-sessions` shows what is left."),
            LocalError::Version { .. } => (Kind::Conflict, ""),
            LocalError::Unintelligible | LocalError::TooLong => (
                Kind::Internal,
                "Stop the session and start it anew: cs stop",
            ),
            LocalError::System(_) => (
                Kind::Storage,
                "Check the permissions of ~/.claude-share, and whether the session still runs: cs list-sessions",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_server_is_told_how_to_get_one() {
        let none = of_settings(ClientError::NoProfiles);
        assert_eq!(none.kind, Kind::NotFound);
        assert!(none.hint.contains("claude-share client init USER@HOST"));
        let unknown = of_settings(ClientError::NoProfile("x".to_owned()));
        assert!(unknown.message.contains("\"x\"") && unknown.kind == Kind::NotFound);
    }

    #[test]
    fn a_daemon_of_another_version_is_told_how_to_end() {
        let other = CliError::from(LocalError::Version { theirs: 9 });
        assert!(other.message.contains("cs stop"), "{other:?}");
        assert_eq!(CliError::from(LocalError::Closed).kind, Kind::NotFound);
    }
}
