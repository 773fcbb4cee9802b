//! What answers the shims: programs on the server that stand for commands of the laptop.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use connection::relay::Socket;
use live::commands::{News, WINDOW};
use live::programs::Stream;
use live_session::server::{self, Commands, RunningCommand};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use shim::protocol::{FromShim, ProtocolError, ToShim, Typed, VERSION, decode, encode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::detached;
use pipes::{Connected, Given, Pipes, Room, Writing};

mod pipes;
#[cfg(test)]
mod tests;

/// How many may be connected at once. Others wait. Of the descriptors that this process may have, they take no more than half:
/// the laptop comes back over one.
const MOST: usize = 1024;
/// How long one may take to say what was typed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody is accepted after that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// After how much output the laptop is told that it was passed on, in bytes, while more comes: telling takes all processes
/// on the way back…
const SEEN_AFTER: u64 = WINDOW / 8;
/// …and after how long without more. The laptop may be waiting for that.
const SEEN_LATER: Duration = Duration::from_millis(5);
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
    // And half of what is left.
    let room = Room::new(usize::try_from(descriptors / 4).unwrap_or(usize::MAX));
    let mut connected = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept(), if connected.len() < most => match accepted {
                Ok(stream) => {
                    let (commands, stream) = (commands.clone(), Connected::new(stream, room.clone()));
                    connected.spawn(async move { answer(&commands, stream).await });
                }
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connected.join_next() => {}
        }
    }
}

async fn answer(commands: &Commands, stream: Connected) {
    let given = stream.given();
    match talk(commands, stream, &given).await {
        Ok(()) | Err(ShimError::Gone) => {}
        Err(error) => detached::log(&format!("a shim was hung up on: {error}")),
    }
}

async fn talk(
    commands: &Commands,
    stream: impl AsyncRead + AsyncWrite,
    given: &Given,
) -> Result<(), ShimError> {
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
    let pipes = Pipes::open(typed.are_sent, given);
    let running = commands.start(told(*typed));
    let (starts, started) = oneshot::channel();
    let (says_taken, taken) = watch::channel(0);
    let speaker = Speaker {
        writer,
        running: &running,
        pipes,
        starts: Some(starts),
        taken: says_taken,
    };
    let feeding = async {
        if let Ok(input) = started.await {
            pipes::feed(input, taken, &running).await;
        }
        std::future::pending().await
    };
    tokio::select! {
        // Hung up: dropped, it ends.
        gone = listen(&mut reader, &running) => gone,
        ended = speaker.speak() => ended,
        never = feeding => never,
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
            FromShim::Unread(stream) => running.unread(stream),
            FromShim::Version(_) | FromShim::Start(_) => return Err(ShimError::Senseless),
        }
    }
}

/// Tells a shim how its command fares.
struct Speaker<'a, W> {
    writer: Writer<W>,
    running: &'a RunningCommand,
    pipes: Pipes,
    /// Is told its input once it runs.
    starts: Option<oneshot::Sender<pipe::Receiver>>,
    /// How much of that was taken.
    taken: watch::Sender<u64>,
}

impl<W: AsyncWrite + Unpin> Speaker<'_, W> {
    /// To the end.
    async fn speak(mut self) -> Result<(), ShimError> {
        let (mut written, mut seen) = (0, 0);
        loop {
            let next = self.running.next();
            let told = match written > seen {
                true => timeout(SEEN_LATER, next).await.ok(),
                false => Some(next.await),
            };
            let is_quiet = told.is_none();
            match told {
                Some(Some(told)) => {
                    let length = output_of(&told);
                    self.say(told).await?;
                    written += length;
                }
                Some(None) => break,
                None => {}
            }
            if is_quiet || written - seen >= SEEN_AFTER {
                self.running.seen(written);
                seen = written;
            }
        }
        // Fails for one that has gone, which is as well.
        self.writer.writes.shutdown().await.ok();
        Ok(())
    }

    async fn say(&mut self, told: server::Told) -> Result<(), ShimError> {
        let news = match told {
            server::Told::News(news) => news,
            server::Told::Lost(why) => {
                let message = self.last(ToShim::Lost(why));
                return self.writer.say(&message).await;
            }
        };
        let message = match news {
            News::Output { stream, bytes } => return self.output(stream, bytes).await,
            // The shim is told only of what it has read itself.
            News::Taken(taken) if self.starts.is_none() => {
                self.taken.send_replace(taken);
                return Ok(());
            }
            News::Taken(taken) => ToShim::Taken(taken),
            News::Started => ToShim::Started {
                reads_input: self.start(),
            },
            News::Stopped(signal) => ToShim::Stopped(signal),
            News::Continued => ToShim::Continued,
            News::Here => self.last(ToShim::Here),
            News::Refused { message, hint } => self.last(ToShim::Refused { message, hint }),
            News::Ended { code, signal, read } => self.last(ToShim::Ended { code, signal, read }),
            // Not told.
            News::Settled => return Ok(()),
        };
        self.writer.say(&message).await
    }

    /// Closes the pipes before it is said: who reads them is at their end as soon as the shim is at its own.
    fn last(&mut self, message: ToShim) -> ToShim {
        self.pipes = Pipes::default();
        message
    }

    /// Has its input read, if that is a pipe; whether it is.
    fn start(&mut self) -> bool {
        let Some(input) = self.pipes.input.take() else {
            return false;
        };
        // Fails for nothing: who reads it waits for it.
        let starts = self.starts.take();
        starts.is_some_and(|starts| starts.send(input).is_ok())
    }

    async fn output(&mut self, stream: Stream, bytes: Bytes) -> Result<(), ShimError> {
        let writing = self.pipes.to(stream);
        match writing {
            Writing::Shim => self.writer.say(&ToShim::Output { stream, bytes }).await,
            Writing::Nobody => Ok(()),
            Writing::Agent(pipe) => {
                if pipe.write_all(&bytes).await.is_err() {
                    *writing = Writing::Nobody;
                    self.running.unread(stream);
                }
                Ok(())
            }
        }
    }
}

fn output_of(told: &server::Told) -> u64 {
    match told {
        server::Told::News(News::Output { bytes, .. }) => bytes.len() as u64,
        _ => 0,
    }
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
