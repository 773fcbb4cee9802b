//! How streams and sessions end.

use std::io;

use live::message::DecodeError;
use live::{LinkError, TooLong};

/// How a stream ended as it was meant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The other end has ended the session, for a reason in words. They are its words: make them printable before they
    /// are shown.
    Goodbye(String),
    /// This end has, and said so.
    SaidGoodbye,
    /// A newer stream has taken the place of this one.
    Replaced,
}

/// Why a stream is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The other end, or what carried the stream, has closed it.
    #[error("the connection was closed")]
    Closed,
    /// Reading or writing failed, or there was no stream to be had. Of `ssh` this holds an
    /// [`SshError`](crate::ssh::SshError).
    #[error("{0}")]
    Stream(#[from] io::Error),
    /// Nothing has come for [`live::SILENCE`], or not even a first byte for [`GREETING`](crate::GREETING).
    #[error("the other end was not heard of any more")]
    Silent,
    /// The other end is of another version or session, or breaks the protocol.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The other end said what is no message. The message is gone, so the session cannot go on.
    #[error(transparent)]
    Unintelligible(#[from] DecodeError),
}

impl ConnectionError {
    /// Whether no later stream to the same other end can do better.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Link(LinkError::Version { .. } | LinkError::Session)
            | Self::Unintelligible(_) => true,
            Self::Link(LinkError::Frame(_) | LinkError::Broken(_)) => false,
            Self::Closed | Self::Stream(_) | Self::Silent => false,
        }
    }
}

/// Why a message was not taken to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is longer than any may be.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The session has ended.
    #[error("the session has ended")]
    Over,
}
