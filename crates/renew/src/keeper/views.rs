//! Every view as the vault has it.

use std::path::{Path, PathBuf};

use model::CredentialDocument;
use vault::Account;

use super::{Keeper, KeeperEvent};
use crate::session::{Publishing, may_be_replaced};
use crate::{RenewError, Session};

/// What became of a view that does not show the login that was expected.
enum Mended {
    Written,
    /// It shows the latest, and what was expected is not that any more.
    NotNeeded,
    /// Somebody else is writing views.
    Later,
}

impl Keeper {
    /// Has every view of the account mended that does not show its login, which `account` has, or
    /// had a moment ago.
    pub(super) fn mend_views(&mut self, account: &Account) {
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
        let paths: Vec<PathBuf> = self
            .sessions
            .iter()
            .filter(|(_, watched)| watched.session.account() == account.id)
            .map(|(path, _)| path.clone())
            .collect();
        for path in paths {
            self.look_at_view(&path, login);
        }
    }

    /// Has a view mended that does not show `login`, which may not be the latest by now.
    fn look_at_view(&mut self, path: &Path, login: &CredentialDocument) {
        let Some(watched) = self.sessions.get(path) else {
            return;
        };
        let session = watched.session.clone();
        let view = session.read_view();
        if view.is_some_and(|view| !may_be_replaced(&view)) {
            self.keep_sign_in(&session, false);
            return;
        }
        if session.shows(login) || !session.exists() {
            return;
        }
        let problem = match self.mend_view(&session) {
            Ok(Mended::Written) => None,
            Ok(Mended::NotNeeded) => return,
            Ok(Mended::Later) => {
                self.unfinished = true;
                return;
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(watched) = self.sessions.get_mut(path) {
            self.waiter.watch_again(watched);
        }
        (self.observer)(&KeeperEvent::ViewWritten {
            pid: session.pid(),
            account: session.account(),
            problem,
        });
    }

    /// Puts right a view that does not show what the vault has now.
    fn mend_view(&self, session: &Session) -> Result<Mended, RenewError> {
        let Some(publishing) = Publishing::try_begin(&self.runtime)? else {
            return Ok(Mended::Later);
        };
        let account = self.vault.get(&session.account())?;
        let unsealed = self.vault.unseal(&account)?;
        match unsealed.login() {
            Some(login) if !session.shows(login) => {
                session.mend_view(&publishing, login)?;
                Ok(Mended::Written)
            }
            Some(_) | None => Ok(Mended::NotNeeded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use model::{AccountId, AccountName, Timestamp};
    use model::{AuthType, Identity, Secret};
    use vault::{Cause, NewAccount, NewLogin, NoPassphrase, Vault, VaultPaths};

    use crate::session;
    use crate::{KeeperOptions, NewSession, Renewer, RuntimeDirectory, SessionKind, TokenUrl};

    /// A keeper that does only what the test has it do, and the view of one session.
    struct Scene {
        keeper: Keeper,
        vault: Vault,
        id: AccountId,
        session: Session,
        _home: tempfile::TempDir,
    }

    fn login(name: &str) -> CredentialDocument {
        let secret = |kind: &str| Secret::new(format!("sk-ant-{kind}01-FAKE{name}"));
        let end = Timestamp::from_millis(4_000_000_000_000);
        CredentialDocument::from_tokens(&secret("oat"), &secret("ort"), Some(end))
    }

    impl Scene {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let paths = VaultPaths::new(home.path().join("vault"));
            let vault = Vault::open_or_create(&paths, Box::new(NoPassphrase)).unwrap();
            let name = AccountName::parse("work").unwrap();
            let mut account = NewAccount::empty(name, AuthType::OAuth);
            account.login = Some(login("first"));
            let id = vault.add(&account).unwrap();
            let runtime = RuntimeDirectory::locate(None, &paths);
            let session =
                NewSession::create(&runtime, &id, SessionKind::SecureStorage, &login("first"));
            session.unwrap().keep();
            let url = TokenUrl::parse("http://127.0.0.1:9/").unwrap();
            let options = KeeperOptions {
                paths,
                key: None,
                runtime: runtime.clone(),
                files: None,
                renewer: Arc::new(Renewer::new(url, None, runtime.clone())),
                linger: Duration::ZERO,
                lock_patience: Duration::ZERO,
                on_session_end: None,
            };
            let mut keeper = Keeper::start(options, Box::new(|_| {})).unwrap();
            keeper.find_sessions();
            Self {
                session: Session::all(&runtime).remove(0),
                keeper,
                vault,
                id,
                _home: home,
            }
        }

        fn account(&self) -> Account {
            self.vault.get(&self.id).unwrap()
        }

        /// Another process renews it.
        fn store(&self, name: &str) {
            let login = NewLogin {
                document: login(name),
                identity: Identity::default(),
                lifetime: None,
                cause: Cause::Renewed,
            };
            self.vault.store_login(&self.id, &login).unwrap();
        }
    }

    /// The keeper has read the account and is held up; meanwhile a renewal is stored and published.
    #[test]
    fn an_earlier_login_does_not_replace_a_later_one() {
        let mut scene = Scene::new();
        let read_before = scene.account();
        scene.store("second");
        session::publish(&scene.keeper.runtime, &scene.vault, &scene.id);
        assert!(scene.session.shows(&login("second")));
        scene.keeper.mend_views(&read_before);
        assert!(scene.session.shows(&login("second")));
    }

    #[test]
    fn what_is_written_is_the_latest_whatever_it_was_decided_from() {
        let mut scene = Scene::new();
        let read_before = scene.account();
        scene.store("second");
        fs::remove_file(scene.session.view()).unwrap();
        scene.keeper.mend_views(&read_before);
        assert!(scene.session.shows(&login("second")));
    }

    #[test]
    fn nothing_is_written_while_somebody_else_publishes() {
        let mut scene = Scene::new();
        let publishing = Publishing::try_begin(&scene.keeper.runtime).unwrap();
        fs::remove_file(scene.session.view()).unwrap();
        let account = scene.account();
        scene.keeper.mend_views(&account);
        assert!(!scene.session.view().exists());
        assert!(scene.keeper.unfinished, "it looks again in moments");
        drop(publishing);
        scene.keeper.mend_views(&account);
        assert!(scene.session.shows(&login("first")));
    }

    /// A renewal has the account's lease for as long as the token server lets it wait.
    #[test]
    fn a_view_is_mended_while_a_renewal_hangs() {
        let mut scene = Scene::new();
        let lease = crate::Lease::acquire(scene.vault.paths(), &scene.id, "work").unwrap();
        fs::remove_file(scene.session.view()).unwrap();
        let account = scene.account();
        scene.keeper.mend_views(&account);
        assert!(scene.session.shows(&login("first")));
        drop(lease);
    }
}
