//! What answers have in them.

use live::files::{Attributes, ErrorNumber, Handle, Outcome, Reply};

use crate::errors;

/// What was opened, if anything was.
pub(crate) fn opened_by(outcome: &Outcome) -> Option<Handle> {
    match outcome {
        Ok(Reply::Opened { handle, .. } | Reply::Created { handle, .. }) => Some(*handle),
        _ => None,
    }
}

/// What was asked for, and what the directories are like that it was done in, if that is told.
pub(crate) fn split(outcome: Outcome) -> (Outcome, Vec<Attributes>) {
    match outcome.map(Reply::split) {
        Ok((reply, directories)) => (Ok(reply), directories),
        Err(error) => (Err(error), Vec::new()),
    }
}

/// What was opened.
pub(crate) fn opened(outcome: Outcome) -> Result<(Handle, Attributes), ErrorNumber> {
    match outcome? {
        Reply::Opened { handle, attributes } => Ok((handle, attributes)),
        _ => Err(errors::INPUT_OUTPUT),
    }
}

/// The attributes that were asked for.
pub(crate) fn attributes(outcome: Outcome) -> Result<Attributes, ErrorNumber> {
    match outcome? {
        Reply::Attributes(attributes) => Ok(attributes),
        _ => Err(errors::INPUT_OUTPUT),
    }
}

/// Whether it was done.
pub(crate) fn done(outcome: Outcome) -> Result<(), ErrorNumber> {
    match outcome? {
        Reply::Done => Ok(()),
        _ => Err(errors::INPUT_OUTPUT),
    }
}

/// The bytes that were asked for.
pub(crate) fn bytes(outcome: Outcome) -> Result<bytes::Bytes, ErrorNumber> {
    match outcome? {
        Reply::Bytes(bytes) => Ok(bytes),
        _ => Err(errors::INPUT_OUTPUT),
    }
}

/// How many bytes it was done to.
pub(crate) fn count(outcome: Outcome) -> Result<u32, ErrorNumber> {
    match outcome? {
        Reply::Count(count) => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
        _ => Err(errors::INPUT_OUTPUT),
    }
}
