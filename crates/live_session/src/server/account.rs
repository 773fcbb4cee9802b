//! The account that the session brings along: in this process's memory, its view in a directory that is in memory too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use launch::{RIVAL_VARIABLES, SECURE_STORAGE_VARIABLE};
use live::Bytes;
use live::control::{self, Failure, Reply};
use model::CredentialDocument;
use renew::{Written, write_view};
use zeroize::Zeroizing;

mod place;

use crate::failure;
pub use place::remove;

/// What the client reads in the directory that it is told of.
const VIEW: &str = ".credentials.json";

/// See the head of this file.
pub(super) struct SessionAccount {
    /// Directories for the view, of which the first is taken that is in memory.
    places: Vec<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    account: Option<Told>,
    is_over: bool,
}

/// What the laptop has told.
struct Told {
    environment: Vec<Variable>,
    view: Option<View>,
}

struct Variable {
    name: OsString,
    value: Zeroizing<Vec<u8>>,
}

struct View {
    directory: PathBuf,
    document: CredentialDocument,
}

impl SessionAccount {
    pub(super) fn new(places: Vec<PathBuf>) -> Self {
        Self {
            places,
            state: Mutex::default(),
        }
    }

    /// Has everything that is started from now on work as this account.
    pub(super) fn set(&self, account: control::Account) -> Result<Reply, Failure> {
        let environment: Result<Vec<Variable>, Failure> =
            account.environment.iter().map(Variable::new).collect();
        let environment = environment?;
        let document = account.document.map(|bytes| document(&bytes)).transpose()?;
        let mut state = self.state();
        if state.is_over {
            return Err(failure("the session has ended", ""));
        }
        let Some(document) = document else {
            remove(&self.places);
            state.account = Some(Told {
                environment,
                view: None,
            });
            return Ok(Reply::Done);
        };
        let directory = self.directory()?;
        let view = View {
            directory,
            document,
        };
        let written = view.write();
        state.account = Some(Told {
            environment,
            view: Some(view),
        });
        match written? {
            Written::Shown => Ok(Reply::Done),
            Written::SignedIn => Ok(Reply::SignedIn),
        }
    }

    /// Makes the view again if it is gone: a server may clear what is in memory when its user's last login ends.
    pub(super) fn mend(&self) {
        let mut state = self.state();
        let Some(view) = state.account.as_mut().and_then(|told| told.view.as_mut()) else {
            return;
        };
        if view.is_there() {
            return;
        }
        if let Ok(directory) = self.directory() {
            view.directory = directory;
            // The client says what is missing.
            drop(view.write());
        }
    }

    /// What the environment of a program is to have that is started now; `None` if the session brings no account along.
    pub(super) fn environment(&self) -> Option<AccountEnvironment> {
        self.mend();
        let state = self.state();
        let told = state.account.as_ref()?;
        let view = told.view.iter();
        let view = view.map(|view| {
            (
                SECURE_STORAGE_VARIABLE.into(),
                view.directory.clone().into(),
            )
        });
        let own = told.environment.iter();
        let own = own.map(|one| (one.name.clone(), OsString::from_vec(one.value.to_vec())));
        // The account's own variables win, as where it is launched.
        Some(AccountEnvironment(view.chain(own).collect()))
    }

