//! What a shim and the session's agent say to each other.
//!
//! A message is its length in four bytes, the highest first, and as many bytes of `postcard`. The first message of each
//! side is its `Version`, which is the same bytes in every version; neither waits for the other's before it goes on.

use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};
use live::commands::{End, LARGEST_PIECE, LARGEST_START};
use live::programs::{Size, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of all that is said here.
pub const VERSION: u32 = 3;
/// The longest message, in bytes.
pub const LARGEST: usize = LARGEST_START + LARGEST_PIECE;
/// What the length takes, in bytes.
const HEAD: usize = 4;

/// What a shim says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromShim {
    /// The first message. Stays the first of these.
    Version(u32),
    /// The second: what was typed. Answered with `Here`, `Refused` or `Started`.
    Start(Box<Typed>),
    /// Of its standard input, once it was told `Started`: at most [`live::commands::WINDOW`] bytes more than were taken.
    Input(Bytes),
    /// Nothing more follows of that.
    InputEnded,
    /// The terminal has this size now.
    Resize(Size),
    /// A signal that it got, by its number on Linux, to be passed on.
    Signal(i32),
    /// Nobody reads that of its output any more.
    Unread(Stream),
}

/// A command as it was typed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typed {
    /// Its name, without a directory.
    pub name: Bytes,
    /// The words behind that.
    pub arguments: Vec<Bytes>,
    /// Where: the path as the kernel has it, without links.
    pub directory: Bytes,
    /// Of the environment, name and value, what [`proxy::environment::passes`].
    pub environment: Vec<(Bytes, Bytes)>,
    /// Standard input, output and errors.
    pub streams: [End; 3],
    /// The size of the terminal, if any of them is one.
    pub size: Option<Size>,
    /// The umask.
    pub umask: u32,
    /// Which of the streams are pipes that come along with this, as descriptors in this order: for the agent to read and write
    /// itself.
    pub are_sent: [bool; 3],
}

/// What the agent says to a shim.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToShim {
    /// The first message. Stays the first of these.
    Version(u32),
    /// It is not for the laptop: become the server's own. Nothing follows.
    Here,
    /// It is not to run at all. The words can be shown. Nothing follows.
    Refused {
        /// Why.
        message: String,
        /// What to do about it; empty if nobody knows.
        hint: String,
    },
    /// It runs on the laptop.
    Started {
        /// The agent reads its standard input itself.
        reads_input: bool,
    },
    /// It has output this.
    Output {
        /// Where. What goes to the terminal is of the stream that is one: [`Stream::Out`] if both are; of none if neither is.
        stream: Stream,
        /// What.
        bytes: Bytes,
    },
    /// So much of the input that the shim has said has been taken: in bytes, since it began.
    Taken(u64),
    /// This signal, by its number on Linux, has stopped it.
    Stopped(i32),
    /// It goes on.
    Continued,
    /// It has ended, all that it has output was said, and what it has changed shows in the mounts. Nothing follows.
    Ended {
        /// Its exit status, if it exited.
        code: Option<i32>,
        /// The signal that killed it, if one did.
        signal: Option<i32>,
        /// How much of its input it has read: in bytes, since it began.
        read: u64,
    },
    /// Nobody knows how it has ended, or whether: there was no connection to the laptop for too long, or the laptop's part
    /// of the session was started anew. The words can be shown. Nothing follows.
    Lost(String),
}

/// What was said cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is said over the session's socket cannot be understood")]
pub struct ProtocolError;

/// A message as it is sent.
///
/// # Errors
/// If it is longer than [`LARGEST`].
pub fn encode(message: &impl Serialize) -> Result<Bytes, ProtocolError> {
    let mut bytes = vec![0; HEAD];
    bytes = postcard::to_extend(message, bytes).map_err(|_| ProtocolError)?;
    let length = bytes.len() - HEAD;
    if length > LARGEST {
        return Err(ProtocolError);
    }
    let head = u32::try_from(length).map_err(|_| ProtocolError)?;
    bytes[..HEAD].copy_from_slice(&head.to_be_bytes());
    Ok(bytes.into())
}

