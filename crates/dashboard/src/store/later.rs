//! What is written down without anybody waiting for it: the audit log, and when something was used.

use std::sync::{Arc, Mutex};

use rusqlite::{Connection, Transaction, params};

use super::{Entry, Store, audit, in_transaction, lock};

/// So much may wait. What comes then is lost: a flood must not fill the memory.
const MOST: usize = 10_000;

/// Something to write.
pub(super) enum Note {
    Audit(Entry),
    SignInSeen { id: String, at: i64 },
    TokenUsed { id: String, at: i64 },
    FirstTokenUsed { at: i64 },
}

/// What waits, in the order in which it happened.
pub(super) struct Queue {
    writer: Arc<Mutex<Connection>>,
    waiting: Mutex<Vec<Note>>,
}

impl Queue {
    pub(super) fn new(writer: Arc<Mutex<Connection>>) -> Self {
        Self {
            writer,
            waiting: Mutex::new(Vec::new()),
        }
    }

    /// Writes all that waits, in one transaction. What cannot be written is lost: no request fails
    /// for it.
    fn flush(&self) {
        // First the connection: whoever comes second waits for the first one's notes as well.
        let writer = lock(&self.writer);
        let notes = std::mem::take(&mut *lock(&self.waiting));
        if notes.is_empty() {
            return;
        }
        drop(in_transaction(&writer, |transaction| {
            notes.iter().try_for_each(|note| write(transaction, note))?;
            audit::prune(transaction)
        }));
    }
}

impl Store {
    pub(super) fn write_later(&self, note: Note) {
        let is_first = {
            let mut waiting = lock(&self.later.waiting);
            if waiting.len() >= MOST {
                return;
            }
            waiting.push(note);
            waiting.len() == 1
        };
        if !is_first {
            return; // whoever was first writes this one too
        }
        let queue = Arc::clone(&self.later);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || queue.flush())),
            Err(_) => queue.flush(),
        }
    }

    /// Writes down what still waits.
    pub(crate) fn flush(&self) {
        self.later.flush();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.flush();
    }
}

fn write(transaction: &Transaction<'_>, note: &Note) -> rusqlite::Result<()> {
    match note {
        Note::Audit(entry) => audit::insert(transaction, entry),
        Note::SignInSeen { id, at } => transaction
            .execute(
                "UPDATE sign_ins SET last_seen_at = max(last_seen_at, ?2) WHERE id = ?1",
                params![id, at],
            )
            .map(drop),
        Note::TokenUsed { id, at } => transaction
            .execute(
                "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1",
                params![id, at],
            )
            .map(drop),
        Note::FirstTokenUsed { at } => transaction
            .execute(
                "INSERT INTO first_token (only, last_used_at) VALUES (1, ?1)
                 ON CONFLICT (only) DO UPDATE SET last_used_at = excluded.last_used_at",
                params![at],
            )
            .map(drop),
    }
}
