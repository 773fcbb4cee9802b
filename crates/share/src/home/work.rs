//! What a worker does in a home, as its user.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::inotify::{self, WatchFlags};

use super::claude_json_file::Patched;
use super::directory::Directory;
use super::items::{CLAUDE, Home};
use super::wish::{HomeReport, HomeRequest, Task, Watch, WatchedDirectory};
use super::{authorized_keys, claude_json_file, take_back};
use crate::claude_json::ClaudeJsonPatch;
use crate::home_processes::HomeConnection;

/// A process that has become the user.
pub(crate) struct Worker {
    uid: u32,
    connection: HomeConnection,
    changes: Option<OwnedFd>,
}

impl Worker {
    pub(crate) fn new(uid: u32, connection: HomeConnection, changes: Option<OwnedFd>) -> Self {
        Self {
            uid,
            connection,
            changes,
        }
    }

    /// Answers one request, and then what follows from its answer.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let Some(request) = self.connection.receive::<HomeRequest>()? else {
            return Ok(());
        };
        let home = match Home::open(self.uid, &request) {
            Ok(home) => home,
            Err(problem) => {
                let report = HomeReport {
                    problem: Some(problem),
                    ..HomeReport::default()
                };
                return self.answer(&report);
            }
        };
        // The keeper has let go of the user meanwhile: what is done now would be done behind its back.
        if self.connection.is_abandoned() {
            return Ok(());
        }
        let watches = self.watch(&home)?;
        let report = HomeReport {
            watches,
            ..carry_out(&home)
        };
        self.answer(&report)?;
        if home.is_to_be_merged(&report) {
            self.patch(&home)?;
        }
        Ok(())
    }

    fn answer(&mut self, message: &impl serde::Serialize) -> io::Result<()> {
        self.connection.queue(message);
        self.connection.flush()
    }

    /// Waits for what the merge says, which is nothing for whoever only looks.
    fn patch(&mut self, home: &Home<'_>) -> io::Result<()> {
        let Ok(Some(Some(patch))) = self.connection.receive::<Option<ClaudeJsonPatch>>() else {
            return Ok(());
        };
        let patched: Patched =
            claude_json_file::patch(&home.directory, &patch, &home.request.stamp);
        self.answer(&patched)
    }

    /// Watches the home and what is in it, before anything is looked at.
    fn watch(&self, home: &Home<'_>) -> io::Result<Vec<Watch>> {
        let (Some(changes), true) = (&self.changes, home.request.watch) else {
            return Ok(Vec::new());
        };
        if let (Err(_), true) = (&home.directory.subdirectory(CLAUDE), home.is_mending()) {
            drop(home.make_claude());
        }
        let claude = home.directory.subdirectory(CLAUDE).ok();
        let both = [
            (WatchedDirectory::Home, Some(&home.directory)),
            (WatchedDirectory::Claude, claude.as_ref()),
        ];
        let set = |(directory, place): (WatchedDirectory, Option<&Directory>)| {
            // By the working directory: this process may not look at its own descriptors in /proc.
            rustix::process::fchdir(place?.as_fd()).ok()?;
            let number = inotify::add_watch(changes, ".", events()).ok()?;
            Some(Watch { directory, number })
        };
        let watches = both.into_iter().filter_map(set).collect();
        rustix::process::chdir("/")?;
        Ok(watches)
    }
}

fn events() -> WatchFlags {
    WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::MOVED_FROM
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ATTRIB
        | WatchFlags::ONLYDIR
        | WatchFlags::DONT_FOLLOW
        | WatchFlags::EXCL_UNLINK
}

fn carry_out(home: &Home<'_>) -> HomeReport {
    match &home.request.task {
        Task::TakeBack { originals, login } => HomeReport {
            items: take_back::take_back(home, originals, login.as_deref()),
            ..HomeReport::default()
        },
        Task::AuthorizeKey { key } => HomeReport {
            problem: authorized_keys::add(&home.directory, key).err(),
            ..HomeReport::default()
        },
        Task::Look | Task::Mend { .. } => home.look_and_mend(),
    }
}
