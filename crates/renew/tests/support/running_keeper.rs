//! A keeper on a thread of this process, and clients for it to keep.

use super::{PATIENCE, Place};
use model::{AccountId, CredentialDocument};
use renew::{
    ClientFiles, Keeper, KeeperError, KeeperEvent, KeeperOptions, NewSession, Renewer,
    RuntimeDirectory, Session, SessionEnd, SessionKind, TokenUrl, ask_keeper_to_stop, wake_keeper,
};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::{Process, wait_until};
use vault::{VaultKey, VaultPaths};

type Hook = Box<dyn Fn(&std::path::Path) + Send>;

/// What a keeper of a test is started with. Unlike [`KeeperOptions`] it can go to a thread.
pub(crate) struct Start {
    pub(crate) paths: VaultPaths,
    pub(crate) key: Option<VaultKey>,
    pub(crate) runtime: RuntimeDirectory,
    pub(crate) files: Option<ClientFiles>,
    pub(crate) url: TokenUrl,
    pub(crate) linger: Duration,
    pub(crate) lock_patience: Duration,
    pub(crate) on_session_end: Option<Hook>,
}

impl Start {
    /// One that stays until it is asked to leave.
    pub(crate) fn of(place: &Place) -> Self {
        Self {
            paths: place.paths.clone(),
            key: None,
            runtime: place.runtime.clone(),
            files: None,
            url: place.url(),
            linger: PATIENCE,
            lock_patience: Duration::ZERO,
            on_session_end: None,
        }
    }

    pub(crate) fn options(self) -> KeeperOptions {
        let (files, runtime) = (self.files.clone(), self.runtime.clone());
        KeeperOptions {
            paths: self.paths,
            key: self.key,
            runtime: self.runtime,
            files: self.files,
            renewer: Arc::new(Renewer::new(self.url, files, runtime)),
            linger: self.linger,
            lock_patience: self.lock_patience,
            on_session_end: self.on_session_end.map(|end| -> SessionEnd { end }),
        }
    }

    pub(crate) fn start(self) -> RunningKeeper {
        let events = Events::default();
        let (told, runtime) = (events.clone(), self.runtime.clone());
        let thread = std::thread::spawn(move || {
            let observer = Box::new(move |event: &KeeperEvent| told.note(event));
            Keeper::start(self.options(), observer)?.run()
        });
        RunningKeeper {
            events,
            runtime,
            thread: Some(thread),
        }
    }
}

/// What a keeper has told so far.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<KeeperEvent>>>);

impl Events {
    fn note(&self, event: &KeeperEvent) {
        self.0.lock().unwrap().push(event.clone());
    }

    pub(crate) fn all(&self) -> Vec<KeeperEvent> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&KeeperEvent) -> bool) -> usize {
        self.all().iter().filter(|event| wanted(event)).count()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&KeeperEvent) -> bool) {
        let wait = || wait_until(what, PATIENCE, || self.count(&wanted) > 0);
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait));
        assert!(waited.is_ok(), "no {what} among {:#?}", self.all());
    }
}

/// Asked to leave when dropped.
pub(crate) struct RunningKeeper {
    pub(crate) events: Events,
    runtime: RuntimeDirectory,
    thread: Option<JoinHandle<Result<(), KeeperError>>>,
}

impl RunningKeeper {
    pub(crate) fn wait_until_started(self) -> Self {
        let started = |event: &KeeperEvent| matches!(event, KeeperEvent::Started { .. });
        self.events.wait_for("start", started);
        self
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until it leaves by itself.
    pub(crate) fn join(&mut self) -> Result<(), KeeperError> {
        wait_until("the end of the keeper", PATIENCE, || self.has_ended());
        self.thread.take().expect("joined once").join().unwrap()
    }
}

impl Drop for RunningKeeper {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() {
                if !ask_keeper_to_stop(&self.runtime) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            drop(thread.join());
        }
    }
}

/// A client that runs until it is dropped or told to end, with its session.
pub(crate) struct Client {
    pub(crate) process: Process,
    pub(crate) view: PathBuf,
}

impl Client {
    pub(crate) fn new(place: &Place, account: &AccountId) -> Self {
        Self::of_kind(place, account, SessionKind::SecureStorage)
    }

    pub(crate) fn of_kind(place: &Place, account: &AccountId, kind: SessionKind) -> Self {
        let process = Process::spawn_talking(Command::new("cat"));
        let pid = process.id().try_into().unwrap();
        let login = place.login(account);
        let session = NewSession::create_for(&place.runtime, account, kind, &login, pid).unwrap();
        let view = session.view_directory().join(".credentials.json");
        session.keep();
        // Without a keeper the session waits for one.
        let _kept = wake_keeper(&place.runtime);
        Self { process, view }
    }

    pub(crate) fn session_directory(&self) -> PathBuf {
        self.view.parent().unwrap().parent().unwrap().to_owned()
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.id().try_into().unwrap()
    }

    /// What the view holds, if it can be read and holds a login.
    pub(crate) fn read(&self) -> Option<CredentialDocument> {
        let metadata = std::fs::symlink_metadata(&self.view).ok()?;
        if !metadata.is_file() {
            return None;
        }
        CredentialDocument::parse(&std::fs::read(&self.view).ok()?).ok()
    }

    pub(crate) fn shows(&self, access_token: &str) -> bool {
        self.read().is_some_and(|view| {
            view.access_token().expose() == access_token && view.refresh_token().is_empty()
        })
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, access_token: &str) {
        wait_until("the token in the view", PATIENCE, || {
            self.shows(access_token)
        });
    }

    pub(crate) fn end(mut self) {
        drop(self.process.take_stdin());
        assert!(self.process.wait(PATIENCE).success());
    }
}

pub(crate) fn session_count(place: &Place) -> usize {
    Session::all(&place.runtime).len()
}
