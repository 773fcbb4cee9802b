//! Sessions: a running client with a view of one account's login.
//!
//! What is true of a session stands in its directory. The keeper can be killed and started again,
//! and a launch needs no keeper to write its view.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use model::{AccountId, CredentialDocument, DOCUMENT_LIMIT};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use vault::{VaultError, durable};
use zeroize::Zeroizing;

use crate::RuntimeDirectory;
use crate::process::ProcessIdentity;

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
            started_at: crate::renewal::now().as_millis(),
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

    /// Reads the view as it is; `None` if it is missing or no view.
    pub(crate) fn read_view(&self) -> Option<CredentialDocument> {
        CredentialDocument::parse(&Self::read_bytes(&self.view())).ok()
    }

    /// How long the view has been as it is; `None` if that cannot be told.
    pub(crate) fn view_age(&self) -> Option<Duration> {
        let changed = fs::symlink_metadata(self.view()).ok()?.modified().ok()?;
        SystemTime::now().duration_since(changed).ok()
    }

    /// Whether the view shows this login.
    pub(crate) fn shows(&self, login: &CredentialDocument) -> bool {
        self.read_view().is_some_and(|view| {
            view.access_token() == login.access_token() && view.expires_at() == login.expires_at()
        })
    }

    /// Replaces the view; what else the client keeps in that file (the tokens of MCP servers)
    /// stays, and so does a login that somebody has signed in to there. It need not survive a
    /// crash: it is made again from the vault.
    pub(crate) fn write_view(&self, login: &CredentialDocument) -> Result<(), VaultError> {
        self.write_view_over(login, may_be_replaced)
    }

    /// The same over a login for which `may_go` holds. Whatever the client writes at the same
    /// moment is noticed: what was there is looked at once more after it was replaced.
    pub(crate) fn write_view_over(
        &self,
        login: &CredentialDocument,
        may_go: impl Fn(&CredentialDocument) -> bool,
    ) -> Result<(), VaultError> {
        const ATTEMPTS: usize = 8;
        let stays = |bytes: &[u8]| {
            CredentialDocument::parse(bytes).is_ok_and(|document| !may_go(&document))
        };
        let mut there = Self::read_bytes(&self.view());
        if stays(&there) {
            return Ok(());
        }
        let mut next = view_over(&there, login);
        for _attempt in 0..ATTEMPTS {
            let replaced = self.exchange(&next)?;
            if replaced == there {
                break;
            }
            there = next;
            next = match stays(&replaced) {
                true => replaced,
                false => view_over(&replaced, login),
            };
        }
        Ok(())
    }

    /// Puts `bytes` where the view is and gives what was there; nothing if that was no file.
    fn exchange(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        const ATTEMPTS: usize = 8;
        let (view, random) = (self.view(), getrandom::u32());
        let random = random.map_err(|_| VaultError::Random)?;
        let other = view.with_file_name(format!(".credentials.json.{random:08x}.tmp"));
        durable::replace_volatile(&other, bytes, 0o600)?;
        for _attempt in 0..ATTEMPTS {
            let rename = |flags| renameat_with(CWD, &other, CWD, &view, flags);
            match rename(RenameFlags::EXCHANGE) {
                Ok(()) => {
                    let replaced = Self::read_bytes(&other);
                    remove_any(&other);
                    return Ok(replaced);
                }
                Err(Errno::NOENT) => {}
                // A file system that cannot.
                Err(_) => break,
            }
            match rename(RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(Zeroizing::default()),
                Err(Errno::EXIST) => {}
                Err(_) => break,
            }
        }
        let replaced = Self::read_bytes(&view);
        rename(&other, &view).inspect_err(|_| remove_any(&other))?;
        Ok(replaced)
    }

    fn read_bytes(path: &Path) -> Zeroizing<Vec<u8>> {
        let read = durable::read_regular(path, DOCUMENT_LIMIT as u64);
        Zeroizing::new(read.ok().flatten().unwrap_or_default())
    }

    /// The same after putting right whatever keeps the view from being written.
    pub(crate) fn mend_view(&self, login: &CredentialDocument) -> Result<(), VaultError> {
        let directory = self.view_directory();
        // Through a link the write would hit whatever it points to.
        if !fs::symlink_metadata(&directory).is_ok_and(|metadata| metadata.is_dir()) {
            drop(fs::remove_file(&directory));
            make_view_directory(&directory)?;
        }
        if self.write_view(login).is_ok() {
            return Ok(());
        }
        drop(fs::set_permissions(
            &directory,
            Permissions::from_mode(0o700),
        ));
        if fs::symlink_metadata(self.view()).is_ok_and(|metadata| metadata.is_dir()) {
            remove_any(&self.view());
        }
        self.write_view(login)
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
        self.write_view(login)?;
        let record = serde_json::to_vec(&self.record).expect("plain strings and numbers serialise");
        durable::replace_volatile(&self.directory.join(RECORD), &record, 0o600)
    }
}

