//! What answers the shims: programs on the server that stand for commands of the laptop.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use bytes::BytesMut;
use connection::relay::Socket;
use live_session::server::{self, Commands, RunningCommand};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use shim::protocol::{FromShim, ProtocolError, ToShim, Typed, VERSION, decode, encode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::detached;

#[cfg(test)]
mod tests;

/// How many may be connected at once. Others wait. Of the descriptors that this process may have, they take no more than half:
/// the laptop comes back over one.
const MOST: usize = 1024;
/// How long one may take to say what was typed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody is accepted after that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// After how much output the laptop is told that it was passed on, in bytes, while there is more.
const SEEN_AFTER: u64 = 32 << 10;
/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// Why a shim was hung up on.
#[derive(Debug, thiserror::Error)]
enum ShimError {
    /// It has gone.
    #[error("it has hung up")]
    Gone,
    #[error("it said nothing")]
    Silent,
    #[error("it said what has no place there")]
    Senseless,
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Answers whoever connects. Dropping the future hangs up on all of them, which ends what they stand for.
pub(super) async fn serve(commands: Commands, socket: Socket) {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(descriptors / 2).map_or(MOST, |half| half.min(MOST));
    let mut connected = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept(), if connected.len() < most => match accepted {
                Ok(stream) => {
                    let commands = commands.clone();
                    connected.spawn(async move { answer(&commands, stream).await });
                }
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connected.join_next() => {}
        }
    }
}

async fn answer(commands: &Commands, stream: impl AsyncRead + AsyncWrite) {
    match talk(commands, stream).await {
        Ok(()) | Err(ShimError::Gone) => {}
        Err(error) => detached::log(&format!("a shim was hung up on: {error}")),
    }
}

async fn talk(commands: &Commands, stream: impl AsyncRead + AsyncWrite) -> Result<(), ShimError> {
    let (reads, writes) = split(stream);
    let mut writer = Writer { writes };
    let mut reader = Reader {
        reads,
        come: BytesMut::new(),
    };
    // Before anything is read: one of another version learns which this is.
    writer.say(&ToShim::Version(VERSION)).await?;
    match in_time(reader.next()).await? {
        FromShim::Version(VERSION) => {}
        FromShim::Version(_) => {
            let refused = ToShim::Refused {
                message: "claude-share was replaced by another version on this server".to_owned(),
                hint: "Start the session anew on the laptop: cs stop, cs live".to_owned(),
            };
            return writer.say(&refused).await;
        }
        _ => return Err(ShimError::Senseless),
    }
    let FromShim::Start(typed) = in_time(reader.next()).await? else {
        return Err(ShimError::Senseless);
    };
    let running = commands.start(told(*typed));
    tokio::select! {
        // Hung up: dropped, it ends.
        gone = listen(&mut reader, &running) => gone,
        ended = speak(&mut writer, &running) => ended,
    }
}

/// Passes on what a shim says, until it says no more.
async fn listen(
    reader: &mut Reader<impl AsyncRead + Unpin>,
    running: &RunningCommand,
) -> Result<(), ShimError> {
    loop {
        match reader.next().await? {
            FromShim::Input(bytes) => {
                running.room().await;
                running.input(bytes);
            }
            FromShim::InputEnded => running.input_ended(),
            FromShim::Resize(size) => running.resize(size),
            FromShim::Signal(signal) => running.signal(signal),
            FromShim::Version(_) | FromShim::Start(_) => return Err(ShimError::Senseless),
        }
    }
}

/// Tells a shim how its command fares, to the end.
async fn speak(
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    running: &RunningCommand,
) -> Result<(), ShimError> {
    let (mut written, mut seen) = (0, 0);
    while let Some(told) = running.next().await {
        let length = match &told {
            server::Told::Output { bytes, .. } => bytes.len() as u64,
            _ => 0,
        };
        writer.say(&said(told)).await?;
        written += length;
        if written - seen >= SEEN_AFTER || (written > seen && running.is_quiet()) {
            running.seen(written);
            seen = written;
        }
    }
    // Fails for one that has gone, which is as well.
    writer.writes.shutdown().await.ok();
    Ok(())
}

struct Reader<R> {
    reads: R,
    /// What has come of messages that are not whole.
    come: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// The next message. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<FromShim, ShimError> {
        loop {
            if let Some(message) = decode(&mut self.come)? {
                return Ok(message);
            }
            self.come.reserve(PIECE);
            match self.reads.read_buf(&mut self.come).await {
                Ok(0) => return Err(ShimError::Gone),
                Ok(_) => {}
                Err(error) if is_gone(&error) => return Err(ShimError::Gone),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Writer<W> {
    writes: W,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    async fn say(&mut self, message: &impl Serialize) -> Result<(), ShimError> {
        match self.writes.write_all(&encode(message)?).await {
            Err(error) if is_gone(&error) => Err(ShimError::Gone),
            said => Ok(said?),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::BrokenPipe || kind == io::ErrorKind::ConnectionReset
}

async fn in_time<T>(saying: impl Future<Output = Result<T, ShimError>>) -> Result<T, ShimError> {
    timeout(PATIENCE, saying)
        .await
        .unwrap_or(Err(ShimError::Silent))
}

fn told(typed: Typed) -> server::Typed {
    server::Typed {
        name: typed.name,
        arguments: typed.arguments,
        directory: OsStr::from_bytes(&typed.directory).into(),
        environment: typed.environment,
        streams: typed.streams,
        size: typed.size,
        umask: typed.umask,
    }
}

fn said(told: server::Told) -> ToShim {
    match told {
        server::Told::Here => ToShim::Here,
        server::Told::Refused { message, hint } => ToShim::Refused { message, hint },
        server::Told::Started => ToShim::Started,
        server::Told::Output { stream, bytes } => ToShim::Output { stream, bytes },
        server::Told::Taken(taken) => ToShim::Taken(taken),
        server::Told::Stopped(signal) => ToShim::Stopped(signal),
        server::Told::Continued => ToShim::Continued,
        server::Told::Ended { code, signal, read } => ToShim::Ended { code, signal, read },
        server::Told::Lost(why) => ToShim::Lost(why),
    }
}
