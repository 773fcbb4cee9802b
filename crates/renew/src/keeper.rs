//! The keeper: renews each login that has a live session, keeps every view right, and leaves a
//! while after the last session has ended.
//!
//! One loop, one thread; a renewal runs on a thread of its own, so that a token server that hangs
//! holds up nothing else. What the keeper knows stands in the sessions' directories and in the
//! vault: it can be killed at any moment.

mod options;
mod protocol;
mod sign_in;
mod views;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{AccountId, Timestamp};
use vault::{Account, Vault, VaultError};

use crate::schedule::{Failure, Finished, LONGEST_WAIT, Schedule};
use crate::session;
use crate::{Outcome, RenewError, RuntimeDirectory, Session, clock};

pub use options::{KeeperError, KeeperEvent, KeeperOptions, SessionEnd};
pub use protocol::{KeeperStatus, SessionStatus, ask_keeper_to_stop, keeper_status, wake_keeper};
pub use sign_in::Kept;

use protocol::{Request, Socket};
use sign_in::Progress;
use wait::{Waiter, WatchedSession};

/// The wait for something that takes moments: somebody else's lease, a client that still writes.
const MOMENTS: Duration = Duration::from_millis(200);

/// The keeper of one vault.
pub struct Keeper {
    options: KeeperOptions,
    runtime: RuntimeDirectory,
    vault: Vault,
    waiter: Waiter,
    socket: Socket,
    schedule: Schedule,
    sessions: BTreeMap<PathBuf, WatchedSession>,
    /// Whether something has to be looked at again in moments.
    unfinished: bool,
    started_at: Timestamp,
    idle_since: Option<Instant>,
    stopping: bool,
    observer: Box<dyn FnMut(&KeeperEvent)>,
    /// Held by the one keeper; released by the kernel.
    lock: File,
}

impl Keeper {
    /// Becomes the keeper.
    ///
    /// # Errors
    /// [`KeeperError::AlreadyRunning`] if there is one; or if the vault cannot be opened.
    pub fn start(
        options: KeeperOptions,
        observer: Box<dyn FnMut(&KeeperEvent)>,
    ) -> Result<Self, KeeperError> {
        let runtime = options.runtime.clone();
        runtime.create()?;
        let lock = options::take_lock(&runtime, options.lock_patience)?;
        let vault = options.open_vault()?;
        session::sweep(&runtime);
        let waiter = Waiter::new(&runtime).map_err(|source| KeeperError::System {
            action: "watch its sessions",
            source,
        })?;
        let socket = Socket::listen(&runtime)?;
        let schedule = Schedule::new(
            options.paths.clone(),
            options.key.clone(),
            Arc::clone(&options.renewer),
        );
        let schedule = schedule.map_err(|source| KeeperError::System {
            action: "start a worker",
            source,
        })?;
        Ok(Self {
            options,
            runtime,
            vault,
            waiter,
            socket,
            schedule,
            sessions: BTreeMap::new(),
            unfinished: false,
            started_at: clock::now(),
            idle_since: None,
            stopping: false,
            observer,
            lock,
        })
    }

    /// Keeps until there is nothing to keep, or somebody asks it to stop.
    ///
    /// # Errors
    /// If the system fails it. Views stay as they are.
    pub fn run(mut self) -> Result<(), KeeperError> {
        (self.observer)(&KeeperEvent::Started {
            pid: std::process::id(),
        });
        loop {
            self.unfinished = false;
            self.find_sessions();
            let due = self.keep_logins();
            if self.is_over() && self.leave() {
                (self.observer)(&KeeperEvent::Left);
                return Ok(());
            }
            self.wait(due)?;
        }
    }

    /// Takes up new sessions and takes leave of ended ones.
    fn find_sessions(&mut self) {
        let new = Session::all_but(&self.runtime, |path| self.sessions.contains_key(path));
        for session in new {
            let watched = self.waiter.watch(session);
            (self.observer)(&KeeperEvent::SessionBegan {
                pid: watched.session.pid(),
                account: watched.session.account(),
            });
            self.sessions
                .insert(watched.session.directory().to_owned(), watched);
        }
        let ended =
            |watched: &WatchedSession| !watched.session.is_alive() || !watched.session.exists();
        let ended: Vec<PathBuf> = self
            .sessions
            .iter()
            .filter(|(_, watched)| ended(watched))
            .map(|(path, _)| path.clone())
            .collect();
        for path in ended {
            self.end(&path);
        }
    }

    /// Ends a session, unless it still holds a login that is nowhere else and cannot be kept now.
    fn end(&mut self, path: &Path) {
        let Some(mut watched) = self.sessions.remove(path) else {
            return;
        };
        if !self.keep_sign_in(&watched.session, true) {
            watched.forget_client();
            self.sessions.insert(path.to_owned(), watched);
            return;
        }
        (self.observer)(&KeeperEvent::SessionEnded {
            pid: watched.session.pid(),
            account: watched.session.account(),
        });
        self.waiter.forget(&watched);
        if let (Some(end), crate::SessionKind::ConfigDirectory, true) = (
            &self.options.on_session_end,
            watched.session.kind(),
            watched.session.exists(),
        ) {
            end(&watched.session.view_directory());
        }
        watched.session.remove();
    }