/// The view of `login` with whatever else is in the file that it replaces.
fn view_over(there: &[u8], login: &CredentialDocument) -> Zeroizing<Vec<u8>> {
    let view = match CredentialDocument::parse_any(there) {
        Ok(document) => document.with_login_of(&login.view()),
        Err(_) => login.view(),
    };
    Zeroizing::new(view.to_bytes())
}

/// Puts a login into every view of an account.
pub(crate) fn publish(runtime: &RuntimeDirectory, account: &AccountId, login: &CredentialDocument) {
    for session in Session::all(runtime) {
        if &session.account() == account
            && !session.shows(login)
            && session
                .read_view()
                .is_none_or(|view| may_be_replaced(&view))
        {
            // The keeper tries again and tells.
            drop(session.write_view(login));
        }
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

fn make_view_directory(path: &Path) -> Result<(), VaultError> {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.map_err(|source| VaultError::File {
        action: "create the directory",
        path: path.to_owned(),
        source,
    })
}

/// A view in which somebody has signed in holds a login that is nowhere else.
pub(crate) fn may_be_replaced(view: &CredentialDocument) -> bool {
    view.refresh_token().is_empty()
}

fn remove_any(path: &Path) {
    if fs::remove_file(path).is_err() {
        drop(fs::remove_dir_all(path));
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Secret, Timestamp};
    use std::sync::atomic::{AtomicBool, Ordering};
    use vault::VaultPaths;

    fn login(access: &str, refresh: &str) -> CredentialDocument {
        let end = Some(Timestamp::from_millis(1_790_000_000_000));
        CredentialDocument::from_tokens(&Secret::new(access), &Secret::new(refresh), end)
    }

    fn session(directory: &Path) -> Session {
        let runtime = RuntimeDirectory::locate(None, &VaultPaths::new(directory));
        let id = AccountId::from_stored("acc_a");
        let first = login("sk-ant-oat01-FAKEfirst", "sk-ant-ort01-FAKEfirst");
        let kind = SessionKind::SecureStorage;
        NewSession::create(&runtime, &id, kind, &first)
            .unwrap()
            .keep();
        Session::all(&runtime).remove(0)
    }

    #[test]
    fn a_view_holds_no_refresh_token_and_nothing_is_left_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let session = session(home.path());
        let next = login("sk-ant-oat01-FAKEnext", "sk-ant-ort01-FAKEnext");
        session.write_view(&next).unwrap();
        assert!(session.shows(&next));
        assert!(session.read_view().unwrap().refresh_token().is_empty());
        assert_eq!(fs::read_dir(session.view_directory()).unwrap().count(), 1);
    }

    /// The client puts a login there at every moment of our writing.
    #[test]
    fn a_login_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let session = session(home.path());
        let done = AtomicBool::new(false);
        let limit = Duration::from_secs(60);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0_u32.. {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    let token = format!("sk-ant-oat01-FAKE{number}");
                    session.write_view(&login(&token, "")).unwrap();
                }
            });
            let client = session.view_directory().join("by-the-client");
            for number in 0..300 {
                let signed_in = login("sk-ant-oat01-FAKEx", &format!("sk-ant-ort01-FAKE{number}"));
                durable::replace_volatile(&client, &signed_in.to_bytes(), 0o600).unwrap();
                fs::rename(&client, session.view()).unwrap();
                testkit::wait_until("the login in its place", limit, || {
                    session.read_view().as_ref() == Some(&signed_in)
                });
                // Logged out: there are views again.
                fs::remove_file(session.view()).unwrap_or_default();
                wait(&|| {
                    session
                        .read_view()
                        .is_some_and(|view| may_be_replaced(&view))
                });
            }
            done.store(true, Ordering::SeqCst);
        });
    }
}
