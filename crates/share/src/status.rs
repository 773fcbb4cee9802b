//! How a server is: facts are read ([`read`]), judged ([`judge`]) and told as a [`Report`].
//!
//! Nothing is changed. As JSON a report is this, and stays this (more keys may come); times are
//! epoch milliseconds, `reason` and `problem` are for people, and what is not known is `null`:
//!
//! ```json
//! {
//!   "keeper": {"running": true, "listens": true, "pid": 1, "started_at": 0, "users": 2, "waiting": 0},
//!   "group": {"name": "claudeshare", "ok": true, "reason": null},
//!   "shared_directory": {"path": "/shared/claude-share", "ok": true, "reason": null},
//!   "accounts": [{"name": "team", "type": "oauth", "state": "ok", "reason": null,
//!     "expires_at": 0, "renewed_at": 0,
//!     "failure": {"reason": "…", "failures": 1, "at": 0, "retry_at": 0}, "needs_care": false}],
//!   "source": {"name": "root"},
//!   "users": [{"name": "usera", "group": true, "problem": null,
//!     "credential": {"how": "view", "account": "team", "expires_at": 0, "seconds_left": 0},
//!     "items": [{"path": ".claude.json", "ok": true, "reason": null}], "needs_care": false}],
//!   "needs_care": false
//! }
//! ```
//!
//! - `type`: `oauth`, `api_key`; `null` if there is no such account.
//! - `state`: `ok`, `failing` (not renewed the last time), `ended` (its token), `sign-in-again`,
//!   `never-signed-in`, `unusable` (no such account, or its record cannot be opened).
//! - `source` is like one of `users`, or `null`; its `group` is `null`, for it need not be in it.
//! - `group` of a user is `null` where he cannot be looked at; `problem` then says why.
//! - `how`: `view`, `link`, `key`, `own_login`, `nothing`.
//! - `reason` of an item that is `ok` is a remark.

mod facts;
mod judge;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use facts::read;
pub use judge::{AccountFacts, AccountKind, Facts, UserFacts, judge};

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The process that keeps it so.
    pub keeper: KeeperReport,
    /// The shared group.
    pub group: GroupReport,
    /// Where the single copies are.
    pub shared_directory: DirectoryReport,
    /// The accounts that users have, by name.
    pub accounts: Vec<AccountReport>,
    /// The source user, if his login was taken over.
    pub source: Option<UserReport>,
    /// The managed users, by name.
    pub users: Vec<UserReport>,
    /// Whether anything of it needs somebody's care.
    pub needs_care: bool,
}

/// The keeper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeeperReport {
    /// Whether it runs and answers.
    pub running: bool,
    /// Whether somebody listens where it does: one that listens and does not run hangs.
    pub listens: bool,
    /// Its process number.
    pub pid: Option<u32>,
    /// When it began, in epoch milliseconds.
    pub started_at: Option<i64>,
    /// How many users it keeps.
    pub users: Option<usize>,
    /// How many of them have something that waits to be put right.
    pub waiting: Option<usize>,
}

/// The shared group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// Its name.
    pub name: String,
    /// Whether it exists.
    pub ok: bool,
    /// What is wrong with it.
    pub reason: Option<String>,
}

/// The shared directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DirectoryReport {
    /// Its path.
    pub path: String,
    /// Whether it and what is in it is as it is to be.
    pub ok: bool,
    /// What is wrong with it.
    pub reason: Option<String>,
}

/// An account that users have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountReport {
    /// Its name, printable.
    pub name: String,
    /// `oauth` or `api_key`.
    #[serde(rename = "type")]
    pub auth_type: Option<&'static str>,
    /// How it is.
    pub state: AccountState,
    /// Why it is so.
    pub reason: Option<String>,
    /// When its access token ends.
    pub expires_at: Option<i64>,
    /// When it was last renewed.
    pub renewed_at: Option<i64>,
    /// The last renewal, if it failed.
    pub failure: Option<FailureReport>,
    /// Whether somebody has to do something, or will have to if it goes on.
    pub needs_care: bool,
}

/// How an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// As it should be.
    Ok,
    /// The last attempt to renew it failed; its token has not ended.
    Failing,
    /// Its access token has ended.
    Ended,
    /// The token server no longer accepts it.
    SignInAgain,
    /// There is no login or key in it.
    NeverSignedIn,
    /// There is no such account, or its record cannot be opened.
    Unusable,
}

/// A renewal that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// Why.
    pub reason: String,
    /// How many in a row.
    pub failures: u32,
    /// When the last one ended.
    pub at: i64,
    /// Not before this is it tried again.
    pub retry_at: i64,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserReport {
    /// His name.
    pub name: String,
    /// Whether he is in the group.
    pub group: Option<bool>,
    /// Why nothing can be told of his home, or what the keeper cannot do for him.
    pub problem: Option<String>,
    /// How a credential reaches him.
    pub credential: CredentialReport,
    /// What is shared with him.
    pub items: Vec<ItemState>,
    /// Whether anything of it needs somebody's care.
    pub needs_care: bool,
}

/// How a credential reaches a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialReport {
    /// How.
    pub how: How,
    /// The account, by name; `None` if it is a login of his own.
    pub account: Option<String>,
    /// When the access token ends, in epoch milliseconds.
    pub expires_at: Option<i64>,
    /// What is left of it, in seconds; 0 if it has ended.
    pub seconds_left: Option<u64>,
}

/// How a credential reaches a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A file of his own without the refresh token.
    View,
    /// A link to the shared file.
    Link,
    /// A key that he is given when he asks.
    Key,
    /// He has signed in himself.
    OwnLogin,
    /// Not at all.
    Nothing,
}

/// One item of a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemState {
    /// Below the home; for the block in the shell's files what people know it by.
    pub path: &'static str,
    /// Whether it is as it is to be.
    pub ok: bool,
    /// What is wrong; if nothing is, a remark.
    pub reason: Option<String>,
}