    /// It is gone, and none comes after that.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.account = None;
        remove(&self.places);
    }

    fn directory(&self) -> Result<PathBuf, Failure> {
        let mut problems = Vec::new();
        for place in &self.places {
            match place::make(place) {
                Ok(()) => return Ok(place.clone()),
                Err(error) => problems.push(format!("{}: {error}", place.display())),
            }
        }
        Err(failure(
            &format!(
                "the server has no place in memory for a login ({})",
                problems.join("; ")
            ),
            "Have a tmpfs there that is yours alone: what XDG_RUNTIME_DIR names, or /dev/shm.",
        ))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionAccount {
    fn drop(&mut self) {
        self.end();
    }
}

impl Variable {
    fn new((name, value): &(Bytes, Bytes)) -> Result<Self, Failure> {
        let is_none = name.is_empty() || name.contains(&b'=');
        if is_none || name.contains(&0) || value.contains(&0) {
            return Err(failure(
                "the account has a variable with a name or value that none can have",
                "",
            ));
        }
        Ok(Self {
            name: OsString::from_vec(name.to_vec()),
            value: Zeroizing::new(value.to_vec()),
        })
    }
}

impl View {
    fn path(&self) -> PathBuf {
        self.directory.join(VIEW)
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(self.path()).is_ok()
    }

    fn write(&self) -> Result<Written, Failure> {
        write_view(&self.path(), &self.document)
            .map_err(|error| failure(&format!("the login cannot be written: {error}"), ""))
    }
}

/// The document, which is to be a view: the refresh token is the laptop's alone, and none that comes by mistake is kept.
fn document(bytes: &[u8]) -> Result<CredentialDocument, Failure> {
    let document = CredentialDocument::parse(bytes);
    let document = document.map_err(|error| failure(&format!("that is no login: {error}"), ""))?;
    match document.refresh_token().is_empty() {
        true => Ok(document.view()),
        false => Err(failure(
            "the login was sent with its refresh token, and is not taken",
            "",
        )),
    }
}

/// What a program's environment has of the account.
pub(super) struct AccountEnvironment(Vec<(OsString, OsString)>);

impl AccountEnvironment {
    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter();
        Self(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// Nothing of the login on this server wins over the account: not a key in its environment either.
    pub(super) fn add_to(self, environment: &mut BTreeMap<OsString, OsString>) {
        environment.retain(|name, _| !RIVAL_VARIABLES.iter().any(|rival| name == rival));
        environment.extend(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;

    use super::*;
    use model::Secret;
    use place::tests::{is_on_disk, memory};

    fn login(access: &str, refresh: &str) -> control::Account {
        let [access, refresh] = [access, refresh].map(Secret::new);
        let document = CredentialDocument::from_tokens(&access, &refresh, None);
        control::Account {
            environment: vec![("EXAMPLE".into(), "own".into())],
            document: Some(document.to_bytes().into()),
        }
    }

    fn shown(place: &Path) -> CredentialDocument {
        CredentialDocument::parse(&fs::read(place.join(VIEW)).unwrap()).unwrap()
    }

    fn environment(account: &SessionAccount) -> BTreeMap<OsString, OsString> {
        let mut environment = BTreeMap::new();
        account.environment().unwrap().add_to(&mut environment);
        environment
    }

    #[test]
    fn a_login_is_shown_to_programs_in_memory_and_to_this_user_alone() {
        let Some(memory) = memory() else { return };
        let place = memory.path().join("above/x.account");
        let account = SessionAccount::new(vec![place.clone()]);
        assert!(account.environment().is_none());
        let reply = account.set(login("sk-ant-oat01-FAKEfirst", "")).unwrap();
        assert_eq!(reply, Reply::Done);
        assert_eq!(
            environment(&account),
            [
                (SECURE_STORAGE_VARIABLE.into(), place.clone().into()),
                ("EXAMPLE".into(), "own".into())
            ]
            .into()
        );
        for (path, mode) in [(place.clone(), 0o700), (place.join(VIEW), 0o600)] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode);
        }
        let next = login("sk-ant-oat01-FAKEnext", "");
        assert_eq!(account.set(next).unwrap(), Reply::Done);
        assert_eq!(
            shown(&place).access_token(),
            Secret::new("sk-ant-oat01-FAKEnext")
        );
        fs::remove_dir_all(&place).unwrap();
        account.mend();
        assert!(place.join(VIEW).exists());
        account.end();
        assert!(!place.exists());
        assert!(account.set(login("sk-ant-oat01-FAKE", "")).is_err());
        account.mend();
        assert!(!place.exists());
    }

    #[test]
    fn a_login_with_a_refresh_token_is_not_taken() {
        let Some(memory) = memory() else { return };
        let place = memory.path().join("above/x.account");
        let account = SessionAccount::new(vec![place.clone()]);
        let refused = account
            .set(login("sk-ant-oat01-FAKE", "sk-ant-ort01-FAKE"))
            .unwrap_err();
        assert!(!refused.message.contains("FAKE"), "{refused:?}");
        assert!(!place.exists() && account.environment().is_none());
    }

    #[test]
    fn a_sign_in_inside_the_session_is_not_written_over() {
        let Some(memory) = memory() else { return };
        let place = memory.path().join("above/x.account");
        let account = SessionAccount::new(vec![place.clone()]);
        account.set(login("sk-ant-oat01-FAKEfirst", "")).unwrap();
        let [access, refresh] = ["sk-ant-oat01-FAKEown", "sk-ant-ort01-FAKEown"].map(Secret::new);
        let own = CredentialDocument::from_tokens(&access, &refresh, None);
        testkit::documents::write_private(&place.join(VIEW), own.to_bytes());
        let next = login("sk-ant-oat01-FAKEnext", "");
        assert_eq!(account.set(next.clone()).unwrap(), Reply::SignedIn);
        assert!(shown(&place) == own);
        // Logged out again.
        fs::remove_file(place.join(VIEW)).unwrap();
        assert_eq!(account.set(next).unwrap(), Reply::Done);
        assert!(shown(&place).refresh_token().is_empty());
    }

    #[test]
    fn a_login_comes_to_no_disk_and_no_place_of_others() {
        let Some(memory) = memory() else { return };
        // Beside what is built, which is on a disk nearly everywhere.
        let built = std::env::current_exe().unwrap();
        let disk = tempfile::tempdir_in(built.parent().unwrap()).unwrap();
        let is_on_disk = is_on_disk(disk.path());
        let open = memory.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        let (link, own) = (memory.path().join("link"), memory.path().join("own"));
        symlink(memory.path(), &link).unwrap();
        let mut bad = vec![open.join("x.account"), link.join("x.account")];
        if is_on_disk {
            bad.push(disk.path().join("above/x.account"));
        }
        let account = SessionAccount::new(bad.clone());
        let refused = account.set(login("sk-ant-oat01-FAKE", "")).unwrap_err();
        assert!(
            refused.message.contains("its mode has to be 0700"),
            "{refused:?}"
        );
        assert!(refused.hint.contains("/dev/shm"));
        assert!(account.environment().is_none());
        assert_eq!(refused.message.contains("is on a disk"), is_on_disk);
        let place = own.join("x.account");
        let account = SessionAccount::new([bad, vec![place.clone()]].concat());
        account.set(login("sk-ant-oat01-FAKE", "")).unwrap();
        assert!(place.join(VIEW).exists());
    }

    #[test]
    fn what_was_left_is_removed_but_not_through_a_link_of_others() {
        let Some(memory) = memory() else { return };
        let place = memory.path().join("own/x.account");
        let account = SessionAccount::new(vec![place.clone()]);
        account.set(login("sk-ant-oat01-FAKE", "")).unwrap();
        let link = memory.path().join("link");
        symlink(memory.path().join("own"), &link).unwrap();
        remove(&[link.join("x.account")]);
        assert!(place.join(VIEW).exists());
        remove(std::slice::from_ref(&place));
        assert!(!place.exists());
    }

    #[test]
    fn a_key_needs_no_place() {
        let account = SessionAccount::new(Vec::new());
        let key = control::Account {
            environment: vec![("ANTHROPIC_API_KEY".into(), "sk-ant-api03-FAKE".into())],
            document: None,
        };
        account.set(key).unwrap();
        assert_eq!(
            environment(&account)[std::ffi::OsStr::new("ANTHROPIC_API_KEY")],
            "sk-ant-api03-FAKE"
        );
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0")] {
            let account = SessionAccount::new(Vec::new());
            let environment = vec![(name.into(), value.into())];
            let told = control::Account {
                environment,
                document: None,
            };
            assert!(account.set(told).is_err());
        }
    }
}
