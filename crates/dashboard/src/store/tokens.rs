//! API tokens.

use rusqlite::params;
use vault::columns::text;

use super::later::Note;
use super::{Digest, Store, StoreError};
use crate::access::{FIRST_TOKEN, Scope};

/// So many can be kept.
const MOST: i64 = 500;

/// A token to be stored; the token itself is shown once and kept nowhere.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) id: String,
    pub(crate) hash: Digest,
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
}

impl Store {
    /// Stores a token. `false` if there are too many already. Those that have expired long ago go.
    pub(crate) fn add_token(&self, new: &NewToken) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?;
            if count >= MOST {
                return Ok(false);
            }
            let statement = "INSERT INTO tokens (id, hash, name, scope, created_at, expires_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let hash = new.hash.as_bytes();
            let scope = new.scope.as_str();
            let values = params![
                new.id,
                hash,
                new.name,
                scope,
                new.created_at,
                new.expires_at
            ];
            transaction.execute(statement, values)?;
            Ok(true)
        })
    }

    /// Removes a token; its name, if there was one.
    pub(crate) fn remove_token(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.write(|transaction| {
            let statement = "DELETE FROM tokens WHERE id = ?1 RETURNING name";
            let mut statement = transaction.prepare_cached(statement)?;
            let mut names = statement.query_map([id], |row| text(row, 0))?;
            names.next().transpose()
        })
    }

    /// Removes all.
    pub(crate) fn remove_all_tokens(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM tokens", [])?;
            transaction.execute("DELETE FROM first_token", []).map(drop)
        })
    }

    /// Notes when the token that set-up shows was made.
    pub(crate) fn first_token_made(&self, at: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            let statement = "INSERT INTO first_token (only, created_at) VALUES (1, ?1)
                ON CONFLICT (only) DO UPDATE SET created_at = excluded.created_at, last_used_at = NULL";
            transaction.execute(statement, [at]).map(drop)
        })
    }

    /// Notes when it was last used, soon.
    pub(crate) fn token_used(&self, id: &str, at: i64) {
        let id = id.to_owned();
        self.write_later(match id == FIRST_TOKEN {
            true => Note::FirstTokenUsed { at },
            false => Note::TokenUsed { id, at },
        });
    }
}