    /// Mends views and starts renewals; tells when it has to look again.
    fn keep_logins(&mut self) -> Duration {
        let accounts: BTreeSet<AccountId> = self
            .sessions
            .values()
            .map(|watched| watched.session.account())
            .collect();
        let mut next = LONGEST_WAIT;
        for id in accounts {
            let account = match self.vault.get(&id) {
                Ok(account) => account,
                Err(error) => {
                    (self.observer)(&KeeperEvent::Trouble {
                        what: error.to_string(),
                    });
                    continue;
                }
            };
            self.mend_views(&account);
            next = next.min(self.renew_if_due(&account));
        }
        next
    }

    /// Starts a renewal that is due; else how long until one may be.
    fn renew_if_due(&mut self, account: &Account) -> Duration {
        self.schedule.renew_if_due(account).unwrap_or_else(|error| {
            (self.observer)(&KeeperEvent::Trouble {
                what: format!("cannot start a renewal: {error}"),
            });
            LONGEST_WAIT
        })
    }

    fn is_over(&mut self) -> bool {
        if self.stopping || !self.is_in_place() {
            return !self.schedule.is_busy();
        }
        if !self.sessions.is_empty() || self.schedule.is_busy() {
            self.idle_since = None;
            return false;
        }
        self.idle_since.get_or_insert_with(Instant::now).elapsed() >= self.options.linger
    }

    /// Closes the door, and then looks once more whether somebody came in before: a session is
    /// written before its launch knocks, so whoever found the door open is seen here.
    fn leave(&mut self) -> bool {
        if !self.is_in_place() {
            // What lies at these paths now, if anything, is another keeper's.
            return true;
        }
        self.socket.close();
        if self.stopping || Session::all(&self.runtime).is_empty() {
            return true;
        }
        self.idle_since = None;
        if let Ok(socket) = Socket::listen(&self.runtime) {
            self.socket = socket;
        }
        false
    }

    fn is_in_place(&self) -> bool {
        options::is_in_place(&self.lock, &self.runtime)
    }

    fn wait(&mut self, due: Duration) -> Result<(), KeeperError> {
        let lingering = self
            .idle_since
            .map(|since| self.options.linger.saturating_sub(since.elapsed()));
        let limit = lingering
            .unwrap_or(LONGEST_WAIT)
            .min(due)
            .min(if self.unfinished {
                MOMENTS
            } else {
                LONGEST_WAIT
            })
            .max(Duration::from_millis(1));
        let woken = self
            .waiter
            .wait(limit, &self.socket, &self.schedule, &self.sessions);
        let woken = woken.map_err(|source| KeeperError::System {
            action: "wait",
            source,
        })?;
        if woken.socket {
            self.answer_requests();
        }
        if woken.workers {
            self.note_results();
        }
        Ok(())
    }

    fn answer_requests(&mut self) {
        while let Some(mut call) = self.socket.accept() {
            match call.request() {
                Some(Request::Wake) => call.answer_done(),
                Some(Request::Status) => call.answer_status(&self.status()),
                Some(Request::Stop) => {
                    self.stopping = true;
                    call.answer_done();
                }
                None => {}
            }
        }
    }

    fn note_results(&mut self) {
        for Finished { account, result } in self.schedule.finished() {
            (self.observer)(&match result {
                Ok(Outcome::Renewed) => KeeperEvent::Renewed { account },
                Ok(_) => KeeperEvent::AlreadyRenewed { account },
                Err(Failure { reason, .. }) => KeeperEvent::RenewalFailed { account, reason },
            });
        }
    }

    /// `false` if the view holds a login that is not kept yet.
    fn keep_sign_in(&mut self, session: &Session, ended: bool) -> bool {
        let files = self.options.files.as_ref();
        match sign_in::keep(&self.vault, files, &self.runtime, session, ended) {
            Ok(Progress::Nothing) => true,
            Ok(Progress::Later) => {
                self.unfinished = true;
                false
            }
            Ok(Progress::Kept(kept)) => {
                (self.observer)(&KeeperEvent::SignedIn {
                    pid: session.pid(),
                    account: session.account(),
                    kept,
                });
                true
            }
            Err(error) => {
                (self.observer)(&KeeperEvent::Trouble {
                    what: RenewError::to_string(&error),
                });
                // Nobody is left to keep it for.
                matches!(error, RenewError::Vault(VaultError::NotFound { .. }))
            }
        }
    }

    fn status(&self) -> KeeperStatus {
        let sessions = self.sessions.values().map(|watched| SessionStatus {
            account_id: watched.session.account().to_string(),
            pid: watched.session.pid(),
            kind: watched.session.kind(),
            started_at: watched.session.started_at(),
        });
        KeeperStatus {
            pid: std::process::id(),
            started_at: self.started_at.as_millis(),
            sessions: sessions.collect(),
        }
    }
}
