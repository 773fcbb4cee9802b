//! The keeper's socket: anybody may call, and gets what is his. Nobody is waited for.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use super::protocol::Request;

/// So many callers are listened to at once, and so many of one user.
const MOST: usize = 512;
const MOST_OF_ONE: usize = 16;

/// Who has not said by then what he wants is not listened to any longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest request, in bytes.
const LONGEST: usize = 64;

pub(super) struct Callers {
    listener: UnixListener,
    callers: Vec<Caller>,
    by_user: BTreeMap<u32, usize>,
}

/// Somebody who has said what he wants, to be answered.
pub(super) struct Call {
    /// Whose process it is, as the system says.
    pub(super) uid: u32,
    pub(super) request: Request,
    stream: UnixStream,
}

struct Caller {
    uid: u32,
    stream: UnixStream,
    said: Vec<u8>,
    deadline: Instant,
}

enum Heard {
    Waiting,
    Request(Request),
    Nothing,
}

impl Callers {
    /// Listens. The caller holds the keeper's lock, so a socket that is there is an orphan.
    pub(super) fn listen(path: &Path) -> io::Result<Self> {
        drop(std::fs::remove_file(path));
        let listener = UnixListener::bind(path)?;
        // Made under the process's umask. Who calls is looked at; whether he can does not matter.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            callers: Vec::new(),
            by_user: BTreeMap::new(),
        })
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let callers = self.callers.iter().map(|caller| caller.stream.as_fd());
        std::iter::once(self.listener.as_fd()).chain(callers)
    }

    /// When the first of them has had his time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.callers.iter().map(|caller| caller.deadline).min()
    }

    /// Listens to new callers and to those who are here; gives those who have said what they want.
    pub(super) fn listen_to_all(&mut self) -> Vec<Call> {
        for _ in 0..MOST {
            let Ok((stream, _)) = self.listener.accept() else {
                break;
            };
            // One who cannot be taken in is hung up on.
            drop(self.take_in(stream));
        }
        let mut calls = Vec::new();
        let mut waiting = Vec::new();
        for mut caller in std::mem::take(&mut self.callers) {
            match caller.listen() {
                Heard::Waiting => {
                    waiting.push(caller);
                    continue;
                }
                Heard::Request(request) => calls.push(Call {
                    uid: caller.uid,
                    request,
                    stream: caller.stream,
                }),
                Heard::Nothing => {}
            }
            if let Some(count) = self.by_user.get_mut(&caller.uid) {
                *count = count.saturating_sub(1);
            }
        }
        self.callers = waiting;
        self.by_user.retain(|_, count| *count > 0);
        calls
    }

    fn take_in(&mut self, stream: UnixStream) -> io::Result<()> {
        let uid = getsockopt(&stream, PeerCredentials)?.uid();
        let count = self.by_user.entry(uid).or_default();
        // Others cannot keep root out: the commands have to reach the keeper.
        let is_too_many = *count >= MOST_OF_ONE || self.callers.len() >= MOST;
        if uid != 0 && is_too_many {
            return Ok(());
        }
        stream.set_nonblocking(true)?;
        *count += 1;
        self.callers.push(Caller {
            uid,
            stream,
            said: Vec::new(),
            deadline: Instant::now() + PATIENCE,
        });
        Ok(())
    }
}

impl Caller {
    fn listen(&mut self) -> Heard {
        let mut chunk = [0; LONGEST];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Heard::Nothing,
            Ok(count) => self.said.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Heard::Nothing,
        }
        match self.said.iter().position(|&byte| byte == b'\n') {
            Some(end) => Request::parse(&self.said[..end]).map_or(Heard::Nothing, Heard::Request),
            None if self.said.len() >= LONGEST || Instant::now() >= self.deadline => Heard::Nothing,
            None => Heard::Waiting,
        }
    }
}

impl Call {
    /// One line. A caller that does not read it does not matter: it fits what the system holds.
    pub(super) fn answer(mut self, line: &str) {
        drop(self.stream.write_all(format!("{line}\n").as_bytes()));
    }
}
