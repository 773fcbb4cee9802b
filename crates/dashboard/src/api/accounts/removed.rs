//! Removed accounts, kept in memory for whoever changes their mind.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use data_encoding::HEXLOWER;
use vault::{RemovedAccount, VaultError};

use crate::clock;
use crate::error::ApiError;

/// How long one is kept, in milliseconds.
const KEPT: i64 = 10 * 60_000;
/// How many are kept; the oldest give way.
const MOST: usize = 64;
/// How much they may take together, in bytes, about. One that is larger than that alone is kept.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The accounts that can still be had back, oldest first. Sealed as they were in the vault.
#[derive(Default)]
pub(crate) struct RemovedAccounts {
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    undo: String,
    until: i64,
    account: Arc<RemovedAccount>,
}

impl RemovedAccounts {
    /// Keeps one; the word that brings it back, and until when.
    ///
    /// # Errors
    /// If the system gives no random numbers: then it is gone.
    pub(crate) fn keep(&self, account: RemovedAccount) -> Result<(String, i64), ApiError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|_| ApiError::internal("the system gives no random numbers"))?;
        let undo = HEXLOWER.encode(&random);
        let now = clock::now();
        let until = now.saturating_add(KEPT);
        let mut kept = self.lock();
        kept.push_back(Kept {
            undo: undo.clone(),
            until,
            account: Arc::new(account),
        });
        prune(&mut kept, now);
        Ok((undo, until))
    }

    /// # Errors
    /// 404 if it is not kept any more.
    pub(crate) fn find(&self, undo: &str) -> Result<Arc<RemovedAccount>, ApiError> {
        let mut kept = self.lock();
        prune(&mut kept, clock::now());
        let found = kept.iter().find(|one| one.undo == undo);
        found.map(|one| Arc::clone(&one.account)).ok_or_else(|| {
            ApiError::not_found("there is nothing to undo, or not any more")
                .hinted("A removed account is kept for ten minutes, until many others are removed or the server ends.")
        })
    }

    pub(crate) fn forget(&self, undo: &str) {
        self.lock().retain(|one| one.undo != undo);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prune(kept: &mut VecDeque<Kept>, now: i64) {
    kept.retain(|one| (one.until - KEPT..one.until).contains(&now));
    let size = |kept: &VecDeque<Kept>| kept.iter().map(|one| one.account.size()).sum::<usize>();
    while kept.len() > MOST || kept.len() > 1 && size(kept) > MOST_BYTES {
        kept.pop_front();
    }
}

/// Why an account did not come back.
pub(crate) fn not_put_back(error: VaultError) -> ApiError {
    match error {
        VaultError::KeyWrong(_) => ApiError::new(
            StatusCode::CONFLICT,
            "the vault's key was changed since the account was removed",
        )
        .hinted("What was sealed with the key before it cannot be opened any more: add it anew."),
        VaultError::Changed(_) => {
            ApiError::new(StatusCode::CONFLICT, "the account is back already")
        }
        other => other.into(),
    }
}
