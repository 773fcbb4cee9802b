//! Browsers that signed in.

use rusqlite::{Params, Transaction, params};
use vault::columns::text;

use super::later::Note;
use super::{Digest, Store, StoreError};

/// So many are kept; beyond, the one that was seen longest ago ends.
const MOST: i64 = 1_000;

/// A sign-in to be stored. The cookie itself is nowhere but in the browser.
#[derive(Debug)]
pub(crate) struct NewSignIn {
    pub(crate) id: String,
    /// Of the cookie.
    pub(crate) hash: Digest,
    /// Fingerprint of the password's hash that it was made with.
    pub(crate) password: Digest,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) fresh_until: i64,
    pub(crate) address: String,
    pub(crate) agent: String,
}

impl Store {
    /// Stores a sign-in and, with it, ends the one that the browser had. The identifiers of those
    /// that ended.
    pub(crate) fn add_sign_in(
        &self,
        new: &NewSignIn,
        ended: &[Digest],
    ) -> Result<Vec<String>, StoreError> {
        self.write(|transaction| {
            let mut gone = expired(transaction, new.created_at)?;
            for hash in ended {
                let statement = "DELETE FROM sign_ins WHERE hash = ?1 RETURNING id";
                gone.extend(query(transaction, statement, [hash.as_bytes()])?);
            }
            insert(transaction, new)?;
            gone.extend(shed(transaction)?);
            Ok(gone)
        })
    }

    /// Ends all sign-ins, and stores the one that goes on. The identifiers of those that were there.
    pub(crate) fn replace_sign_ins(
        &self,
        new: Option<&NewSignIn>,
    ) -> Result<Vec<String>, StoreError> {
        self.write(|transaction| {
            let gone = query(transaction, "DELETE FROM sign_ins RETURNING id", [])?;
            new.map_or(Ok(()), |new| insert(transaction, new))?;
            Ok(gone)
        })
    }

    /// Ends one. `false` if there is none.
    pub(crate) fn end_sign_in(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let removed = transaction.execute("DELETE FROM sign_ins WHERE id = ?1", [id])?;
            Ok(removed > 0)
        })
    }

    /// The password was given again. `false` if the sign-in has ended.
    pub(crate) fn freshen(&self, id: &str, fresh_until: i64) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let statement = "UPDATE sign_ins SET fresh_until = ?2 WHERE id = ?1";
            Ok(transaction.execute(statement, params![id, fresh_until])? > 0)
        })
    }

    /// Notes when it was last seen, soon.
    pub(crate) fn sign_in_seen(&self, id: &str, at: i64) {
        self.write_later(Note::SignInSeen {
            id: id.to_owned(),
            at,
        });
    }
}

fn insert(transaction: &Transaction<'_>, new: &NewSignIn) -> rusqlite::Result<()> {
    let statement = "INSERT INTO sign_ins (id, hash, password, created_at, last_seen_at,
        expires_at, fresh_until, address, agent) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        new.id,
        new.hash.as_bytes(),
        new.password.as_bytes(),
        new.created_at,
        new.expires_at,
        new.fresh_until,
        new.address,
        new.agent,
    ];
    transaction.execute(statement, values).map(drop)
}

fn expired(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<Vec<String>> {
    let statement = "DELETE FROM sign_ins WHERE expires_at <= ?1 RETURNING id";
    query(transaction, statement, [now])
}

fn shed(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
    let statement = "DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins
        ORDER BY last_seen_at DESC, created_at DESC LIMIT -1 OFFSET ?1) RETURNING id";
    query(transaction, statement, [MOST])
}

fn query(
    transaction: &Transaction<'_>,
    statement: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = transaction.prepare_cached(statement)?;
    statement.query_map(values, |row| text(row, 0))?.collect()
}
