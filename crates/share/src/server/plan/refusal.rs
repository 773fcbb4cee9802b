//! Why there is no plan.

use std::fmt;

/// What kind of reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Something is not there.
    NotFound,
    /// Something is there, or is otherwise than was said.
    Conflict,
    /// What was asked cannot be.
    Input,
}

/// Why there is no plan, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of reason it is.
    pub kind: RefusalKind,
    /// What is in the way.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Refusal {
    pub(super) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, message, hint)
    }

    pub(super) fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, message, hint)
    }

    pub(super) fn input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(RefusalKind::Input, message, hint)
    }

    fn new(kind: RefusalKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(super) fn not_set_up() -> Self {
        Self::not_found(
            "this server is not set up",
            "Set it up first: sudo claude-share server init",
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
