//! Sessions: a running client with a view of one account's login.
//!
//! What is true of a session stands in its directory. The keeper can be killed and started again,
//! and a launch needs no keeper to write its view.

mod publishing;
mod view;
mod watch;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use model::{AccountId, CredentialDocument};
use serde::{Deserialize, Serialize};
use vault::{VaultError, durable};

use crate::RuntimeDirectory;
use crate::process::ProcessIdentity;

pub(crate) use publishing::{Publishing, publish};
use view::make_view_directory;
pub(crate) use view::may_be_replaced;
pub use view::{Written, write_view};
pub use watch::ViewWatch;

const RECORD: &str = "session.json";
const VIEW: &str = "view";
const RECORD_LIMIT: u64 = 64 * 1024;

/// How the client is told of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// `CLAUDE_SECURESTORAGE_CONFIG_DIR` names the directory of the view.
    SecureStorage,
    /// `CLAUDE_CONFIG_DIR` does, and it is full of links into `~/.claude`.
    ConfigDirectory,
}

/// A session's directory and what is recorded of it.
#[derive(Clone, Debug)]
pub struct Session {
    directory: PathBuf,
    record: Record,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    account_id: String,
    process: ProcessIdentity,
    kind: SessionKind,
    /// Epoch milliseconds.
    started_at: i64,
}

/// A session that is about to start: this process, once it executes the client. Dropped without
/// [`NewSession::keep`] it is taken back.
#[must_use]
#[derive(Debug)]
pub struct NewSession {
    session: Session,
    keep: bool,
}

impl NewSession {
    /// Makes the session's directory with its view.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(
        runtime: &RuntimeDirectory,
        account: &AccountId,
        kind: SessionKind,
        login: &CredentialDocument,
    ) -> Result<Self, VaultError> {
        let us = i32::try_from(std::process::id()).unwrap_or_default();
        Self::create_for(runtime, account, kind, login, us)
    }

    /// The same for another process of this user, which is or becomes the client.
    ///
    /// # Errors
    /// If it cannot be written, or there is no such process.
    pub fn create_for(
        runtime: &RuntimeDirectory,
        account: &AccountId,
        kind: SessionKind,
        login: &CredentialDocument,
        pid: i32,
    ) -> Result<Self, VaultError> {
        runtime.create()?;
        let process = ProcessIdentity::of(pid).ok_or_else(|| no_process(pid))?;
        let random = getrandom::u32().map_err(|_| VaultError::Random)?;
        let name = format!("{}-{random:08x}", process.pid);
        let record = Record {
            account_id: account.as_str().to_owned(),
            process,
            kind,
            started_at: crate::clock::now().as_millis(),
        };
        // Made under a hidden name first: the keeper must not find half a session.
        let hidden = Session {
            directory: runtime.sessions().join(format!(".{name}")),
            record,
        };
        let created = hidden.create_in_place(login);
        let session = Session {
            directory: runtime.sessions().join(name),
            record: hidden.record.clone(),
        };
        let placed = created.and_then(|()| rename(&hidden.directory, &session.directory));
        match placed {
            Ok(()) => Ok(Self {
                session,
                keep: false,
            }),
            Err(error) => {
                hidden.remove();
                Err(error)
            }
        }
    }

    /// The directory that the client is told of.
    #[must_use]
    pub fn view_directory(&self) -> PathBuf {
        self.session.view_directory()
    }

    /// Leaves the session to the client and the keeper.
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for NewSession {
    fn drop(&mut self) {
        if !self.keep {
            self.session.remove();
        }
    }
}

impl Session {
    /// All sessions of a runtime directory. Damaged ones are left out.
    #[must_use]
    pub fn all(runtime: &RuntimeDirectory) -> Vec<Self> {
        Self::all_but(runtime, |_| false)
    }

    /// Those whose directories are not `known`.
    pub(crate) fn all_but(runtime: &RuntimeDirectory, known: impl Fn(&Path) -> bool) -> Vec<Self> {
        let visible = entries(runtime).filter(|path| !is_hidden(path) && !known(path));
        visible.filter_map(|path| Self::read(&path)).collect()
    }

    fn read(directory: &Path) -> Option<Self> {
        let bytes = durable::read_regular(&directory.join(RECORD), RECORD_LIMIT).ok()??;
        let record = serde_json::from_slice(&bytes).ok()?;
        Some(Self {
            directory: directory.to_owned(),
            record,
        })
    }

    /// The session's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory that the client is told of.
    #[must_use]
    pub fn view_directory(&self) -> PathBuf {
        self.directory.join(VIEW)
    }

    /// The view itself.
    #[must_use]
    pub fn view(&self) -> PathBuf {
        self.view_directory().join(".credentials.json")
    }

    /// The account whose login it shows.
    #[must_use]
    pub fn account(&self) -> AccountId {
        AccountId::from_stored(self.record.account_id.clone())
    }

    /// How the client was told.
    #[must_use]
    pub fn kind(&self) -> SessionKind {
        self.record.kind
    }

    /// The client's process number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.record.process.pid
    }

    /// When it began, in epoch milliseconds.
    #[must_use]
    pub fn started_at(&self) -> i64 {
        self.record.started_at
    }

    /// Whether the client still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.record.process.is_alive()
    }

    /// Whether its directory is there: whoever made it may have taken it back.
    pub(crate) fn exists(&self) -> bool {
        fs::symlink_metadata(&self.directory).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Removes the session's directory, out of sight first: nobody finds half of it. What cannot
    /// be removed is swept up by the next keeper.
    pub(crate) fn remove(&self) {
        let mut name = OsString::from(".");
        name.push(self.directory.file_name().unwrap_or_default());
        let hidden = self.directory.with_file_name(name);
        match fs::rename(&self.directory, &hidden) {
            Ok(()) => drop(fs::remove_dir_all(&hidden)),
            Err(_) => drop(fs::remove_dir_all(&self.directory)),
        }
    }

    fn create_in_place(&self, login: &CredentialDocument) -> Result<(), VaultError> {
        durable::private_directory(&self.directory)?;
        make_view_directory(&self.view_directory())?;
        self.write_first_view(login)?;
        let record = serde_json::to_vec(&self.record).expect("plain strings and numbers serialise");
        durable::replace_volatile(&self.directory.join(RECORD), &record, 0o600)
    }
}

/// Removes what killed launches and keepers left half made or half removed.
pub(crate) fn sweep(runtime: &RuntimeDirectory) {
    for path in entries(runtime) {
        if (is_hidden(&path) || Session::read(&path).is_none()) && !maker_is_alive(&path) {
            drop(fs::remove_dir_all(&path));
        }
    }
}

fn entries(runtime: &RuntimeDirectory) -> impl Iterator<Item = PathBuf> {
    let listing = fs::read_dir(runtime.sessions()).into_iter().flatten();
    listing.filter_map(Result::ok).map(|entry| entry.path())
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

/// The directory's name begins with the number of the process that it was made for.
fn maker_is_alive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.trim_start_matches('.').split('-').next();
    let pid = number.and_then(|number| number.parse().ok());
    pid.is_some_and(|pid| ProcessIdentity::of(pid).is_some())
}

fn no_process(pid: i32) -> VaultError {
    VaultError::File {
        action: "look at",
        path: PathBuf::from(format!("/proc/{pid}/stat")),
        source: std::io::ErrorKind::NotFound.into(),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), VaultError> {
    let path = to.to_owned();
    fs::rename(from, to).map_err(|source| VaultError::File {
        action: "create the directory",
        path,
        source,
    })
}
