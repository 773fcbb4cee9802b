//! Messages on a stream of bytes.

use std::io;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{FromDaemon, ToDaemon, VERSION};

/// The longest message, in bytes.
pub const LARGEST: usize = 1 << 20;
/// How many bytes say how long it is.
const HEAD: usize = 4;
/// How much is read at once.
const PIECE: usize = 16 << 10;

/// Why a message was not said or heard.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Nothing follows: the other side has hung up.
    #[error("the session's daemon has hung up")]
    Closed,
    /// The other side is of another version.
    #[error(
        "the other program is of another version ({theirs}, this one's is {VERSION}): end the session with the program that started it (`cs stop`), and start it anew"
    )]
    Version {
        /// The other side's.
        theirs: u32,
    },
    /// The other side says what is no message.
    #[error("what comes from the other program cannot be understood")]
    Unintelligible,
    /// The message is longer than any may be.
    #[error("a message is too long: {LARGEST} bytes are the most")]
    TooLong,
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Something that is said.
pub trait LocalMessage: Serialize + DeserializeOwned {
    /// The first message.
    fn version() -> Self;
    /// Which version it says, if it is the first message.
    fn said_version(&self) -> Option<u32>;
}

impl LocalMessage for ToDaemon {
    fn version() -> Self {
        Self::Version(VERSION)
    }

    fn said_version(&self) -> Option<u32> {
        match self {
            Self::Version(version) => Some(*version),
            _ => None,
        }
    }
}

impl LocalMessage for FromDaemon {
    fn version() -> Self {
        Self::Version(VERSION)
    }

    fn said_version(&self) -> Option<u32> {
        match self {
            Self::Version(version) => Some(*version),
            _ => None,
        }
    }
}

/// Says messages.
#[derive(Debug)]
pub struct MessageWriter<Stream, Message> {
    stream: Stream,
    says: PhantomData<fn(&Message)>,
}

impl<Stream: AsyncWrite + Unpin, Message: LocalMessage> MessageWriter<Stream, Message> {
    /// One that says its version first.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn begin(stream: Stream) -> Result<Self, LocalError> {
        let says = PhantomData;
        let mut writer = Self { stream, says };
        writer.send(&Message::version()).await?;
        Ok(writer)
    }

    /// Says `message`. Waits while the other side takes nothing; dropping the future before it is done spoils the stream.
    ///
    /// # Errors
    /// If it is too long, or the other side has hung up.
    pub async fn send(&mut self, message: &Message) -> Result<(), LocalError> {
        let mut bytes = vec![0; HEAD];
        bytes = postcard::to_extend(message, bytes).map_err(|_| LocalError::Unintelligible)?;
        let length = bytes.len() - HEAD;
        if length > LARGEST {
            return Err(LocalError::TooLong);
        }
        let head = u32::try_from(length).map_err(|_| LocalError::TooLong)?;
        bytes[..HEAD].copy_from_slice(&head.to_be_bytes());
        match self.stream.write_all(&bytes).await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(LocalError::Closed),
            written => Ok(written?),
        }
    }
}

/// Hears messages.
#[derive(Debug)]
pub struct MessageReader<Stream, Message> {
    stream: Stream,
    /// What has come and is no whole message yet.
    come: Vec<u8>,
    hears: PhantomData<fn() -> Message>,
}

impl<Stream: AsyncRead + Unpin, Message: LocalMessage> MessageReader<Stream, Message> {
    /// One that has heard which version the other side is of, and that it is this one's.
    ///
    /// # Errors
    /// If it is another, or no message comes.
    pub async fn begin(stream: Stream) -> Result<Self, LocalError> {
        let mut reader = Self {
            stream,
            come: Vec::new(),
            hears: PhantomData,
        };
        match reader.next().await?.said_version() {
            Some(VERSION) => Ok(reader),
            Some(theirs) => Err(LocalError::Version { theirs }),
            None => Err(LocalError::Unintelligible),
        }
    }

    /// The next message. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the other side has hung up, or what comes is no message: then nothing more can be heard.
    pub async fn next(&mut self) -> Result<Message, LocalError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            self.come.reserve(PIECE);
            let length = match self.stream.read_buf(&mut self.come).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                read => read?,
            };
            if length == 0 {
                return Err(LocalError::Closed);
            }
        }
    }

    fn take(&mut self) -> Result<Option<Message>, LocalError> {
        let Some((head, rest)) = self.come.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > LARGEST {
            return Err(LocalError::TooLong);
        }
        let Some(bytes) = rest.get(..length) else {
            return Ok(None);
        };
        let Ok((message, [])) = postcard::take_from_bytes(bytes) else {
            return Err(LocalError::Unintelligible);
        };
        self.come.drain(..HEAD + length);
        Ok(Some(message))
    }
}
