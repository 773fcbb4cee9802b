//! From facts to a report: no file, no clock, no process.

use std::collections::{BTreeMap, BTreeSet};

use model::{LoginState, Timestamp, printable};
use vault::Attempt;

use super::{
    AccountReport, AccountState, CredentialReport, DirectoryReport, FailureReport, GroupReport,
    How, ItemState, KeeperReport, Report, UserReport,
};
use crate::home::{Condition, Item, ItemReport};
use crate::keeper::KeeperStatus;
use crate::settings::CredentialsMode;
use crate::state::{ServerState, UserRecord};

/// What is said of an account that is assigned, and was removed from the vault.
pub(super) const GONE: &str = "the account is not in the vault any more; give its users another: claude-share server assign USER ACCOUNT";

/// What was found.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What was set up.
    pub state: &'a ServerState,
    /// When it was looked.
    pub now: Timestamp,
    /// What the keeper says of itself; `None` if none answers.
    pub keeper: Option<KeeperStatus>,
    /// Whether somebody listens where the keeper does.
    pub keeper_listens: bool,
    /// What is wrong with the group.
    pub group_problem: Option<String>,
    /// What is wrong with the shared directory.
    pub directory_problem: Option<String>,
    /// The accounts by their identifier.
    pub accounts: BTreeMap<String, AccountFacts>,
    /// The managed users that are to be told of, by name.
    pub users: BTreeMap<String, UserFacts>,
    /// The source user, if he is to be told of.
    pub source: Option<UserFacts>,
}

/// What was found of an account.
#[derive(Clone, Debug)]
pub struct AccountFacts {
    /// Its name, as stored.
    pub name: String,
    /// What is in it.
    pub kind: AccountKind,
    /// Whether the login can still be renewed.
    pub state: LoginState,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last renewed.
    pub renewed_at: Option<Timestamp>,
    /// Failures to renew it since.
    pub attempt: Option<Attempt>,
}

/// What is in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A login.
    Login,
    /// A key.
    Key,
    /// Neither yet.
    Nothing,
    /// Nobody knows; for people.
    Unusable(String),
}

/// What was found of a user.
#[derive(Clone, Debug)]
pub enum UserFacts {
    /// He cannot be looked at: he is gone, another one, or his home does not let itself be looked
    /// at. For people.
    Unseen(String),
    /// His home was looked at.
    Seen {
        /// Whether he is in the group.
        in_group: bool,
        /// Every item.
        items: Vec<ItemReport>,
        /// Whether his `.claude.json` is without something that all are to have.
        lacks_shared_keys: bool,
    },
}

/// Whose home it is.
#[derive(Clone, Copy)]
struct Role<'a> {
    name: &'a str,
    account: &'a str,
    /// `None` for the source user.
    record: Option<&'a UserRecord>,
}

/// Judges.
#[must_use]
pub fn judge(facts: &Facts<'_>) -> Report {
    let state = facts.state;
    let users = facts.users.iter().filter_map(|(name, found)| {
        let record = state.users.get(name)?;
        let account = state.account_of(record);
        let role = Role {
            name,
            account,
            record: Some(record),
        };
        Some(user(facts, role, found))
    });
    let users: Vec<UserReport> = users.collect();
    let source = facts.source.as_ref().zip(state.source.as_ref());
    let source = source.map(|(found, record)| {
        let (name, account) = (&state.settings.source_user, &record.account);
        user(
            facts,
            Role {
                name,
                account,
                record: None,
            },
            found,
        )
    });
    let mut accounts: Vec<AccountReport> = facts
        .accounts
        .iter()
        .map(|(id, found)| account(found, facts.now, not_renewed(facts, id)))
        .collect();
    accounts.sort_by(|left, right| left.name.cmp(&right.name));
    let keeper = keeper(facts.keeper.as_ref(), facts.keeper_listens);
    let needs_care = !keeper.running
        || facts.group_problem.is_some()
        || facts.directory_problem.is_some()
        || accounts.iter().any(|account| account.needs_care)
        || users.iter().chain(&source).any(|user| user.needs_care);
    Report {
        keeper,
        group: GroupReport {
            name: state.settings.group.clone(),
            ok: facts.group_problem.is_none(),
            reason: facts.group_problem.clone(),
        },
        shared_directory: DirectoryReport {
            path: state.settings.shared_directory.display().to_string(),
            ok: facts.directory_problem.is_none(),
            reason: facts.directory_problem.clone(),
        },
        accounts,
        source,
        users,
        needs_care,
    }
}

