//! The view itself: read, replaced, mended.
//!
//! The client may write at any moment, without waiting for us. So nothing is replaced unseen.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use model::{CredentialDocument, DOCUMENT_LIMIT};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use vault::{VaultError, durable};
use zeroize::Zeroizing;

use super::{Publishing, Session, rename};

impl Session {
    /// Reads the view as it is; `None` if it is missing or no view.
    pub(crate) fn read_view(&self) -> Option<CredentialDocument> {
        read_document(&self.view())
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

    /// Writes the view of a session that nobody can find yet.
    pub(super) fn write_first_view(&self, login: &CredentialDocument) -> Result<(), VaultError> {
        durable::replace_volatile(&self.view(), &view_over(&[], login), 0o600)
    }

    /// Replaces the view; what else the client keeps in that file (the tokens of MCP servers)
    /// stays, and so does a login that somebody has signed in to there. It need not survive a
    /// crash: it is made again from the vault.
    pub(crate) fn write_view(
        &self,
        publishing: &Publishing,
        login: &CredentialDocument,
    ) -> Result<(), VaultError> {
        self.write_view_over(publishing, login, may_be_replaced)
    }

    /// The same over a login for which `may_go` holds.
    pub(crate) fn write_view_over(
        &self,
        _publishing: &Publishing,
        login: &CredentialDocument,
        may_go: impl Fn(&CredentialDocument) -> bool,
    ) -> Result<(), VaultError> {
        write_over(&self.view(), login, may_go).map(drop)
    }

    /// The same after putting right whatever keeps the view from being written.
    pub(crate) fn mend_view(
        &self,
        publishing: &Publishing,
        login: &CredentialDocument,
    ) -> Result<(), VaultError> {
        let directory = self.view_directory();
        // Through a link the write would hit whatever it points to.
        if !fs::symlink_metadata(&directory).is_ok_and(|metadata| metadata.is_dir()) {
            drop(fs::remove_file(&directory));
            make_view_directory(&directory)?;
        }
        if self.write_view(publishing, login).is_ok() {
            return Ok(());
        }
        drop(fs::set_permissions(
            &directory,
            Permissions::from_mode(0o700),
        ));
        if fs::symlink_metadata(self.view()).is_ok_and(|metadata| metadata.is_dir()) {
            remove_any(&self.view());
        }
        self.write_view(publishing, login)
    }
}

/// What has become of a view that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It shows the login.
    Shown,
    /// Somebody has signed in there: that login stays.
    SignedIn,
}

/// Makes the file `view` a view of `login`, for who has no session of a vault there: the server of a live session. What is
/// there goes, but for a login that somebody has signed in to, and for what else the client keeps in that file. No link is
/// followed.
///
/// # Errors
/// If it cannot be written.
pub fn write_view(view: &Path, login: &CredentialDocument) -> Result<Written, VaultError> {
    write_over(view, login, may_be_replaced)
}

/// Whatever the client writes at the same moment is noticed: what was there is looked at once more after it was replaced.
fn write_over(
    view: &Path,
    login: &CredentialDocument,
    may_go: impl Fn(&CredentialDocument) -> bool,
) -> Result<Written, VaultError> {
    const ATTEMPTS: usize = 8;
    let stays =
        |bytes: &[u8]| CredentialDocument::parse(bytes).is_ok_and(|document| !may_go(&document));
    let mut there = read_bytes(view);
    if stays(&there) {
        return Ok(Written::SignedIn);
    }
    let mut next = view_over(&there, login);
    let mut written = Written::Shown;
    for _attempt in 0..ATTEMPTS {
        let replaced = exchange(view, &next)?;
        if replaced == there {
            break;
        }
        there = next;
        (next, written) = match stays(&replaced) {
            true => (replaced, Written::SignedIn),
            false => (view_over(&replaced, login), Written::Shown),
        };
    }
    Ok(written)
}

