//! All sign-ins and tokens in memory, so that to check one takes no query.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use vault::columns::integer;

use super::digest::Place;
use super::{Digest, Store, StoreError, lock};
use crate::access::{FIRST_TOKEN, Scope};
use crate::clock;

/// A browser that signed in.
#[derive(Debug)]
pub(crate) struct SignInRecord {
    /// Public; says nothing about the cookie.
    pub(crate) id: String,
    pub(crate) hash: Digest,
    /// The fingerprint of the password's hash that was in force.
    pub(crate) password: Digest,
    pub(crate) created_at: i64,
    pub(crate) last_seen_at: AtomicI64,
    pub(crate) expires_at: i64,
    pub(crate) fresh_until: i64,
    pub(crate) address: String,
    pub(crate) agent: String,
}

/// An API token.
#[derive(Debug)]
pub(crate) struct TokenRecord {
    pub(crate) id: String,
    hash: Digest,
    pub(crate) name: String,
    pub(crate) scope: Scope,
    /// `None` for the first token of a database that the Python program made.
    pub(crate) created_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    /// 0 for never.
    pub(crate) last_used_at: AtomicI64,
}

impl SignInRecord {
    /// Whether `interval` milliseconds have gone by since this was last `true`.
    pub(crate) fn use_now(&self, interval: i64) -> bool {
        advance(&self.last_seen_at, interval)
    }
}

impl TokenRecord {
    /// As [`SignInRecord::use_now`].
    pub(crate) fn use_now(&self, interval: i64) -> bool {
        advance(&self.last_used_at, interval)
    }

    pub(crate) fn has_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// When it was last used.
    pub(crate) fn used_at(&self) -> Option<i64> {
        Some(self.last_used_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}

/// Of several requests at once, one writes it down. A clock that was set back counts as progress.
fn advance(last: &AtomicI64, interval: i64) -> bool {
    let (now, before) = (clock::now(), last.load(Ordering::Relaxed));
    let is_due = now.saturating_sub(before) >= interval || now < before;
    is_due
        && last
            .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}

/// Everything that somebody can be recognised by.
#[derive(Debug)]
pub(crate) struct Credentials {
    sign_ins: HashMap<Place, SignInRecord>,
    tokens: HashMap<Place, TokenRecord>,
    first: TokenRecord,
    has_passkeys: bool,
}

impl Credentials {
    /// The sign-in whose cookie has this hash. Which place of the table is looked at depends on the
    /// hash alone, which nobody can choose; then all 32 bytes are compared, found or not.
    pub(crate) fn sign_in(&self, hash: &Digest) -> Option<&SignInRecord> {
        let found = self.sign_ins.get(&hash.place());
        let stored = found.map_or(&Digest::NOBODY, |record| &record.hash);
        let is_same = stored.is_same(hash);
        found.filter(|_| is_same)
    }

    /// The token with this hash; see [`Credentials::sign_in`].
    pub(crate) fn token(&self, hash: &Digest) -> Option<&TokenRecord> {
        let found = self.tokens.get(&hash.place());
        let stored = found.map_or(&Digest::NOBODY, |record| &record.hash);
        let is_same = stored.is_same(hash);
        found.filter(|_| is_same)
    }

    /// What is known of the token that set-up showed; whether there still is one, the vault says.
    pub(crate) fn first_token(&self) -> &TokenRecord {
        &self.first
    }

    pub(crate) fn has_passkeys(&self) -> bool {
        self.has_passkeys
    }

    pub(crate) fn sign_ins(&self) -> impl Iterator<Item = &SignInRecord> {
        self.sign_ins.values()
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = &TokenRecord> {
        self.tokens.values()
    }
}

/// What was read, and at which state of the database.
pub(super) struct Known {
    connection: Connection,
    version: Option<i64>,
    credentials: Option<Arc<Credentials>>,
}

impl Known {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            version: None,
            credentials: None,
        }
    }

    fn now(&mut self) -> rusqlite::Result<Arc<Credentials>> {
        // Counts what others have committed; this connection itself writes nothing.
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        let version: i64 = statement.query_row([], |row| row.get(0))?;
        if let Some(credentials) = &self.credentials
            && self.version == Some(version)
        {
            return Ok(Arc::clone(credentials));
        }
        let credentials = Arc::new(read(&self.connection)?);
        self.credentials = Some(Arc::clone(&credentials));
        self.version = Some(version);
        Ok(credentials)
    }
}

impl Store {
    /// As they are at this moment, also if another process has changed them. Costs a look at the
    /// database's counter of changes.
    pub(crate) fn credentials(&self) -> Result<Arc<Credentials>, StoreError> {
        lock(&self.known).now().map_err(|source| self.error(source))
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Credentials> {
    Ok(Credentials {
        sign_ins: sign_ins(connection)?,
        tokens: tokens(connection)?,
        first: first(connection)?,
        has_passkeys: has_passkeys(connection)?,
    })
}

/// Rows that hold something else than this program writes are left out.
fn sign_ins(connection: &Connection) -> rusqlite::Result<HashMap<Place, SignInRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, hash, password, created_at, last_seen_at, expires_at, fresh_until, address,
            agent FROM sign_ins",
    )?;
    let rows = statement.query_map([], |row| {
        let record = SignInRecord {
            id: row.get(0)?,
            hash: digest(row, 1)?,
            password: digest(row, 2)?,
            created_at: row.get(3)?,
            last_seen_at: AtomicI64::new(row.get(4)?),
            expires_at: row.get(5)?,
            fresh_until: row.get(6)?,
            address: row.get(7)?,
            agent: row.get(8)?,
        };
        Ok((record.hash.place(), record))
    })?;
    Ok(rows.filter_map(Result::ok).collect())
}

fn tokens(connection: &Connection) -> rusqlite::Result<HashMap<Place, TokenRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, hash, name, scope, created_at, expires_at, last_used_at FROM tokens",
    )?;
    let rows = statement.query_map([], |row| {
        let scope = Scope::from_stored(&row.get::<_, String>(3)?);
        let record = TokenRecord {
            id: row.get(0)?,
            hash: digest(row, 1)?,
            name: row.get(2)?,
            scope: scope.ok_or(rusqlite::Error::InvalidQuery)?,
            created_at: row.get(4)?,
            expires_at: row.get(5)?,
            last_used_at: AtomicI64::new(row.get::<_, Option<i64>>(6)?.unwrap_or(0)),
        };
        Ok((record.hash.place(), record))
    })?;
    Ok(rows.filter_map(Result::ok).collect())
}

fn first(connection: &Connection) -> rusqlite::Result<TokenRecord> {
    let mut statement =
        connection.prepare_cached("SELECT created_at, last_used_at FROM first_token")?;
    let mut rows = statement.query([])?;
    let (created_at, last_used_at) = match rows.next()? {
        Some(row) => (integer(row, 0)?, integer(row, 1)?),
        None => (0, 0),
    };
    Ok(TokenRecord {
        id: FIRST_TOKEN.to_owned(),
        hash: Digest::NOBODY,
        name: FIRST_TOKEN.to_owned(),
        scope: Scope::Admin,
        created_at: Some(created_at).filter(|at| *at > 0),
        expires_at: None,
        last_used_at: AtomicI64::new(last_used_at),
    })
}

fn has_passkeys(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM passkeys LIMIT 1")?;
    statement.exists([])
}

fn digest(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Digest> {
    Digest::from_bytes(row.get_ref(index)?.as_blob()?).ok_or(rusqlite::Error::InvalidQuery)
}