fn keeper(status: Option<&KeeperStatus>, listens: bool) -> KeeperReport {
    let Some(status) = status else {
        return KeeperReport {
            listens,
            ..KeeperReport::default()
        };
    };
    KeeperReport {
        running: true,
        listens: true,
        pid: Some(status.pid),
        started_at: Some(status.started_at),
        users: Some(status.users),
        waiting: Some(status.waiting),
    }
}

/// What the keeper says of an account's last renewal, where the vault says nothing: it may be what
/// cannot be written.
fn not_renewed<'a>(facts: &'a Facts<'_>, id: &str) -> Option<&'a String> {
    facts.keeper.as_ref()?.not_renewed.get(id)
}

fn account(found: &AccountFacts, now: Timestamp, told: Option<&String>) -> AccountReport {
    let (state, reason) = match account_state(found, now) {
        (AccountState::Ok, _) if told.is_some() => (AccountState::Failing, told.cloned()),
        (state @ AccountState::Ended, None) => (state, told.cloned()),
        judged => judged,
    };
    AccountReport {
        name: printable(&found.name),
        auth_type: match found.kind {
            AccountKind::Key => Some("api_key"),
            AccountKind::Login | AccountKind::Nothing => Some("oauth"),
            AccountKind::Unusable(_) => None,
        },
        state,
        reason,
        expires_at: found.expires_at.map(Timestamp::as_millis),
        renewed_at: found.renewed_at.map(Timestamp::as_millis),
        failure: found.attempt.as_ref().map(|attempt| FailureReport {
            reason: attempt.reason.clone(),
            failures: attempt.failures,
            at: attempt.at.as_millis(),
            retry_at: attempt.retry_at.as_millis(),
        }),
        needs_care: state != AccountState::Ok,
    }
}

fn account_state(found: &AccountFacts, now: Timestamp) -> (AccountState, Option<String>) {
    let ended = found.expires_at.is_some_and(|at| at <= now);
    match (&found.kind, &found.state) {
        (AccountKind::Unusable(problem), _) => (AccountState::Unusable, Some(problem.clone())),
        (AccountKind::Nothing, _) => (AccountState::NeverSignedIn, None),
        (AccountKind::Key, _) => (AccountState::Ok, None),
        (AccountKind::Login, LoginState::SignInAgain { reason }) => {
            (AccountState::SignInAgain, Some(reason.clone()))
        }
        (AccountKind::Login, LoginState::Alive) if ended => (AccountState::Ended, reason_of(found)),
        (AccountKind::Login, LoginState::Alive) if found.attempt.is_some() => {
            (AccountState::Failing, reason_of(found))
        }
        (AccountKind::Login, LoginState::Alive) => (AccountState::Ok, None),
    }
}

fn reason_of(found: &AccountFacts) -> Option<String> {
    found.attempt.as_ref().map(|attempt| attempt.reason.clone())
}

fn user(facts: &Facts<'_>, role: Role<'_>, found: &UserFacts) -> UserReport {
    let account = facts.accounts.get(role.account);
    let (group, items, unseen) = match found {
        UserFacts::Unseen(problem) => (None, Vec::new(), Some(problem.clone())),
        UserFacts::Seen {
            in_group,
            items,
            lacks_shared_keys,
        } => {
            let group = role.record.map(|_| *in_group);
            let row = |report| item(report, role, account, *lacks_shared_keys);
            (group, items.iter().filter_map(row).collect(), None)
        }
    };
    let trouble = || {
        let troubles = &facts.keeper.as_ref()?.troubles;
        troubles
            .get(role.name)
            .map(|trouble| format!("the keeper cannot keep it: {trouble}"))
    };
    let problem = unseen.or_else(trouble);
    let credential = credential(facts, role, account, found);
    let starved = credential.how == How::Nothing && role.record.is_some();
    let items: Vec<ItemState> = items;
    UserReport {
        name: role.name.to_owned(),
        needs_care: problem.is_some()
            || group == Some(false)
            || starved
            || credential.seconds_left == Some(0)
            || items.iter().any(|item| !item.ok),
        group,
        problem,
        credential,
        items,
    }
}