/// Puts `bytes` where the view is and gives what was there; nothing if that was no file.
fn exchange(view: &Path, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    const ATTEMPTS: usize = 8;
    let random = getrandom::u32().map_err(|_| VaultError::Random)?;
    let other = view.with_file_name(format!(".credentials.json.{random:08x}.tmp"));
    durable::replace_volatile(&other, bytes, 0o600)?;
    for _attempt in 0..ATTEMPTS {
        let rename = |flags| renameat_with(CWD, &other, CWD, view, flags);
        match rename(RenameFlags::EXCHANGE) {
            Ok(()) => {
                let replaced = read_bytes(&other);
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
    let replaced = read_bytes(view);
    rename(&other, view).inspect_err(|_| remove_any(&other))?;
    Ok(replaced)
}

pub(super) fn read_document(view: &Path) -> Option<CredentialDocument> {
    CredentialDocument::parse(&read_bytes(view)).ok()
}

fn read_bytes(path: &Path) -> Zeroizing<Vec<u8>> {
    let read = durable::read_regular(path, DOCUMENT_LIMIT as u64);
    Zeroizing::new(read.ok().flatten().unwrap_or_default())
}

/// A view in which somebody has signed in holds a login that is nowhere else.
pub(crate) fn may_be_replaced(view: &CredentialDocument) -> bool {
    view.refresh_token().is_empty()
}

/// The view of `login` with whatever else is in the file that it replaces.
fn view_over(there: &[u8], login: &CredentialDocument) -> Zeroizing<Vec<u8>> {
    let view = match CredentialDocument::parse_any(there) {
        Ok(document) => document.with_login_of(&login.view()),
        Err(_) => login.view(),
    };
    Zeroizing::new(view.to_bytes())
}

pub(super) fn make_view_directory(path: &Path) -> Result<(), VaultError> {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.map_err(|source| VaultError::File {
        action: "create the directory",
        path: path.to_owned(),
        source,
    })
}

fn remove_any(path: &Path) {
    if fs::remove_file(path).is_err() {
        drop(fs::remove_dir_all(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewSession, RuntimeDirectory, SessionKind};
    use model::{AccountId, Secret, Timestamp};
    use std::sync::atomic::{AtomicBool, Ordering};
    use vault::VaultPaths;

    fn login(access: &str, refresh: &str) -> CredentialDocument {
        let end = Some(Timestamp::from_millis(1_790_000_000_000));
        CredentialDocument::from_tokens(&Secret::new(access), &Secret::new(refresh), end)
    }

    fn session(directory: &Path) -> (Session, Publishing) {
        let runtime = RuntimeDirectory::locate(None, &VaultPaths::new(directory));
        let id = AccountId::from_stored("acc_a");
        let first = login("sk-ant-oat01-FAKEfirst", "sk-ant-ort01-FAKEfirst");
        let kind = SessionKind::SecureStorage;
        NewSession::create(&runtime, &id, kind, &first)
            .unwrap()
            .keep();
        let publishing = Publishing::try_begin(&runtime).unwrap().unwrap();
        (Session::all(&runtime).remove(0), publishing)
    }

    #[test]
    fn a_view_holds_no_refresh_token_and_nothing_is_left_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let (session, publishing) = session(home.path());
        let next = login("sk-ant-oat01-FAKEnext", "sk-ant-ort01-FAKEnext");
        session.write_view(&publishing, &next).unwrap();
        assert!(session.shows(&next));
        assert!(session.read_view().unwrap().refresh_token().is_empty());
        assert_eq!(fs::read_dir(session.view_directory()).unwrap().count(), 1);
    }

    /// The client puts a login there at every moment of our writing.
    #[test]
    fn a_login_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let (session, publishing) = session(home.path());
        let done = AtomicBool::new(false);
        let limit = Duration::from_secs(60);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0_u32.. {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    let token = format!("sk-ant-oat01-FAKE{number}");
                    let login = login(&token, "");
                    session.write_view(&publishing, &login).unwrap();
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
                testkit::wait_until("a view again", limit, || {
                    let view = session.read_view();
                    view.is_some_and(|view| may_be_replaced(&view))
                });
            }
            done.store(true, Ordering::SeqCst);
        });
    }
}
