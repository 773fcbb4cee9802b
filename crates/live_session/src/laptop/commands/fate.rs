//! How far a command is.

/// How a command has ended: its exit status or its signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

/// How far a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Runs,
    /// It has ended. What it has started may still run.
    Ended(Status),
    /// Nothing of it runs any more.
    Gone(Status),
}

impl Fate {
    pub(super) fn has_ended(self) -> bool {
        self != Self::Runs
    }

    pub(super) fn is_gone(self) -> bool {
        matches!(self, Self::Gone(_))
    }

    /// How it has ended, if it has.
    pub(super) fn status(self) -> Option<Status> {
        match self {
            Self::Runs => None,
            Self::Ended(status) | Self::Gone(status) => Some(status),
        }
    }
}
