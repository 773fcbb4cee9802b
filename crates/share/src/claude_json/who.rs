//! `oauthAccount`: who signed in with the login that a user shares.

use serde_json::Value;

use super::mark;
use super::{ACCOUNT, Merge};

/// Largest `oauthAccount` that is believed, in bytes of JSON; the client's have about 1 KiB.
const LIMIT: usize = 16 * 1024;

/// Whether a value can be an `oauthAccount` at all.
pub(super) fn usable(value: &Value) -> bool {
    value.is_object() && serde_json::to_vec(value).is_ok_and(|bytes| bytes.len() <= LIMIT)
}

/// Whether two values name the same account of the same organization.
fn same_account(one: &Value, other: &Value) -> bool {
    let same = |key: &str| one[key].is_string() && one[key] == other[key];
    same("accountUuid") && same("organizationUuid")
}

impl Merge<'_> {
    /// Makes `oauthAccount` tell who signed in with the login that the user shares.
    pub(super) fn oauth_account(&mut self, account: Option<&str>, shares_login: bool) {
        let shared = account.filter(|_| shares_login);
        self.after.account = shared.map(str::to_owned);
        let value = self.current.get(ACCOUNT);
        let usable = value.filter(|value| usable(value));
        let target = match (shared, account) {
            (Some(id), _) => {
                self.learn_account(id, usable);
                let agreed = self.common.accounts.get(id).cloned();
                agreed.or_else(|| self.unless_another_accounts(id, value))
            }
            (None, Some(id)) => self.unless_another_accounts(id, value),
            (None, None) => value.cloned(),
        };
        self.aim(ACCOUNT, target.as_ref());
    }

    /// What stands there, unless it is what we know of another account than `id`.
    fn unless_another_accounts(&self, id: &str, value: Option<&Value>) -> Option<Value> {
        let mut others = self
            .common
            .accounts
            .iter()
            .filter(|(other, _)| *other != id);
        let anothers = |value: &&Value| others.any(|(_, other)| other == *value);
        let agreed = self.common.accounts.get(id);
        let stale = value.filter(anothers).is_some() && agreed != value;
        value.filter(|_| !stale).cloned()
    }

    /// Takes over what the client wrote about the shared account: it refreshes names and plans.
    ///
    /// Where nothing is known of the account yet, the user must have shared its login already when
    /// his file was last seen, and it must be new since then: otherwise it tells of a login that he
    /// had before.
    fn learn_account(&mut self, id: &str, value: Option<&Value>) {
        let Some(value) = value else { return };
        if !self.changed_by_user(mark::of_key(ACCOUNT), Some(mark::of_value(value))) {
            return;
        }
        let sharing = self.before.account.as_deref() == Some(id);
        let known = match self.common.accounts.get(id) {
            Some(agreed) => same_account(agreed, value) && self.before.account.is_some(),
            None => sharing && value["accountUuid"].is_string() && !self.is_anothers(id, value),
        };
        if known && self.common.set_account(id, value.clone()) {
            self.merged.common_changed = true;
        }
    }

    /// Whether it tells of another of the vault's accounts, in whatever version.
    fn is_anothers(&self, id: &str, value: &Value) -> bool {
        let mut others = self
            .common
            .accounts
            .iter()
            .filter(|(other, _)| *other != id);
        others.any(|(_, other)| same_account(other, value))
    }
}
