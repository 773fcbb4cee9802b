//! What the keeper waits for: sessions that begin, views that change, clients that end, callers,
//! finished renewals, and time.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::protocol::Socket;
use crate::{RuntimeDirectory, Schedule, Session};

const VIEW_FILE: &[u8] = b".credentials.json";

/// A session with what tells of its end and of changes in its view.
pub(crate) struct WatchedSession {
    pub(crate) session: Session,
    /// `None` where the client has ended, or the system has no descriptor left: then its end is
    /// noticed at the next look.
    client: Option<OwnedFd>,
    /// `None` where it cannot be watched: then a change is noticed at the next look.
    view: Option<i32>,
}

impl WatchedSession {
    /// Waits no more for the client, which has ended.
    pub(crate) fn forget_client(&mut self) {
        self.client = None;
    }
}

/// What has happened.
pub(crate) struct Woken {
    pub(crate) socket: bool,
    pub(crate) workers: bool,
}

pub(crate) struct Waiter {
    changes: OwnedFd,
    sessions: i32,
}

impl Waiter {
    pub(crate) fn new(runtime: &RuntimeDirectory) -> io::Result<Self> {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let flags = WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        let sessions = inotify::add_watch(
            &changes,
            runtime.sessions(),
            flags | WatchFlags::DELETE_SELF | WatchFlags::ONLYDIR,
        )?;
        Ok(Self { changes, sessions })
    }

    pub(crate) fn watch(&self, session: Session) -> WatchedSession {
        let alive = session.is_alive().then_some(session.pid());
        let client = alive.and_then(Pid::from_raw);
        WatchedSession {
            view: self.watch_view(&session),
            client: client.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()),
            session,
        }
    }

    /// Watches the view's directory again, which may be another one by now.
    pub(crate) fn watch_again(&self, watched: &mut WatchedSession) {
        watched.view = self.watch_view(&watched.session);
    }

    fn watch_view(&self, session: &Session) -> Option<i32> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        inotify::add_watch(&self.changes, session.view_directory(), flags).ok()
    }

    pub(crate) fn forget(&self, watched: &WatchedSession) {
        if let Some(view) = watched.view {
            // Gone already if the directory is.
            inotify::remove_watch(&self.changes, view).unwrap_or_default();
        }
    }

    /// Waits for any of it, at most `limit`.
    pub(crate) fn wait(
        &self,
        limit: Duration,
        socket: &Socket,
        workers: &Schedule,
        sessions: &BTreeMap<PathBuf, WatchedSession>,
    ) -> io::Result<Woken> {
        let deadline = Instant::now() + limit;
        let clients = sessions.values().filter_map(|one| one.client.as_ref());
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut descriptors = vec![
            readable(self.changes.as_fd()),
            readable(socket.as_fd()),
            readable(workers.as_fd()),
        ];
        descriptors.extend(clients.map(|client| readable(client.as_fd())));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match poll(&mut descriptors, Some(&timespec(left))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let woken = |fd: &PollFd<'_>| !fd.revents().is_empty();
            let changed = self.drain();
            if changed || descriptors[1..].iter().any(woken) || Instant::now() >= deadline {
                return Ok(Woken {
                    socket: woken(&descriptors[1]),
                    workers: woken(&descriptors[2]),
                });
            }
        }
    }

    /// Whether something changed that is looked at. In a session's own configuration directory
    /// the client writes all the time.
    fn drain(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.changes, &mut buffer);
        let mut changed = false;
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(CStr::to_bytes);
            changed |= match name {
                None => true,
                Some(name) if event.wd() == self.sessions => !name.starts_with(b"."),
                Some(name) => name == VIEW_FILE,
            };
        }
        changed
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    })
}
