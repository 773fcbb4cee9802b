//! The terminal sessions of the dashboard: programs that outlive whoever looks at them.
//!
//! Here they are started, found, limited and forgotten. No credential passes through: the program
//! that is started takes its account's from the vault by itself, and counts that as use.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use model::AccountId;
use terminal::{Size, Terminal};
use tokio::time::MissedTickBehavior;
use vault::{Account, VaultError};

use crate::access::{Caller, Who};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::events::{Change, Events};
use crate::options::Options;
use crate::vaults::{Vaults, blocking};

mod directory;
mod links;
mod login;
mod program;
pub(crate) mod recordings;
mod session;

pub(crate) use links::{Link, Links};
pub(crate) use login::LoginComplete;
pub(crate) use session::{Description, Kind, Session};

use program::Program;
use recordings::Recordings;

/// How many programs run at once.
pub(crate) const MAX_SESSIONS: usize = 32;
/// How many that have ended are kept to be looked at.
const MAX_ENDED: usize = 64;
/// How long one that has ended is kept.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// How much output of each is kept, in bytes.
pub(crate) const SCROLLBACK_BYTES: usize = 1 << 20;
/// How much memory all kept output may take, in bytes: the oldest that have ended go first.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// What the audit log calls it when somebody ends a session that runs.
pub(crate) const STOPPED: &str = "terminal stopped";

/// All of them.
pub(crate) struct Terminals {
    known: Mutex<Known>,
    program: Arc<Program>,
    home: PathBuf,
    events: Events,
    recordings: Recordings,
    /// Whether sessions are recorded where nobody says otherwise.
    recording: AtomicBool,
    pub(crate) links: Links,
}

#[derive(Default)]
struct Known {
    /// Oldest first.
    sessions: Vec<Arc<Session>>,
    /// Places taken by what is being started.
    starting: usize,
    is_closing: bool,
}

/// What is to be started.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) account_id: String,
    /// As the caller wrote it; empty for the home directory.
    pub(crate) cwd: String,
    pub(crate) size: Size,
    /// `None`: as the settings say.
    pub(crate) record: Option<bool>,
}

impl Terminals {
    pub(crate) fn new(options: &Options, vaults: &Vaults, events: Events) -> Self {
        Self {
            known: Mutex::default(),
            program: Arc::new(Program::new(options, vaults.wrapped_key())),
            home: options.directories.home.clone(),
            events,
            recordings: Recordings::new(options.vault.directory()),
            recording: AtomicBool::new(false),
            links: Links::default(),
        }
    }

    /// Whether sessions are recorded where nobody says otherwise.
    pub(crate) fn records(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    /// See [`Terminals::records`]. Does not change what runs already.
    pub(crate) fn set_records(&self, yes: bool) {
        self.recording.store(yes, Ordering::Relaxed);
    }

    /// Removes recordings when their time is over, until the server has ended.
    pub(crate) async fn remove_old_recordings(app: Weak<App>) {
        let mut ticks = tokio::time::interval(recordings::INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(recordings) = app.upgrade().map(|app| app.terminals.recordings.clone()) else {
                return;
            };
            drop(tokio::task::spawn_blocking(move || recordings.remove_old()).await);
        }
    }

    /// All, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.known().sessions.clone()
    }

