//! The audit log: who did what, from where. Bounded.

use rusqlite::types::ValueRef;
use rusqlite::{Row, Transaction, params};
use vault::columns::{integer, text};

use super::later::Note;
use super::{Store, StoreError};
use crate::access::Caller;
use crate::app::App;
use crate::clock;

/// So many entries are kept.
const KEPT: i64 = 100_000;
/// Longest text in an entry, in characters.
const LONGEST: usize = 500;

/// One entry. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Rises with every entry; 0 before it is stored.
    pub(crate) id: i64,
    pub(crate) at: i64,
    pub(crate) action: String,
    pub(crate) account: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) who: String,
}

impl App {
    /// Notes in the audit log what a caller has done. Takes no time, and never fails a request.
    pub(crate) fn note(
        &self,
        caller: &Caller,
        action: &'static str,
        account: Option<&str>,
        detail: Option<&str>,
    ) {
        self.store.note(Entry {
            id: 0,
            at: clock::now(),
            action: action.to_owned(),
            account: account.map(str::to_owned),
            detail: detail.map(str::to_owned),
            address: Some(caller.address.to_string()),
            who: caller.who.in_words(),
        });
    }
}

impl Store {
    /// Notes an entry, soon.
    pub(crate) fn note(&self, entry: Entry) {
        self.write_later(Note::Audit(entry));
    }

    /// The `limit` entries before `before`, newest first, and those that still wait.
    pub(crate) fn audit(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.flush();
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, at, action, account, detail, address, who FROM audit
                 WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![before.unwrap_or(i64::MAX), limit], entry)?;
            rows.collect()
        })
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: integer(row, 0)?,
        at: integer(row, 1)?,
        action: text(row, 2)?,
        account: maybe_text(row, 3)?,
        detail: maybe_text(row, 4)?,
        address: maybe_text(row, 5)?,
        who: text(row, 6)?,
    })
}

fn maybe_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => text(row, column).map(Some),
    }
}

pub(super) fn insert(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let cut = |text: &String| text.chars().take(LONGEST).collect::<String>();
    let mut statement = transaction.prepare_cached(
        "INSERT INTO audit (at, action, account, detail, address, who)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let values = params![
        entry.at,
        entry.action,
        entry.account.as_ref().map(cut),
        entry.detail.as_ref().map(cut),
        entry.address,
        cut(&entry.who),
    ];
    statement.execute(values).map(drop)
}

/// Removes what is too old. Costs nothing where there is nothing: identifiers rise.
pub(super) fn prune(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let statement = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1";
    transaction.execute(statement, [KEPT]).map(drop)
}
