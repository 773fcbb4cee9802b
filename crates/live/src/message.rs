//! What is said, and in which lane.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::commands::{Command, News, Order};
use crate::programs::{Input, Output, Viewer};
use crate::{Lane, control, files};

/// Contents up to so many bytes go with names and attributes: a small file is not worth waiting for.
const LARGEST_SMALL: usize = 4 << 10;

/// What the server says to the laptop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLaptop {
    /// A request of files, with a number that its answer has.
    File(u64, files::Request),
    /// What has come of the wish with this number.
    Control(u64, Result<control::Reply, control::Failure>),
    /// What a program says to a viewer.
    Program(Viewer, Output),
    /// How much of what a viewer typed the program has taken since that viewer came, in bytes.
    Taken(Viewer, u64),
    /// What is said of a command that runs on the laptop, or is to.
    Command(Command, Order),
    /// Whoever asked for the files up to this number was told that it has failed: what was not begun of it is not to be done
    /// any more, but for what was open, which is to be closed.
    GivenUp(u64),
}

/// What the laptop says to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToServer {
    /// What has come of the request with this number.
    File(u64, files::Outcome),
    /// What has changed on the laptop, in order.
    Changed(Vec<files::Change>),
    /// A wish, with a number that its answer has.
    Control(u64, control::Request),
    /// What a viewer says to its program.
    Program(Viewer, Input),
    /// How a command on the laptop fares.
    Command(Command, News),
}

/// Whether a request was numbered no later than `last`. Numbers begin anywhere, and go on from the largest with 0.
#[must_use]
pub fn is_up_to(number: u64, last: u64) -> bool {
    last.wrapping_sub(number) <= u64::MAX / 2
}

/// Something that is said.
pub trait Message: Serialize + for<'de> Deserialize<'de> {
    /// The lane that it goes in.
    fn lane(&self) -> Lane;

    /// As bytes.
    fn encode(&self) -> Bytes {
        // Fails for nothing that is made of numbers, bytes and lists of known length.
        postcard::to_stdvec(self).unwrap_or_default().into()
    }

    /// What these bytes say.
    ///
    /// # Errors
    /// If that is nothing.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match postcard::take_from_bytes(bytes) {
            Ok((message, [])) => Ok(message),
            _ => Err(DecodeError),
        }
    }
}

/// A message that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end says what cannot be understood")]
pub struct DecodeError;

impl Message for ToLaptop {
    fn lane(&self) -> Lane {
        match self {
            Self::File(_, files::Request::Write { .. } | files::Request::WriteAndSet { .. }) => {
                Lane::Bulk
            }
            Self::File(..) => Lane::Metadata,
            Self::Program(..)
            | Self::Taken(..)
            | Self::Command(
                _,
                Order::Signal(_)
                | Order::Resize(_)
                | Order::Seen(_)
                | Order::Unread(_)
                | Order::End,
            ) => Lane::Terminal,
            // What takes it back is not to come before it.
            Self::Command(
                command,
                Order::Start(_) | Order::TakenBack | Order::Input(_) | Order::InputEnded,
            ) => command.lane(),
            // It is to come before what it is about, which is sent again after a cut.
            Self::Control(..) | Self::GivenUp(_) => Lane::Control,
        }
    }
}

impl Message for ToServer {
    fn lane(&self) -> Lane {
        match self {
            Self::File(_, Ok(files::Reply::Bytes(bytes))) if bytes.len() > LARGEST_SMALL => {
                Lane::Bulk
            }
            Self::File(
                _,
                Ok(files::Reply::Entries { .. } | files::Reply::Tree(_) | files::Reply::Files(_)),
            ) => Lane::Bulk,
            Self::File(..) | Self::Changed(_) | Self::Command(_, News::Settled) => Lane::Metadata,
            Self::Command(_, News::Taken(_)) => Lane::Terminal,
            Self::Command(command, _) => command.lane(),
            // What was typed before comes before it.
            Self::Program(..) | Self::Control(_, control::Request::Detach(_)) => Lane::Terminal,
            Self::Control(..) => Lane::Control,
        }
    }
}