    /// # Errors
    /// 404.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Session>, ApiError> {
        let known = self.known();
        let found = known.sessions.iter().find(|session| session.id == id);
        found.cloned().ok_or_else(no_session)
    }

    /// Where a session is to start.
    ///
    /// # Errors
    /// 400 if that is no directory.
    pub(crate) async fn directory(&self, asked: &str) -> Result<PathBuf, ApiError> {
        let (asked, home) = (asked.to_owned(), self.home.clone());
        blocking(move || directory::find(&asked, &home)).await
    }

    /// One that `who` had on a connection that was lost, and that nobody has looked at since.
    pub(crate) fn lost_by(
        &self,
        who: &Who,
        account_id: &str,
        cwd: &std::path::Path,
    ) -> Option<Arc<Session>> {
        let known = self.known();
        let mut newest_first = known.sessions.iter().rev();
        newest_first
            .find(|session| {
                session.kind == Kind::Terminal
                    && session.account_id == account_id
                    && session.cwd == cwd
                    && session.is_lost_by(who)
            })
            .cloned()
    }

    /// The newest that runs for an account in a directory.
    pub(crate) fn running_in(
        &self,
        account_id: &str,
        cwd: &std::path::Path,
    ) -> Option<Arc<Session>> {
        let known = self.known();
        let mut newest_first = known.sessions.iter().rev();
        newest_first
            .find(|session| {
                session.is_running() && session.account_id == account_id && session.cwd == cwd
            })
            .cloned()
    }

    /// Starts one.
    ///
    /// # Errors
    /// If there is no such account or directory, too many run, or the system does not let it.
    pub(crate) async fn start(
        app: &Arc<App>,
        caller: &Caller,
        wanted: Wanted,
    ) -> Result<Arc<Session>, ApiError> {
        let this = &app.terminals;
        let cwd = this.directory(&wanted.cwd).await?;
        let account = account(app, &wanted.account_id).await?;
        wanted.kind.check(&account)?;
        let place = this.take_place(app)?;
        let id = random_id()?;
        let is_recorded = wanted.record.unwrap_or_else(|| this.records());
        let recording = is_recorded.then(|| this.recordings.path(&id)).flatten();
        let (program, recordings) = (Arc::clone(&this.program), this.recordings.clone());
        let (kind, size, directory) = (wanted.kind, wanted.size, cwd.clone());
        let account_id = account.id.clone();
        let begun_at = clock::now();
        let terminal = blocking(move || {
            if recording.is_some() {
                recordings.prepare()?;
            }
            let start = program.start(kind, &account_id, directory, size, recording)?;
            Ok(Terminal::start(start)?)
        })
        .await?;
        let session = Session::new(id, kind, &account, cwd, caller, is_recorded, terminal);
        let session = Arc::new(session.begun_at(begun_at));
        place.fill(Arc::clone(&session));
        app.note(
            caller,
            "launch",
            Some(&account.name),
            Some(&session.in_words()),
        );
        tokio::spawn(follow(
            Arc::downgrade(app),
            Arc::clone(&session),
            caller.clone(),
        ));
        Ok(session)
    }

    /// Ends one that runs; forgets one that has ended, with its recording. Says which it was, in the
    /// words of the audit log.
    ///
    /// # Errors
    /// 404.
    pub(crate) async fn remove(&self, id: &str) -> Result<&'static str, ApiError> {
        let recordings = self.recordings.clone();
        match self.get(id) {
            Ok(session) if session.is_running() => {
                session.end();
                Ok(STOPPED)
            }
            found => {
                let of_session = id.to_owned();
                let removed = blocking(move || Ok(recordings.remove(&of_session))).await?;
                self.forget(id);
                match (found, removed) {
                    (Err(error), false) => Err(error),
                    (_, true) => Ok("recording removed"),
                    (Ok(_), false) => Ok("terminal forgotten"),
                }
            }
        }
    }

    /// Where the recording of a session is, also of one that is forgotten.
    ///
    /// # Errors
    /// 404 if it was not recorded.
    pub(crate) fn recording(&self, id: &str) -> Result<PathBuf, ApiError> {
        let path = self.recordings.path(id).filter(|path| path.is_file());
        path.ok_or_else(|| {
            ApiError::not_found("this session was not recorded").hinted(
                "Recording is off unless it is asked for, when starting or in the settings.",
            )
        })
    }

    /// Gives a session another title.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn rename(&self, id: &str, title: &str) -> Result<(), ApiError> {
        self.get(id)?.set_title(title);
        self.events.tell(Change::Sessions);
        Ok(())
    }

    /// Somebody came to look or went.
    pub(crate) fn tell_of_change(&self) {
        self.events.tell(Change::Sessions);
    }

    /// Ends all, and waits for that: `terminal` kills what a hang-up does not end after 5 s. Nothing
    /// is started any more.
    pub(crate) async fn shutdown(&self) {
        let sessions = {
            let mut known = self.known();
            known.is_closing = true;
            known.sessions.clone()
        };
        for session in &sessions {
            session.terminal.end();
        }
        for session in &sessions {
            session.terminal.wait().await;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    fn take_place(&self, app: &Arc<App>) -> Result<Place, ApiError> {
        let mut known = self.known();
        if known.is_closing {
            let message = "the dashboard is being stopped";
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        let running = known
            .sessions
            .iter()
            .filter(|session| session.is_running())
            .count();
        if running + known.starting >= MAX_SESSIONS {
            let message = format!("{MAX_SESSIONS} terminals are running, which is as many as may");
            return Err(
                ApiError::new(StatusCode::CONFLICT, message).hinted("End one of them first.")
            );
        }
        known.starting += 1;
        Ok(Place {
            app: Arc::clone(app),
        })
    }

    fn forget(&self, id: &str) {
        let mut known = self.known();
        let before = known.sessions.len();
        known.sessions.retain(|session| session.id != id);
        let is_gone = known.sessions.len() < before;
        drop(known);
        if is_gone {
            self.after_forgetting([id.to_owned()]);
        }
    }

    /// Forgets the oldest that have ended, until the limits are kept.
    fn trim(&self) {
        let mut known = self.known();
        let mut ended: Vec<_> = known
            .sessions
            .iter()
            .filter(|session| !session.is_running())
            .cloned()
            .collect();
        ended.sort_by_key(|session| session.terminal.ended().map(|ended| ended.at));
        let mut bytes: usize = known
            .sessions
            .iter()
            .map(|session| session.terminal.kept_bytes())
            .sum();
        let mut forgotten = Vec::new();
        let count = ended.len();
        for (index, session) in ended.into_iter().enumerate() {
            if count - index <= MAX_ENDED && bytes <= MAX_KEPT_BYTES {
                break;
            }
            bytes = bytes.saturating_sub(session.terminal.kept_bytes());
            forgotten.push(session.id.clone());
        }
        known
            .sessions
            .retain(|session| !forgotten.contains(&session.id));
        drop(known);
        if !forgotten.is_empty() {
            self.after_forgetting(forgotten);
        }
    }

    /// Ends all links, and the sockets that came by one: the password was changed, perhaps because
    /// somebody had made links who was not to.
    pub(crate) fn end_links(&self) {
        let watched = self.links.forget_all().into_iter();
        let watchers: Vec<Who> = watched.map(|session| Who::Watcher { session }).collect();
        if !watchers.is_empty() {
            self.events.tell(Change::Ended(watchers));
        }
    }

    fn after_forgetting(&self, ids: impl IntoIterator<Item = String>) {
        let watchers = ids.into_iter().map(|session| {
            self.links.forget(&session);
            Who::Watcher { session }
        });
        self.events.tell(Change::Ended(watchers.collect()));
        self.events.tell(Change::Sessions);
    }
}

/// A place among those that run, given back when dropped.
struct Place {
    app: Arc<App>,
}

impl Place {
    fn fill(self, session: Arc<Session>) {
        let this = &self.app.terminals;
        let mut known = this.known();
        if known.is_closing {
            session.terminal.end();
        }
        known.sessions.push(session);
        drop(known);
        this.trim();
        this.events.tell(Change::Sessions);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.terminals.known().starting -= 1;
    }
}

/// Waits for the end of a session, and an hour later for it to be forgotten. Holds nothing in
/// between: what was forgotten earlier takes no memory.
async fn follow(app: Weak<App>, session: Arc<Session>, caller: Caller) {
    let ended = session.terminal.wait().await;
    let id = session.id.clone();
    if let Some(app) = app.upgrade() {
        app.note(
            &caller,
            "terminal ended",
            Some(&session.account),
            Some(&session::end_in_words(&ended)),
        );
        if session.kind == Kind::Login && ended.code == Some(0) {
            app.events.tell(Change::Accounts);
        }
        app.events.tell(Change::Sessions);
        app.terminals.trim();
    }
    drop(session);
    tokio::time::sleep(KEPT_FOR).await;
    if let Some(app) = app.upgrade() {
        app.terminals.forget(&id);
    }
}

async fn account(app: &Arc<App>, id: &str) -> Result<Account, ApiError> {
    let id = AccountId::from_stored(id);
    app.vaults.quick(move |vault| vault.get(&id)).await
}

/// 128 random bits in hexadecimal digits.
fn random_id() -> Result<String, ApiError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| ApiError::from(VaultError::Random))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

fn no_session() -> ApiError {
    ApiError::not_found("there is no such terminal session, or not any more")
        .hinted("One that has ended is kept for an hour.")
}

/// What is guarded here is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
