//! How failures of the library are told.

use client::{ClientError, DestinationError};

use crate::error::{CliError, Kind};

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let (kind, hint) = match error {
            ClientError::File(source) => return source.into(),
            ClientError::Name(source) => return source.into(),
            ClientError::Destination(source) => return source.into(),
            ClientError::Settings { .. } => (
                Kind::Storage,
                "Correct it, or move it away and set up again: claude-share client init USER@HOST",
            ),
            ClientError::NoProfile(_) => (
                Kind::NotFound,
                "`claude-share client status` shows what there is.",
            ),
            ClientError::NoProfiles => (
                Kind::NotFound,
                "Set one up: claude-share client init USER@HOST",
            ),
            ClientError::Taken(_) => (
                Kind::Conflict,
                "Give another one with --name, or take that one off: claude-share client remove NAME",
            ),
            ClientError::Busy(_) => (Kind::Busy, "Wait until it has ended, then try again."),
            ClientError::Key { .. } => (
                Kind::Input,
                "Give another one with --identity, or none: one is made then.",
            ),
            ClientError::Program { .. } => (
                Kind::Storage,
                "Check that it is installed and in PATH: live sessions need OpenSSH's client.",
            ),
            ClientError::Unreachable { .. } => (
                Kind::Network,
                "See whether plain `ssh` gets there, then try again: what is done already is not done twice.",
            ),
            ClientError::Remote { .. } => (
                Kind::Server,
                "Put right what it complains of, there, then try again.",
            ),
            ClientError::System { .. } => (
                Kind::Storage,
                "Check permissions there, and whether the disk is full or read-only.",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

impl From<DestinationError> for CliError {
    fn from(error: DestinationError) -> Self {
        Self::new(
            Kind::Input,
            error.to_string(),
            "Give USER@HOST, USER@HOST:PORT, or a name of ~/.ssh/config.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_has_a_code_and_a_hint() {
        let text = || "st@host".to_owned();
        for (error, code) in [
            (ClientError::NoProfiles, 3),
            (ClientError::NoProfile(text()), 3),
            (ClientError::Taken(text()), 4),
            (DestinationError::NoHost.into(), 9),
            (
                ClientError::Unreachable {
                    destination: text(),
                    problem: text(),
                },
                8,
            ),
            (
                ClientError::Remote {
                    destination: text(),
                    problem: text(),
                },
                13,
            ),
        ] {
            let shown = CliError::from(error);
            assert_eq!(shown.kind.exit_code(), code, "{shown:?}");
            assert!(!shown.hint.is_empty(), "{shown:?}");
        }
    }
}
