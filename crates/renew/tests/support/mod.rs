//! A vault, a token server and the directories of one user, for one test.

#![allow(dead_code, reason = "each test program uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

pub(crate) mod running_keeper;

use model::{AccountId, AccountName, AuthType, CredentialDocument, Identity};
use renew::{ClientFiles, Renewer, RuntimeDirectory, TokenUrl};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::documents::now_ms;
use testkit::token_book::IssuedLogin;
use testkit::{TestHome, TokenServer, wait_until};
use vault::{Account, Cause, NewAccount, NewLogin, NoPassphrase, Vault, VaultPaths};

/// Longer than anything takes here, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One user with a vault.
pub(crate) struct Place {
    pub(crate) home: TestHome,
    pub(crate) server: TokenServer,
    pub(crate) paths: VaultPaths,
    pub(crate) vault: Vault,
    pub(crate) runtime: RuntimeDirectory,
}

impl Place {
    pub(crate) fn new() -> Self {
        let home = TestHome::new();
        let directory = home.vault_dir();
        Self::with_vault_in(home, &directory)
    }

    pub(crate) fn with_vault_in(home: TestHome, directory: &Path) -> Self {
        let paths = VaultPaths::new(directory);
        let vault = Vault::open_or_create(&paths, Box::new(NoPassphrase)).unwrap();
        let runtime = RuntimeDirectory::locate(Some(&home.runtime()), &paths);
        Self {
            server: TokenServer::start(),
            home,
            paths,
            vault,
            runtime,
        }
    }

    /// Another process's view of the same vault.
    pub(crate) fn open_vault(&self) -> Vault {
        open(&self.paths)
    }

    pub(crate) fn url(&self) -> TokenUrl {
        TokenUrl::parse(&self.server.url()).unwrap()
    }

    /// One that knows of no file of the user's own.
    pub(crate) fn renewer(&self) -> Renewer {
        Renewer::new(self.url(), None, self.runtime.clone())
    }

    /// One that looks after `~/.claude/.credentials.json` as well.
    pub(crate) fn renewer_with_file(&self) -> Renewer {
        Renewer::new(self.url(), Some(self.files()), self.runtime.clone())
    }

    pub(crate) fn files(&self) -> ClientFiles {
        ClientFiles {
            directory: self.home.claude_dir(),
            claude_json: self.home.home().join(".claude.json"),
        }
    }

    /// An account whose login, issued by the server, ends in so many seconds.
    pub(crate) fn account(&self, name: &str, expires_in_seconds: i64) -> AccountId {
        let login = self.server.issue(name);
        self.add(name, &document(&login, expires_in_seconds))
    }

    pub(crate) fn add(&self, name: &str, login: &CredentialDocument) -> AccountId {
        self.add_with_identity(name, login, Identity::default())
    }

    pub(crate) fn add_with_identity(
        &self,
        name: &str,
        login: &CredentialDocument,
        identity: Identity,
    ) -> AccountId {
        let account = NewAccount {
            login: Some(login.clone()),
            identity,
            ..empty_account(name)
        };
        self.vault.add(&account).unwrap()
    }

    pub(crate) fn get(&self, id: &AccountId) -> Account {
        self.vault.get(id).unwrap()
    }

    /// The present login.
    pub(crate) fn login(&self, id: &AccountId) -> CredentialDocument {
        login_in(&self.vault, id)
    }

    /// Access and refresh token of the present login.
    pub(crate) fn tokens(&self, id: &AccountId) -> (String, String) {
        tokens(&self.login(id))
    }

    /// Whether the vault has what the server handed out last.
    pub(crate) fn is_current(&self, id: &AccountId, subject: &str) -> bool {
        self.tokens(id) == self.server.current(subject)
    }

    /// Stores a login as a sign-in of the user's does.
    pub(crate) fn sign_in(&self, id: &AccountId, login: &CredentialDocument, identity: Identity) {
        let login = NewLogin {
            document: login.clone(),
            identity,
            lifetime: None,
            cause: Cause::SignedIn,
        };
        self.vault.store_login(id, &login).unwrap();
    }

