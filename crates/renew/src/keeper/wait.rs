//! What the keeper waits for: sessions that begin, views that change, clients that end, callers,
//! finished renewals, and time.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::protocol::Socket;
use super::worker::Workers;
use crate::{RuntimeDirectory, Session};

/// A session with what tells of its end and of changes in its view.
pub(crate) struct WatchedSession {
    pub(crate) session: Session,
    /// `None` where the client had already ended.
    client: Option<OwnedFd>,
    view: i32,
}

/// What has happened.
pub(crate) struct Woken {
    pub(crate) socket: bool,
    pub(crate) workers: bool,
}

pub(crate) struct Waiter {
    changes: OwnedFd,
}

impl Waiter {
    pub(crate) fn new(runtime: &RuntimeDirectory) -> io::Result<Self> {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(
            &changes,
            runtime.sessions(),
            WatchFlags::MOVED_TO | WatchFlags::ONLYDIR,
        )?;
        Ok(Self { changes })
    }

    pub(crate) fn watch(&self, session: Session) -> io::Result<WatchedSession> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE;
        let view = inotify::add_watch(
            &self.changes,
            session.view_directory(),
            flags | WatchFlags::ONLYDIR,
        )?;
        let client =
            Pid::from_raw(session.pid()).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Ok(WatchedSession {
            session,
            client,
            view,
        })
    }

    pub(crate) fn forget(&self, watched: &WatchedSession) {
        // Gone already if the directory is.
        inotify::remove_watch(&self.changes, watched.view).unwrap_or_default();
    }

    /// Waits for any of it, at most `limit`.
    pub(crate) fn wait<'sessions>(
        &self,
        limit: Duration,
        socket: &Socket,
        workers: &Workers,
        sessions: impl Iterator<Item = &'sessions WatchedSession>,
    ) -> io::Result<Woken> {
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut descriptors = vec![
            readable(socket.as_fd()),
            readable(workers.as_fd()),
            readable(self.changes.as_fd()),
        ];
        descriptors.extend(
            sessions
                .filter_map(|watched| watched.client.as_ref())
                .map(|client| readable(client.as_fd())),
        );
        let limit = Timespec::try_from(limit).unwrap_or(Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        });
        match poll(&mut descriptors, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let woken = Woken {
            socket: !descriptors[0].revents().is_empty(),
            workers: !descriptors[1].revents().is_empty(),
        };
        self.drain();
        Ok(woken)
    }

    /// Which of the views changed does not matter: each is looked at.
    fn drain(&self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.changes, &mut buffer);
        while reader.next().is_ok() {}
    }
}
