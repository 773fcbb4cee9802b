//! The keeper: renews each login that has a live session, keeps every view right, and leaves a
//! while after the last session has ended.
//!
//! One loop, one thread; a renewal runs on a thread of its own, so that a token server that hangs
//! holds up nothing else. What the keeper knows stands in the sessions' directories and in the
//! vault: it can be killed at any moment.

mod options;
mod protocol;
mod sign_in;
mod wait;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use model::{AccountId, Decision, RENEWAL_MARGIN, Timestamp, decide};
use vault::{Account, Vault};

use crate::session::may_be_replaced;
use crate::{Outcome, RenewError, RuntimeDirectory, Session, renewal};

pub use options::{KeeperError, KeeperEvent, KeeperOptions, SessionEnd};
pub use protocol::{KeeperStatus, SessionStatus, ask_keeper_to_stop, keeper_status, wake_keeper};
pub use sign_in::Kept;

use protocol::{Request, Socket};
use wait::{Waiter, WatchedSession};
use worker::Workers;

/// No wait is longer: so a clock that was set, a machine that slept and a login that another
/// program stored are noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A failure noted for further ahead than this was noted under another clock.
const LONGEST_RETRY: Duration = Duration::from_secs(3_700);

/// The keeper of one vault.
pub struct Keeper {
    options: KeeperOptions,
    runtime: RuntimeDirectory,
    vault: Vault,
    waiter: Waiter,
    socket: Socket,
    workers: Workers,
    sessions: BTreeMap<PathBuf, WatchedSession>,
    started_at: Timestamp,
    idle_since: Option<Instant>,
    stopping: bool,
    observer: Box<dyn FnMut(&KeeperEvent)>,
    /// Held by the one keeper; released by the kernel.
    _lock: File,
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
        let waiter = Waiter::new(&runtime).map_err(|source| KeeperError::System {
            action: "watch its sessions",
            source,
        })?;
        let socket = Socket::listen(&runtime)?;
        let workers = Workers::new(&options).map_err(|source| KeeperError::System {
            action: "start a worker",
            source,
        })?;
        Ok(Self {
            options,
            runtime,
            vault,
            waiter,
            socket,
            workers,
            sessions: BTreeMap::new(),
            started_at: renewal::now(),
            idle_since: None,
            stopping: false,
            observer,
            _lock: lock,
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
        for session in Session::all(&self.runtime) {
            if self.sessions.contains_key(session.directory()) {
                continue;
            }
            if !session.is_alive() {
                session.remove();
                continue;
            }
            if let Ok(watched) = self.waiter.watch(session) {
                (self.observer)(&KeeperEvent::SessionBegan {
                    pid: watched.session.pid(),
                    account: watched.session.account(),
                });
                self.sessions
                    .insert(watched.session.directory().to_owned(), watched);
            }
        }
        let ended: Vec<PathBuf> = self
            .sessions
            .iter()
            .filter(|(_, watched)| !watched.session.is_alive())
            .map(|(path, _)| path.clone())
            .collect();
        for path in ended {
            let watched = self
                .sessions
                .remove(&path)
                .expect("its path was taken from the map");
            (self.observer)(&KeeperEvent::SessionEnded {
                pid: watched.session.pid(),
                account: watched.session.account(),
            });
            self.end(&watched);
        }
    }

    fn end(&mut self, watched: &WatchedSession) {
        // A sign-in in the last moment of a session is kept like any other.
        self.keep_sign_in(&watched.session);
        self.waiter.forget(watched);
        if let (Some(end), crate::SessionKind::ConfigDirectory) =
            (&self.options.on_session_end, watched.session.kind())
        {
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

    fn mend_views(&mut self, account: &Account) {
        let unsealed = match self.vault.unseal(account) {
            Ok(unsealed) => unsealed,
            Err(error) => {
                return (self.observer)(&KeeperEvent::Trouble {
                    what: error.to_string(),
                });
            }
        };
        let Some(login) = unsealed.login() else {
            return;
        };
        let sessions: Vec<Session> = self
            .sessions
            .values()
            .map(|watched| watched.session.clone())
            .collect();
        for session in sessions
            .iter()
            .filter(|session| session.account() == account.id && session.directory().exists())
        {
            let view = session.read_view();
            match view {
                Some(view) if !may_be_replaced(&view) => self.keep_sign_in(session),
                Some(view)
                    if view.access_token() == login.access_token()
                        && view.expires_at() == login.expires_at() => {}
                _ => {
                    let mended = session.write_view(login).map_err(|error| error.to_string());
                    (self.observer)(&KeeperEvent::ViewWritten {
                        pid: session.pid(),
                        account: account.id.clone(),
                        problem: mended.err(),
                    });
                }
            }
        }
    }

    /// Starts a renewal that is due; else how long until one may be.
    fn renew_if_due(&mut self, account: &Account) -> Duration {
        let now = renewal::now();
        if self.workers.is_busy_with(&account.id) {
            return LONGEST_WAIT;
        }
        let Decision::Renew(_) = decide(&account.login_facts(), now, RENEWAL_MARGIN) else {
            return time_until_due(account, now);
        };
        let wait = account
            .attempt
            .as_ref()
            .map_or(Duration::ZERO, |attempt| now.until(attempt.retry_at));
        if wait > Duration::ZERO && wait <= LONGEST_RETRY {
            return wait;
        }
        self.workers.renew(account);
        LONGEST_WAIT
    }

    fn is_over(&mut self) -> bool {
        if self.stopping {
            return !self.workers.is_busy();
        }
        if !self.sessions.is_empty() || self.workers.is_busy() {
            self.idle_since = None;
            return false;
        }
        self.idle_since.get_or_insert_with(Instant::now).elapsed() >= self.options.linger
    }

    /// Closes the door, and then looks once more whether somebody came in before: a session is
    /// written before its launch knocks, so whoever found the door open is seen here.
    fn leave(&mut self) -> bool {
        self.socket.close();
        if self.stopping || !Session::all(&self.runtime).iter().any(Session::is_alive) {
            return true;
        }
        self.idle_since = None;
        match Socket::listen(&self.runtime) {
            Ok(socket) => {
                self.socket = socket;
                false
            }
            Err(_) => true,
        }
    }

    fn wait(&mut self, due: Duration) -> Result<(), KeeperError> {
        let lingering = self
            .idle_since
            .map(|since| self.options.linger.saturating_sub(since.elapsed()));
        let limit = lingering
            .unwrap_or(LONGEST_WAIT)
            .min(due)
            .max(Duration::from_millis(1));
        let woken = self
            .waiter
            .wait(limit, &self.socket, &self.workers, self.sessions.values());
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
        for (account, result) in self.workers.finished() {
            (self.observer)(&match result {
                Ok(Outcome::Renewed) => KeeperEvent::Renewed { account },
                Ok(_) => KeeperEvent::AlreadyRenewed { account },
                Err(error) => KeeperEvent::RenewalFailed {
                    account,
                    reason: error.to_string(),
                },
            });
        }
    }

    fn keep_sign_in(&mut self, session: &Session) {
        match sign_in::keep(
            &self.vault,
            self.options.files.as_ref(),
            &self.runtime,
            session,
        ) {
            Ok(None) => {}
            Ok(Some(kept)) => (self.observer)(&KeeperEvent::SignedIn {
                pid: session.pid(),
                account: session.account(),
                kept,
            }),
            Err(error) => (self.observer)(&KeeperEvent::Trouble {
                what: RenewError::to_string(&error),
            }),
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

fn time_until_due(account: &Account, now: Timestamp) -> Duration {
    let Some(expires_at) = account.expires_at else {
        return LONGEST_WAIT;
    };
    let margin = account
        .lifetime
        .map_or(RENEWAL_MARGIN, |lifetime| RENEWAL_MARGIN.min(lifetime / 3));
    now.until(expires_at)
        .saturating_sub(margin)
        .clamp(Duration::from_millis(50), LONGEST_WAIT)
}
