//! What is said over the keeper's socket: one word in, one line of JSON out.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use model::Secret;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use serde::{Deserialize, Serialize};

use crate::ServerPaths;

/// The keeper waits for nobody; a machine under load may make it slow.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a command has changed is done in a usual home within milliseconds.
const SETTLING: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The caller's key.
    Key,
    /// How things are; for root.
    Status,
    /// Read anew what is set up; for root.
    Reload,
    /// Leave; for root.
    Stop,
}

impl Request {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Key, "key"),
        (Self::Status, "status"),
        (Self::Reload, "reload"),
        (Self::Stop, "stop"),
    ];

    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        Self::ALL
            .iter()
            .find(|(_, word)| word.as_bytes() == line)
            .map(|(request, _)| *request)
    }

    fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(request, _)| *request == self)
            .map_or("", |(_, word)| word)
    }
}

/// What a keeper says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperStatus {
    /// Its process number.
    pub pid: u32,
    /// When it began, in epoch milliseconds.
    pub started_at: i64,
    /// How many users it keeps.
    pub users: usize,
    /// What it cannot do at the moment, by user.
    pub troubles: std::collections::BTreeMap<String, String>,
    /// Why logins were not renewed the last time, by account: also what could not be noted in the
    /// vault, whose disk may be full.
    #[serde(default)]
    pub not_renewed: std::collections::BTreeMap<String, String>,
    /// Users in whose homes something waits to be put right.
    pub waiting: usize,
}

#[derive(Serialize, Deserialize)]
pub(super) enum KeyAnswer {
    #[serde(rename = "key")]
    Key(String),
    #[serde(rename = "none")]
    None(String),
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nobody answers.
    #[error("the keeper of this server does not answer: {0}")]
    NoKeeper(io::Error),
    /// It is not root's.
    #[error("the program that answers as the keeper of this server is not root's")]
    Impostor,
    /// The caller has none; the keeper says why.
    #[error("{0}")]
    None(String),
}

/// The key of the account that is assigned to the user who calls.
///
/// # Errors
/// If he has none, or nobody answers.
pub fn fetch_key(paths: &ServerPaths) -> Result<Secret, KeyError> {
    let stream = UnixStream::connect(paths.socket()).map_err(KeyError::NoKeeper)?;
    let keeper = getsockopt(&stream, PeerCredentials);
    let keeper = keeper.map_err(|errno| KeyError::NoKeeper(errno.into()))?;
    if keeper.uid() != 0 {
        return Err(KeyError::Impostor);
    }
    let answer = talk(stream, Request::Key).map_err(KeyError::NoKeeper)?;
    match serde_json::from_str(&answer) {
        Ok(KeyAnswer::Key(key)) => Ok(Secret::new(key)),
        Ok(KeyAnswer::None(reason)) => Err(KeyError::None(reason)),
        Err(_) => Err(KeyError::NoKeeper(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// What the keeper says of itself; `None` if no keeper is there, or the caller is not root.
#[must_use]
pub fn keeper_status(paths: &ServerPaths) -> Option<KeeperStatus> {
    serde_json::from_str(&ask(paths, Request::Status).ok()?).ok()
}

/// Has the keeper read anew what is set up, and waits a little until it has been to every home;
/// `false` if no keeper is there.
#[must_use]
pub fn reload_keeper(paths: &ServerPaths) -> bool {
    let asked = ask(paths, Request::Reload).is_ok_and(|answer| !answer.is_empty());
    let deadline = Instant::now() + SETTLING;
    while asked && Instant::now() < deadline {
        match keeper_status(paths) {
            Some(status) if status.waiting > 0 => std::thread::sleep(Duration::from_millis(5)),
            _ => break,
        }
    }
    asked
}

/// Asks the keeper to leave, and waits until it has; `false` if no keeper was there.
#[must_use]
pub fn stop_keeper(paths: &ServerPaths) -> bool {
    let asked = ask(paths, Request::Stop).is_ok_and(|answer| !answer.is_empty());
    if asked {
        // It ends within the time of a renewal; its lock tells when.
        drop(super::lock(paths, Duration::from_secs(60)));
    }
    asked
}

fn ask(paths: &ServerPaths, request: Request) -> io::Result<String> {
    talk(UnixStream::connect(paths.socket())?, request)
}

fn talk(mut stream: UnixStream, request: Request) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{}\n", request.word()).as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_LIMIT)).read_line(&mut answer)?;
    Ok(answer)
}
