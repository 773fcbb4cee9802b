//! What is said about who renews an account.

use std::collections::BTreeMap;

use model::AccountId;
use renew::keeper_status;
use vault::Account;

use super::context::Context;
use super::services;
use crate::table::NOTHING;

/// The accounts that a keeper keeps, asked for once.
pub(crate) struct RenewalNotes {
    sessions: BTreeMap<AccountId, usize>,
}

impl RenewalNotes {
    /// Asks the keeper. Where none answers, none keeps anything.
    pub(crate) fn ask(context: &Context) -> Self {
        let status = services::runtime(context)
            .ok()
            .and_then(|runtime| keeper_status(&runtime));
        let mut sessions = BTreeMap::new();
        for session in status.into_iter().flat_map(|status| status.sessions) {
            *sessions
                .entry(AccountId::from_stored(session.account_id))
                .or_default() += 1;
        }
        Self { sessions }
    }

    /// For the column "keeper" of `list` and the line of that name in `status`.
    pub(crate) fn of(&self, account: &Account) -> String {
        match self.sessions.get(&account.id) {
            None => NOTHING.to_owned(),
            Some(1) => "1 session".to_owned(),
            Some(count) => format!("{count} sessions"),
        }
    }
}
