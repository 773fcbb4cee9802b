//! The keeper's socket: one word in, one line of JSON out. It lies in a directory that only its
//! user can enter.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{KeeperError, RuntimeDirectory, SessionKind};

/// A caller that is slower than this is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
const REQUEST_LIMIT: u64 = 64;
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;

/// What a keeper says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperStatus {
    /// Its process number.
    pub pid: u32,
    /// When it began, in epoch milliseconds.
    pub started_at: i64,
    /// The sessions that it keeps.
    pub sessions: Vec<SessionStatus>,
}

/// A session that a keeper keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// The account, by its identifier.
    pub account_id: String,
    /// The client's process number.
    pub pid: i32,
    /// How the client was told of its view.
    pub kind: SessionKind,
    /// When it began, in epoch milliseconds.
    pub started_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Wake,
    Status,
    Stop,
}

impl Request {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Wake, "wake"),
        (Self::Status, "status"),
        (Self::Stop, "stop"),
    ];

    fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(request, _)| *request == self)
            .map_or("", |(_, word)| word)
    }

    fn parse(line: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, word)| *word == line.trim())
            .map(|(request, _)| *request)
    }
}

/// Tells the keeper that there is a new session; `false` if no keeper is there.
#[must_use]
pub fn wake_keeper(runtime: &RuntimeDirectory) -> bool {
    ask(runtime, Request::Wake).is_ok_and(|answer| !answer.is_empty())
}

/// What the keeper says of itself; `None` if no keeper is there.
#[must_use]
pub fn keeper_status(runtime: &RuntimeDirectory) -> Option<KeeperStatus> {
    serde_json::from_str(&ask(runtime, Request::Status).ok()?).ok()
}

/// Asks the keeper to leave, and waits until it has; `false` if no keeper was there.
#[must_use]
pub fn ask_keeper_to_stop(runtime: &RuntimeDirectory) -> bool {
    let asked = ask(runtime, Request::Stop).is_ok_and(|answer| !answer.is_empty());
    if asked {
        // It ends within the time of a renewal; its lock tells when.
        let limit = Duration::from_secs(60);
        drop(super::options::take_lock(runtime, limit));
    }
    asked
}

fn ask(runtime: &RuntimeDirectory, request: Request) -> io::Result<String> {
    let mut stream = with_short_path(runtime, UnixStream::connect)?;
    // The keeper may be in the middle of mending; it never waits for a network.
    stream.set_read_timeout(Some(PATIENCE * 10))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{}\n", request.word()).as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_LIMIT)).read_line(&mut answer)?;
    Ok(answer)
}

/// A socket's path may have 107 bytes (unix(7)); a directory may be deeper than that.
fn with_short_path<T>(
    runtime: &RuntimeDirectory,
    open: impl FnOnce(PathBuf) -> io::Result<T>,
) -> io::Result<T> {
    const LONGEST: usize = 100;
    if runtime.socket().as_os_str().len() <= LONGEST {
        return open(runtime.socket());
    }
    let directory = File::open(runtime.path())?;
    open(PathBuf::from(format!(
        "/proc/self/fd/{}/keeper.sock",
        directory.as_raw_fd()
    )))
}

/// The listening end.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens. The caller holds the keeper's lock, so a socket that is there is an orphan.
    pub(crate) fn listen(runtime: &RuntimeDirectory) -> Result<Self, KeeperError> {
        let system = |source| KeeperError::System {
            action: "listen",
            source,
        };
        drop(fs::remove_file(runtime.socket()));
        let listener = with_short_path(runtime, UnixListener::bind).map_err(system)?;
        listener.set_nonblocking(true).map_err(system)?;
        Ok(Self {
            listener,
            path: runtime.socket(),
        })
    }

    pub(crate) fn close(&self) {
        drop(fs::remove_file(&self.path));
    }

    pub(crate) fn accept(&self) -> Option<Call> {
        let (stream, _) = match self.listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    // No descriptor left: the caller stays at the door, and the loop must not spin.
                    std::thread::sleep(Duration::from_millis(50));
                }
                return None;
            }
        };
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        Some(Call { stream })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// One caller.
pub(crate) struct Call {
    stream: UnixStream,
}

impl Call {
    pub(crate) fn request(&mut self) -> Option<Request> {
        let mut line = String::new();
        let mut reader = BufReader::new((&self.stream).take(REQUEST_LIMIT));
        reader.read_line(&mut line).ok()?;
        Request::parse(&line)
    }

    pub(crate) fn answer_done(&mut self) {
        self.answer("{\"done\":true}");
    }

    pub(crate) fn answer_status(&mut self, status: &KeeperStatus) {
        self.answer(&serde_json::to_string(status).expect("plain strings and numbers serialise"));
    }

    /// A caller that has gone does not matter.
    fn answer(&mut self, line: &str) {
        drop(self.stream.write_all(format!("{line}\n").as_bytes()));
    }
}