/// Takes the next message from the beginning of what has come; `None` if not all of it has.
///
/// # Errors
/// If it is too long, or says nothing: then nothing more can be understood.
pub fn decode<T: DeserializeOwned>(come: &mut BytesMut) -> Result<Option<T>, ProtocolError> {
    let Some(head) = come.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*head)).map_err(|_| ProtocolError)?;
    if length > LARGEST {
        return Err(ProtocolError);
    }
    if come.len() < HEAD + length {
        return Ok(None);
    }
    come.advance(HEAD);
    let message = come.split_to(length).freeze();
    match postcard::take_from_bytes(&message) {
        Ok((message, [])) => Ok(Some(message)),
        _ => Err(ProtocolError),
    }
}

/// Words and environment may be secrets: only how many there are is shown.
impl fmt::Debug for Typed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Typed")
            .field("name", &self.name)
            .field("arguments", &self.arguments.len())
            .field("directory", &self.directory)
            .field("environment", &self.environment.len())
            .field("streams", &self.streams)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// What is typed may be a password: only its length is shown.
impl fmt::Debug for FromShim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(formatter, "Version({version})"),
            Self::Start(typed) => write!(formatter, "Start({typed:?})"),
            Self::Input(bytes) => write!(formatter, "Input({} bytes)", bytes.len()),
            Self::InputEnded => formatter.write_str("InputEnded"),
            Self::Resize(size) => write!(formatter, "Resize({size:?})"),
            Self::Signal(signal) => write!(formatter, "Signal({signal})"),
            Self::Unread(stream) => write!(formatter, "Unread({stream:?})"),
        }
    }
}

/// What a command outputs may be a secret: only its length is shown.
impl fmt::Debug for ToShim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(formatter, "Version({version})"),
            Self::Here => formatter.write_str("Here"),
            Self::Refused { message, .. } => write!(formatter, "Refused({message:?})"),
            Self::Started { reads_input } => {
                write!(formatter, "Started(reads_input {reads_input})")
            }
            Self::Output { stream, bytes } => {
                write!(formatter, "Output({stream:?}, {} bytes)", bytes.len())
            }
            Self::Taken(taken) => write!(formatter, "Taken({taken})"),
            Self::Stopped(signal) => write!(formatter, "Stopped({signal})"),
            Self::Continued => formatter.write_str("Continued"),
            Self::Ended { code, signal, read } => {
                write!(
                    formatter,
                    "Ended(code {code:?}, signal {signal:?}, read {read})"
                )
            }
            Self::Lost(why) => write!(formatter, "Lost({why:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_whole_or_not_yet() {
        let said = ToShim::Output {
            stream: Stream::Err,
            bytes: Bytes::from(vec![7; 300]),
        };
        let bytes = encode(&said).unwrap();
        for length in 0..bytes.len() {
            let mut come = BytesMut::from(&bytes[..length]);
            assert_eq!(decode::<ToShim>(&mut come), Ok(None), "{length}");
        }
        let mut come = BytesMut::from(&[&bytes[..], &bytes[..5]].concat()[..]);
        assert_eq!(decode(&mut come), Ok(Some(said)));
        assert_eq!(come.len(), 5);
    }

    #[test]
    fn what_is_too_long_or_says_nothing_is_refused() {
        for bytes in [
            &[0xff, 0xff, 0xff, 0xff][..],
            &[0, 0, 0, 1, 0xff],
            &[0, 0, 0, 3, 1, 0, 0],
        ] {
            assert_eq!(
                decode::<ToShim>(&mut BytesMut::from(bytes)),
                Err(ProtocolError)
            );
        }
        let long = FromShim::Input(vec![0; LARGEST].into());
        assert_eq!(encode(&long), Err(ProtocolError));
    }

    #[test]
    fn what_is_typed_and_output_is_not_shown() {
        let secret = || Bytes::from_static(b"secret");
        let typed = Typed {
            name: "npm".into(),
            arguments: vec![secret()],
            directory: "/".into(),
            environment: vec![(secret(), secret())],
            streams: [End::Nothing; 3],
            size: None,
            umask: 0,
            are_sent: [false; 3],
        };
        let output = ToShim::Output {
            stream: Stream::Out,
            bytes: secret(),
        };
        let shown = [
            format!("{:?}", FromShim::Start(Box::new(typed))),
            format!("{:?}", FromShim::Input(secret())),
            format!("{output:?}"),
        ];
        assert!(
            shown.iter().all(|shown| !shown.contains("secret")),
            "{shown:?}"
        );
        assert_eq!(shown[1..], ["Input(6 bytes)", "Output(Out, 6 bytes)"]);
    }
}
