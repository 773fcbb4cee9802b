//! A program's connection to a daemon.

use std::io;
use std::time::Duration;

use connection::relay::{self, PlaceError};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::{ClientError, Session};
use crate::daemon::socket_name;
use crate::local::{FromDaemon, LocalError, MessageReader, MessageWriter, ToDaemon};

/// How long a daemon may take to say which version it is of: the first that it says to anybody, whatever it is busy with.
const GREETING: Duration = Duration::from_secs(10);

/// Says something to a daemon.
pub type LocalSender = MessageWriter<OwnedWriteHalf, ToDaemon>;
/// Hears what a daemon says.
pub type LocalReceiver = MessageReader<OwnedReadHalf, FromDaemon>;

/// A connection to a session's daemon, which is of the same version.
#[derive(Debug)]
pub struct LocalConnection {
    sender: LocalSender,
    receiver: LocalReceiver,
}

impl Session {
    /// Connects to its daemon. Inside of a tokio runtime.
    ///
    /// # Errors
    /// If it is not running, or of another version; [`ClientError::NoAnswer`] if it says nothing for ten seconds.
    pub async fn connect(&self) -> Result<LocalConnection, ClientError> {
        let stream = relay::connect(&self.places.daemons(), &socket_name(&self.name));
        let stream = stream.map_err(|error| match error {
            PlaceError::System(error) if is_nobody(&error) => {
                ClientError::NotRunning(self.name.to_string())
            }
            PlaceError::System(error) => error.into(),
            other => io::Error::other(other).into(),
        })?;
        stream.set_nonblocking(true)?;
        let (reads, writes) = UnixStream::from_std(stream)?.into_split();
        let greeting = async {
            let sender = MessageWriter::begin(writes).await?;
            let receiver = MessageReader::begin(reads).await?;
            Ok(LocalConnection { sender, receiver })
        };
        timeout(GREETING, greeting)
            .await
            .unwrap_or_else(|_| Err(self.gives_no_answer()))
    }

    /// That its daemon has not answered in time.
    #[must_use]
    pub fn gives_no_answer(&self) -> ClientError {
        ClientError::NoAnswer {
            session: self.name.to_string(),
            pid: self.record.pid,
        }
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

impl LocalConnection {
    /// Says `message`.
    ///
    /// # Errors
    /// If the daemon has hung up.
    pub async fn send(&mut self, message: &ToDaemon) -> Result<(), LocalError> {
        self.sender.send(message).await
    }

    /// What the daemon says next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the daemon has hung up.
    pub async fn next(&mut self) -> Result<FromDaemon, LocalError> {
        self.receiver.next().await
    }

    /// Says `message` and gives what the daemon says next.
    ///
    /// # Errors
    /// As both.
    pub async fn ask(&mut self, message: &ToDaemon) -> Result<FromDaemon, LocalError> {
        self.send(message).await?;
        self.next().await
    }

    /// Both directions, each on its own.
    #[must_use]
    pub fn split(self) -> (LocalSender, LocalReceiver) {
        (self.sender, self.receiver)
    }
}
