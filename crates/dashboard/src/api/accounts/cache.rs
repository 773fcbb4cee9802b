//! The list of accounts, ready to be sent.
//!
//! A request that finds nothing changed costs microseconds: one look at the database's version,
//! and bytes that are there already. Only records that have changed are opened anew.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::http::HeaderValue;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::{AccountId, Timestamp};
use vault::{Account, Vault, VaultError};

use super::object::{AccountObject, Around, Opened};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::vaults::blocking;

const MINUTE: i64 = 60_000;

/// The list of accounts, ready to be sent.
pub(crate) struct AccountsCache {
    source: Arc<Mutex<Source>>,
    /// Whether it is being made anew, which takes long enough not to wait for it in a task.
    rebuilding: Arc<AtomicBool>,
}

/// What the list is made from, and what it was made to last.
struct Source {
    vault: Vault,
    opened: HashMap<AccountId, (Account, Arc<Opened>)>,
    ready: Option<Arc<AccountList>>,
    /// Of the list, since the program began.
    edition: u64,
    /// Tells editions of another run of the program apart.
    run: u64,
}

/// The list of accounts as it stands.
pub(crate) struct AccountList {
    /// A JSON array.
    pub(crate) body: Bytes,
    /// Strong: it changes whenever the body does.
    pub(crate) etag: HeaderValue,
    /// The same for the compressed body.
    pub(crate) etag_of_gzip: HeaderValue,
    accounts: Vec<AccountObject>,
    gzip: OnceLock<Bytes>,
    basis: Basis,
    /// Not before this: the clock was set back.
    made_at: i64,
    /// Before this, in epoch milliseconds, nothing in it changes by itself.
    good_until: i64,
}

/// What a list was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Basis {
    vault: i64,
    sessions: u64,
}

impl AccountsCache {
    pub(crate) fn new(vault: Vault) -> Self {
        let source = Source {
            vault,
            opened: HashMap::new(),
            ready: None,
            edition: 0,
            run: getrandom::u64().unwrap_or_default(),
        };
        Self {
            source: Arc::new(Mutex::new(source)),
            rebuilding: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The list as it is now, whoever changed it.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub(crate) async fn list(&self, app: &Arc<App>) -> Result<Arc<AccountList>, ApiError> {
        if let Some(list) = self.unchanged(app) {
            return Ok(list);
        }
        let (source, rebuilding) = (Arc::clone(&self.source), Arc::clone(&self.rebuilding));
        let app = Arc::clone(app);
        blocking(move || {
            let mut source = lock(&source);
            rebuilding.store(true, Ordering::Relaxed);
            let made = source.list(&app);
            rebuilding.store(false, Ordering::Relaxed);
            made
        })
        .await
    }

    /// A number that is another one after each change of the vault by anybody.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub(crate) fn version(&self) -> Result<i64, VaultError> {
        lock(&self.source).vault.data_version()
    }

    fn unchanged(&self, app: &App) -> Option<Arc<AccountList>> {
        if self.rebuilding.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.source).unchanged(app).ok().flatten()
    }
}

impl Source {
    fn basis(&self, app: &App) -> Result<Basis, ApiError> {
        Ok(Basis {
            vault: self.vault.data_version()?,
            sessions: app.events.sessions_revision(),
        })
    }

    fn unchanged(&self, app: &App) -> Result<Option<Arc<AccountList>>, ApiError> {
        let Some(ready) = &self.ready else {
            return Ok(None);
        };
        let is_good = ready.is_good_at(clock::now()) && ready.basis == self.basis(app)?;
        Ok(is_good.then(|| Arc::clone(ready)))
    }