fn credential(
    facts: &Facts<'_>,
    role: Role<'_>,
    account: Option<&AccountFacts>,
    found: &UserFacts,
) -> CredentialReport {
    let how = how(facts.state, role, account, found);
    let account = account.filter(|_| how != How::OwnLogin);
    let expires_at = account
        .filter(|_| matches!(how, How::View | How::Link))
        .and_then(|account| account.expires_at);
    CredentialReport {
        how,
        account: account.map(|account| printable(&account.name)),
        expires_at: expires_at.map(Timestamp::as_millis),
        seconds_left: expires_at.map(|at| facts.now.until(at).as_secs()),
    }
}

fn how(
    state: &ServerState,
    role: Role<'_>,
    account: Option<&AccountFacts>,
    found: &UserFacts,
) -> How {
    let UserFacts::Seen { items, .. } = found else {
        return How::Nothing;
    };
    let kind = account.map(|account| &account.kind);
    let has_own = items
        .iter()
        .any(|report| report.item == Item::Credentials && report.found == Condition::OwnLogin);
    match kind {
        // The client asks for the key before it looks at its own login.
        Some(AccountKind::Key) if role.record.is_some() => How::Key,
        _ if has_own => How::OwnLogin,
        Some(AccountKind::Login) if is_linked(state, role) => How::Link,
        Some(AccountKind::Login) => How::View,
        _ => How::Nothing,
    }
}

/// The one shared file holds the default account's login; everybody else has a view.
fn is_linked(state: &ServerState, role: Role<'_>) -> bool {
    state.settings.credentials == CredentialsMode::Link
        && role.record.is_some()
        && role.account == state.default_account
}

/// A row; `None` if there is nothing to tell of it.
fn item(
    report: &ItemReport,
    role: Role<'_>,
    account: Option<&AccountFacts>,
    lacks_shared_keys: bool,
) -> Option<ItemState> {
    let kind = account.map(|account| &account.kind);
    let row = |ok, reason| {
        Some(ItemState {
            path: report.item.path(),
            ok,
            reason,
        })
    };
    let starved = report.item == Item::Credentials
        && role.record.is_some()
        && !matches!(kind, Some(AccountKind::Login | AccountKind::Key));
    match (&report.found, report.item) {
        (Condition::Wrong(reason), _) => row(false, Some(reason.clone())),
        (Condition::Good, Item::Umask) => None,
        (Condition::Good, Item::ClaudeJson) if lacks_shared_keys => {
            row(false, Some("lacks shared keys".to_owned()))
        }
        (Condition::Good, Item::Credentials) if kind == Some(&AccountKind::Key) => {
            row(true, Some("none: he is given a key".to_owned()))
        }
        (Condition::Good, _) => row(true, None),
        (Condition::OwnLogin, _) if kind == Some(&AccountKind::Key) => row(
            true,
            Some("login of his own; his key goes before it".to_owned()),
        ),
        (Condition::OwnLogin, _) => row(true, Some(own_login_remark(role.name))),
        (Condition::NotShared, _) if starved => row(false, Some(why_nothing(account))),
        (Condition::NotShared, _) => None,
    }
}

fn own_login_remark(user: &str) -> String {
    format!(
        "login of his own; `claude-share server sync --reclaim {user}` brings the shared one back"
    )
}

fn why_nothing(account: Option<&AccountFacts>) -> String {
    match account {
        None => GONE.to_owned(),
        Some(found) => {
            let name = printable(&found.name);
            match &found.kind {
                AccountKind::Unusable(problem) => problem.clone(),
                _ => format!("there is no login in {name} yet"),
            }
        }
    }
}

/// The accounts that anybody of those named has: by identifier.
pub(super) fn used_accounts(state: &ServerState, only: Option<&str>) -> BTreeSet<String> {
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    let users = state.users.iter().filter(|(name, _)| is_wanted(name));
    let mut used: BTreeSet<String> = users
        .map(|(_, record)| state.account_of(record).to_owned())
        .collect();
    let source = state
        .source
        .iter()
        .filter(|_| is_wanted(&state.settings.source_user));
    used.extend(source.map(|source| source.account.clone()));
    if only.is_none() {
        used.insert(state.default_account.clone());
    }
    used
}
