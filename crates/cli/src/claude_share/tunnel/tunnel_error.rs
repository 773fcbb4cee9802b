//! How failures of agents are told.

use std::time::Duration;

use live_process::SessionName;
use live_process::agent::control::{ControlError, Refusal};
use live_process::local::LocalError;

use crate::error::{CliError, Kind};
use crate::time;

/// What an agent does not do.
pub(super) fn of_refusal(session: &SessionName, refusal: Refusal) -> CliError {
    match refusal {
        Refusal::NotConnected { since_ms } => {
            let since = time::duration(Duration::from_millis(since_ms));
            CliError::new(
                Kind::Network,
                format!("the laptop of {session} is not connected, for {since} now"),
                "It connects again by itself as soon as it can: try again then.",
            )
        }
        Refusal::Failed { message, hint } => CliError::new(Kind::Server, message, hint),
    }
}

/// The session that was named is not there.
pub(super) fn no_session(session: &str, others: &[String]) -> CliError {
    let hint = match others {
        [] => "Start one on the laptop: claude-share tunnel serve".to_owned(),
        others => format!("There is: {}", others.join(", ")),
    };
    CliError::new(
        Kind::NotFound,
        format!("there is no live session {session} here"),
        hint,
    )
}

impl From<ControlError> for CliError {
    fn from(error: ControlError) -> Self {
        let (kind, hint) = match error {
            ControlError::NoSuchSession { session, others } => {
                return no_session(&session, &others);
            }
            ControlError::Agents(source) => return source.into(),
            ControlError::Silent | ControlError::Local(LocalError::Closed) => (
                Kind::Network,
                "Try again in a moment; if that does not help, end the session on the laptop: cs stop",
            ),
            ControlError::Local(LocalError::Version { .. }) => (Kind::Conflict, ""),
            ControlError::Senseless | ControlError::Local(_) => (
                Kind::Internal,
                "End the session on the laptop, and start it anew: cs stop",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_another_session_is_told_which_there_are() {
        let error = |others: &[&str]| {
            CliError::from(ControlError::NoSuchSession {
                session: "x".to_owned(),
                others: others.iter().map(|&name| name.to_owned()).collect(),
            })
        };
        assert_eq!(error(&[]).kind, Kind::NotFound);
        assert!(error(&[]).hint.contains("tunnel serve"));
        assert_eq!(error(&["a-1", "b-2"]).hint, "There is: a-1, b-2");
    }

    #[test]
    fn a_laptop_that_is_not_there_is_the_networks() {
        let session = SessionName::new("a-1").unwrap();
        let refusal = Refusal::NotConnected { since_ms: 72_000 };
        let error = of_refusal(&session, refusal);
        assert_eq!(error.kind, Kind::Network);
        assert_eq!(
            error.message,
            "the laptop of a-1 is not connected, for 1m12s now"
        );
    }
}