    fn list(&mut self, app: &App) -> Result<Arc<AccountList>, ApiError> {
        // Somebody else may have made it while this one waited.
        if let Some(ready) = self.unchanged(app)? {
            return Ok(ready);
        }
        // Before the rows are read: what changes meanwhile makes the next list.
        let basis = self.basis(app)?;
        let now = clock::now();
        let objects = self.objects(app, Timestamp::from_millis(now))?;
        let body = serde_json::to_vec(&objects)
            .map_err(|_| ApiError::internal("the list cannot be written as JSON"))?;
        let list = Arc::new(self.edition(objects, body.into(), basis, now));
        self.ready = Some(Arc::clone(&list));
        Ok(list)
    }

    fn objects(&mut self, app: &App, now: Timestamp) -> Result<Vec<AccountObject>, ApiError> {
        let accounts = self.vault.accounts()?;
        let default = self.vault.default_account()?;
        let mut bindings: HashMap<AccountId, Vec<String>> = HashMap::new();
        for binding in self.vault.bindings()? {
            let directory = binding.directory.to_string_lossy().into_owned();
            bindings.entry(binding.account).or_default().push(directory);
        }
        let sessions = running_sessions(app);
        let mut before = std::mem::take(&mut self.opened);
        let mut objects = Vec::with_capacity(accounts.len());
        for account in accounts {
            let known = before.remove(&account.id);
            let opened = match known.filter(|(known, _)| known.opens_as(&account)) {
                Some((_, opened)) => opened,
                None => Arc::new(Opened::open(&self.vault, &account)?),
            };
            let around = Around {
                is_default: default.as_ref() == Some(&account.id),
                bindings: bindings.remove(&account.id).unwrap_or_default(),
                sessions: sessions.get(account.id.as_str()).copied().unwrap_or(0),
                now,
                opened: &opened,
            };
            objects.push(AccountObject::new(&account, around));
            self.opened.insert(account.id.clone(), (account, opened));
        }
        Ok(objects)
    }

    /// A list that reads as the one before is the same edition.
    fn edition(
        &mut self,
        accounts: Vec<AccountObject>,
        body: Bytes,
        basis: Basis,
        now: i64,
    ) -> AccountList {
        let same = self.ready.take().filter(|before| before.body == body);
        let gzip = match &same {
            Some(before) => before.gzip.clone(),
            None => {
                self.edition += 1;
                OnceLock::new()
            }
        };
        let (run, edition) = (self.run, self.edition);
        AccountList {
            etag: header(format!("\"{run:x}-{edition:x}\"")),
            etag_of_gzip: header(format!("\"{run:x}-{edition:x}-gzip\"")),
            good_until: good_until(&accounts, now),
            body,
            accounts,
            gzip,
            basis,
            made_at: now,
        }
    }
}

impl AccountList {
    /// # Errors
    /// 404.
    pub(crate) fn find(&self, id: &str) -> Result<&AccountObject, ApiError> {
        let found = self.accounts.iter().find(|account| account.id == id);
        found.ok_or_else(|| ApiError::not_found("there is no such account, or not any more"))
    }

    /// The body compressed; made when it is first asked for.
    pub(crate) fn gzip(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&self.body).expect("memory takes all");
            Bytes::from(encoder.finish().expect("memory takes all"))
        };
        self.gzip.get_or_init(compress).clone()
    }

    fn is_good_at(&self, now: i64) -> bool {
        (self.made_at..self.good_until).contains(&now)
    }
}

/// How many terminal sessions run with each account.
fn running_sessions(app: &App) -> HashMap<String, usize> {
    let mut running = HashMap::new();
    for session in app.terminals.all() {
        if session.is_running() {
            *running.entry(session.account_id.clone()).or_default() += 1;
        }
    }
    running
}

/// The next minute, or, if that comes before it, the next moment at which a token ends.
fn good_until(accounts: &[AccountObject], now: i64) -> i64 {
    let next_minute = now
        .div_euclid(MINUTE)
        .saturating_add(1)
        .saturating_mul(MINUTE);
    accounts
        .iter()
        .map(|account| account.expires_at)
        .filter(|&at| at > now)
        .fold(next_minute, i64::min)
}

fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("hexadecimal digits are a header's value")
}

/// A panic in another task's work leaves the list as it was or without what was being made anew.
fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}