    /// Makes the present login end in so many seconds: for a renewal that is due again.
    pub(crate) fn let_expire(&self, id: &AccountId, in_seconds: i64) {
        let mut login = self.login(id);
        let at = Some(model::Timestamp::from_millis(after(in_seconds)));
        login.complete(&login.access_token(), &login.refresh_token(), at);
        let login = NewLogin {
            document: login,
            identity: Identity::default(),
            lifetime: None,
            cause: Cause::Renewed,
        };
        self.vault.store_login(id, &login).unwrap();
    }

    pub(crate) fn write_credentials(&self, value: &Value) {
        fs::create_dir_all(self.home.claude_dir()).unwrap();
        write(&self.files().credentials(), value.to_string().as_bytes());
    }

    pub(crate) fn read_credentials(&self) -> Value {
        serde_json::from_slice(&fs::read(self.files().credentials()).unwrap()).unwrap()
    }

    /// What `~/.claude.json` says of who signed in.
    pub(crate) fn write_identity(&self, account: &str) {
        let text = json!({"numStartups": 3, "oauthAccount": {"accountUuid": account}}).to_string();
        write(&self.files().claude_json, text.as_bytes());
    }

    /// Waits until `count` renewals in this process have come as far as the account's lease.
    pub(crate) fn wait_for_renewals_at_the_lease(&self, id: &AccountId, count: usize) {
        let lock = self.paths.locks().join(format!("{}.lock", id.file_name()));
        wait_until("all renewals at the lease", PATIENCE, || {
            let open = fs::read_dir("/proc/self/fd").unwrap();
            let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            targets.filter(|target| *target == lock).count() >= count
        });
    }
}

pub(crate) fn open(paths: &VaultPaths) -> Vault {
    let vault = Vault::open(paths, Box::new(NoPassphrase)).unwrap();
    vault.unlock().unwrap();
    vault
}

pub(crate) fn empty_account(name: &str) -> NewAccount {
    NewAccount::empty(AccountName::parse(name).unwrap(), AuthType::OAuth)
}

pub(crate) fn login_in(vault: &Vault, id: &AccountId) -> CredentialDocument {
    let unsealed = vault.unseal(&vault.get(id).unwrap()).unwrap();
    unsealed.login().expect("a login").clone()
}

pub(crate) fn tokens(login: &CredentialDocument) -> (String, String) {
    (
        login.access_token().expose().to_owned(),
        login.refresh_token().expose().to_owned(),
    )
}

/// Epoch milliseconds so many seconds from now.
pub(crate) fn after(seconds: i64) -> i64 {
    i64::try_from(now_ms()).unwrap() + seconds * 1000
}

pub(crate) fn json_of(login: &IssuedLogin, expires_in_seconds: i64) -> Value {
    login.credentials_expiring_at(after(expires_in_seconds).try_into().unwrap())
}

pub(crate) fn document(login: &IssuedLogin, expires_in_seconds: i64) -> CredentialDocument {
    parse(&json_of(login, expires_in_seconds))
}

pub(crate) fn parse(value: &Value) -> CredentialDocument {
    CredentialDocument::parse(value.to_string().as_bytes()).unwrap()
}

pub(crate) fn known(account: &str) -> Identity {
    Identity::from_oauth_account(&json!({"accountUuid": account}))
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(bytes).unwrap();
}

/// Every file below a directory, to see that nothing was left behind.
pub(crate) fn files_below(directory: &Path) -> BTreeSet<std::path::PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.insert(entry.path());
        }
    }
    found
}

/// Runs `work` on so many threads at once, each with what `with` gives it a number for.
pub(crate) fn on_threads<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Arc::new(std::sync::Barrier::new(count));
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let start = Arc::clone(&start);
                scope.spawn(move || {
                    start.wait();
                    work(number)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
