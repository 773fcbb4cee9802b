//! How a daemon runs, and how it ends: with nothing left behind, as far as the server can be reached.

use std::fs;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use connection::relay::Socket;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Daemon, DaemonError, Running};
use crate::client::LOCK;
use crate::{detached, local::LinkState};

/// How many programs may be connected at once.
const MOST: usize = 256;
/// How long the server is waited for when the laptop shuts down.
const SHUTTING_DOWN: Duration = Duration::from_secs(3);
/// How long those who are connected have to read that it has ended.
const PARTING: Duration = Duration::from_secs(1);
/// How long programs are waited for, at most this part of the whole limit.
const FOR_PROGRAMS: u32 = 2;
/// How often it is asked whether programs have ended.
const ASKING: Duration = Duration::from_millis(50);
/// How long nobody is accepted after that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody wants it to end.
pub(super) struct StopRequest {
    /// How long the server is waited for.
    pub(super) limit: Duration,
}

/// It has ended.
#[derive(Clone, Debug)]
pub(super) struct Stopped {
    /// What is not known to have ended on the server.
    pub(super) note: Option<String>,
}

struct Signals {
    /// Ends it.
    terminate: Signal,
    /// It was stopped, and goes on.
    resume: Signal,
    /// Is taken and means nothing: the terminal it was started from is closed.
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            resume: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Serves whoever comes or leaves next.
async fn serve(daemon: &Arc<Daemon>, socket: &Socket, connected: &mut JoinSet<()>) {
    tokio::select! {
        accepted = socket.accept(), if connected.len() < MOST => match accepted {
            Ok(stream) => drop(connected.spawn(Arc::clone(daemon).serve(stream))),
            Err(_) => sleep(PAUSE).await,
        },
        Some(_) = connected.join_next() => {}
    }
}

impl Running {
    /// Tells that it works, and does what is asked for until it is to end.
    pub(super) async fn run(mut self) -> Result<(), DaemonError> {
        let mut signals = Signals::new()?;
        detached::survive_large_files()?;
        let mut connected = JoinSet::new();
        detached::tell_ready()?;
        detached::log(&format!("began: {}", self.daemon.name));
        let limit = loop {
            tokio::select! {
                () = serve(&self.daemon, &self.socket, &mut connected) => {}
                Some(request) = self.stops.recv() => break request.limit,
                _ = signals.terminate.recv() => break SHUTTING_DOWN,
                _ = signals.resume.recv() => self.daemon.keeper.wake(),
                _ = signals.hang_up.recv() => {}
            }
        };
        let note = {
            let mut end = pin!(self.daemon.end(limit));
            loop {
                tokio::select! {
                    note = &mut end => break note,
                    // Whoever wants the same waits for it.
                    () = serve(&self.daemon, &self.socket, &mut connected) => {}
                }
            }
        };
        self.remove(note).await;
        // Whoever asked for it is told; a viewer that reads nothing is not waited for.
        let parting = async { while connected.join_next().await.is_some() {} };
        drop(timeout(PARTING, parting).await);
        Ok(())
    }

    /// Removes what is here of the session, and tells whoever waits for that.
    async fn remove(self, note: Option<String>) {
        let Self {
            daemon,
            socket,
            lock,
            tasks,
            ..
        } = self;
        detached::log(note.as_deref().unwrap_or("ended"));
        for task in tasks {
            task.abort();
            // With it its `ssh` is killed, which would wait for a server that does not answer otherwise.
            drop(timeout(PARTING, task).await);
        }
        drop(socket);
        if let Some(account) = &daemon.account {
            account.end();
        }
        if let Some(commands) = &daemon.commands {
            commands.end();
        }
        let directory = daemon.places.session(&daemon.name);
        let emptied = remove_all_but_lock(&directory);
        drop(lock);
        let removed = emptied.and_then(|()| fs::remove_dir(&directory));
        daemon.places.remove_unused();
        let removed = removed
            .err()
            .map(|error| format!("{} cannot be removed: {error}", directory.display()));
        let note = note.or(removed);
        daemon.stopped.send_replace(Some(Stopped { note }));
    }
}

/// Whoever sees that the lock is free finds nothing of the session then, and does not take it for one left behind.
fn remove_all_but_lock(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

impl Daemon {
    /// Ends what is on the server, and the commands here. What is not known to have ended within `limit`, in words.
    async fn end(&self, limit: Duration) -> Option<String> {
        let note = self.end_there(limit).await;
        // Also those of a server that was not reached.
        self.publisher.end_commands().await;
        note
    }

    async fn end_there(&self, limit: Duration) -> Option<String> {
        if let LinkState::Ended { .. } = self.link.now() {
            return None;
        }
        if !self.link.was_up() {
            // A connection may come while this is looked at: then the agent has been asked for nothing yet.
            self.connection.say_goodbye("stopped");
            return None;
        }
        self.keeper.wake();
        if timeout(limit, self.end_on_server(limit)).await.is_ok() {
            return None;
        }
        Some(
            "the server did not answer in time: what runs there ends by itself when it has heard nothing for a day"
                .to_owned(),
        )
    }

    async fn end_on_server(&self, limit: Duration) {
        drop(timeout(limit / FOR_PROGRAMS, self.end_programs()).await);
        // What programs have left running here: before its directories are taken from the server.
        self.publisher.end_commands().await;
        // Everything that was written there is here when these are unmounted.
        for published in self.directories.published() {
            let root = live::files::Root(published.root);
            self.publisher.unmount(root, limit).await;
        }
        self.connection.settled().await;
        self.connection.say_goodbye("stopped");
        self.link.ended().await;
    }

    /// Ends all programs and waits until they have: they may have something to write yet.
    async fn end_programs(&self) {
        let mut are_told = false;
        while let Ok(reports) = self.programs.list().await {
            let running = reports.into_iter().filter(|report| report.ended.is_none());
            let running: Vec<_> = running.map(|report| report.program).collect();
            if running.is_empty() {
                return;
            }
            if !are_told {
                for program in running {
                    // Fails if it has ended meanwhile.
                    drop(self.programs.end(program).await);
                }
                are_told = true;
            }
            sleep(ASKING).await;
        }
    }
}
