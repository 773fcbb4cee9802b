//! The side of who asks.

use std::io;
use std::time::Duration;

use connection::relay::{self, PlaceError};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::{FromAgent, ToAgent};
use crate::agent::{self, AgentError, control_name};
use crate::local::{LocalError, MessageReader, MessageWriter};
use crate::{Places, SessionName};

/// How long an agent may take to say which version it is of.
const GREETING: Duration = Duration::from_secs(10);
/// How long it may take for an answer, beyond what the request lets it wait for the laptop.
const ANSWERING: Duration = Duration::from_secs(90);

/// Why an agent was not asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// This user has no agent of that session here.
    #[error("this server has no live session {session}")]
    NoSuchSession {
        /// The name.
        session: String,
        /// Those that there are.
        others: Vec<String>,
    },
    /// It is there, and says nothing.
    #[error("the agent of the session does not answer")]
    Silent,
    /// It says something else than was asked.
    #[error("the agent of the session does not answer what it was asked")]
    Senseless,
    /// What is said to it or by it.
    #[error("{}", said(.0))]
    Local(#[from] LocalError),
    /// The agents of this user cannot be looked for.
    #[error(transparent)]
    Agents(#[from] AgentError),
}

/// What is common to all sockets speaks of daemons.
fn said(error: &LocalError) -> String {
    match error {
        LocalError::Closed => "the agent of the session has hung up".to_owned(),
        other => other.to_string(),
    }
}

/// A connection to a session's agent on this server, which is of the same version.
#[derive(Debug)]
pub struct AgentConnection {
    sender: MessageWriter<OwnedWriteHalf, ToAgent>,
    receiver: MessageReader<OwnedReadHalf, FromAgent>,
}

impl AgentConnection {
    /// Connects to the agent of this user's `session`. Inside of a tokio runtime.
    ///
    /// # Errors
    /// If there is none, or it does not answer, or is of another version.
    pub async fn connect(places: &Places, session: &SessionName) -> Result<Self, ControlError> {
        let stream = match relay::connect(&places.agents(), &control_name(session)) {
            Ok(stream) => stream,
            Err(PlaceError::System(error)) if is_nobody(&error) => {
                return Err(missing(places, session));
            }
            Err(error) => return Err(AgentError::Socket(error).into()),
        };
        stream.set_nonblocking(true).map_err(LocalError::System)?;
        let stream = UnixStream::from_std(stream).map_err(LocalError::System)?;
        let (reads, writes) = stream.into_split();
        let greeting = async {
            let sender = MessageWriter::begin(writes).await?;
            let receiver = MessageReader::begin(reads).await?;
            Ok(Self { sender, receiver })
        };
        let greeted = timeout(GREETING, greeting).await;
        greeted.map_err(|_| ControlError::Silent)?
    }

    /// Says `message` and gives the answer.
    ///
    /// # Errors
    /// If none comes.
    pub async fn ask(&mut self, message: &ToAgent) -> Result<FromAgent, ControlError> {
        let waiting = match message {
            ToAgent::Mount { limit_ms } | ToAgent::Unmount { limit_ms } => *limit_ms,
            ToAgent::Version(_) | ToAgent::Status => 0,
        };
        let limit = ANSWERING.saturating_add(Duration::from_millis(waiting));
        let asking = async {
            self.sender.send(message).await?;
            self.receiver.next().await
        };
        let answered = timeout(limit, asking).await;
        Ok(answered.map_err(|_| ControlError::Silent)??)
    }
}

fn is_nobody(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused
}

/// Nobody listens: there is no agent, or it is one that listens for nobody.
fn missing(places: &Places, session: &SessionName) -> ControlError {
    let living = match agent::list(places) {
        Ok(living) => living,
        Err(error) => return error.into(),
    };
    let names = living.into_iter().map(|agent| agent.session);
    let others: Vec<String> = names.collect();
    if others.iter().any(|name| name == session.as_str()) {
        return ControlError::Silent;
    }
    ControlError::NoSuchSession {
        session: session.to_string(),
        others,
    }
}
