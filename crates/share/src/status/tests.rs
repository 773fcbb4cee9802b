use std::collections::BTreeMap;

use model::{LoginState, Timestamp};
use serde_json::{Value, json};
use vault::Attempt;

use super::*;
use crate::Settings;
use crate::home::{Condition, Item, ItemReport};
use crate::keeper::KeeperStatus;
use crate::settings::CredentialsMode;
use crate::state::{ServerState, SourceRecord, UserRecord};

const NOW: i64 = 1_790_000_000_000;
const HOUR: i64 = 3_600_000;

fn record(account: Option<&str>) -> UserRecord {
    UserRecord {
        uid: 1000,
        account: account.map(str::to_owned),
        created: true,
        joined_group: true,
        originals: BTreeMap::new(),
    }
}

/// `usera` has the default account, `keyed` a key.
fn state() -> ServerState {
    let mut state = ServerState::new(Settings::default(), "acc_1".to_owned());
    state.users.insert("usera".to_owned(), record(None));
    state
        .users
        .insert("keyed".to_owned(), record(Some("acc_2")));
    state.source = Some(SourceRecord {
        uid: 0,
        account: "acc_1".to_owned(),
        joined_group: true,
    });
    state
}

fn login() -> AccountFacts {
    AccountFacts {
        name: "team".to_owned(),
        kind: AccountKind::Login,
        state: LoginState::Alive,
        expires_at: Some(Timestamp::from_millis(NOW + 2 * HOUR)),
        renewed_at: Some(Timestamp::from_millis(NOW - HOUR)),
        attempt: None,
    }
}

fn key() -> AccountFacts {
    AccountFacts {
        name: "console".to_owned(),
        kind: AccountKind::Key,
        expires_at: None,
        renewed_at: None,
        ..login()
    }
}

fn seen(conditions: &[(Item, Condition)]) -> UserFacts {
    let report = |item| {
        let told = conditions.iter().find(|(told, _)| *told == item);
        let found = told.map_or(Condition::Good, |(_, found)| found.clone());
        ItemReport {
            item,
            found,
            mended: None,
        }
    };
    UserFacts::Seen {
        in_group: true,
        items: Item::ALL.map(report).to_vec(),
        lacks_shared_keys: false,
    }
}

fn source() -> UserFacts {
    let not_shared = [
        Item::ClaudeJson,
        Item::Settings,
        Item::SettingsLocal,
        Item::Umask,
    ];
    seen(&not_shared.map(|item| (item, Condition::NotShared)))
}

fn facts(state: &ServerState) -> Facts<'_> {
    Facts {
        state,
        now: Timestamp::from_millis(NOW),
        keeper_listens: true,
        keeper: Some(KeeperStatus {
            pid: 12,
            started_at: NOW - HOUR,
            users: 3,
            troubles: BTreeMap::new(),
            not_renewed: BTreeMap::new(),
            waiting: 0,
        }),
        group_problem: None,
        directory_problem: None,
        accounts: [("acc_1".to_owned(), login()), ("acc_2".to_owned(), key())].into(),
        users: [
            ("usera".to_owned(), seen(&[])),
            ("keyed".to_owned(), seen(&[])),
        ]
        .into(),
        source: Some(source()),
    }
}

/// The report on `usera` if his home was found so.
fn usera(found: UserFacts) -> (UserReport, bool) {
    let state = state();
    let mut facts = facts(&state);
    facts.users = [("usera".to_owned(), found)].into();
    let mut report = judge(&facts);
    (report.users.remove(0), report.needs_care)
}

fn item<'a>(user: &'a UserReport, path: &str) -> Option<&'a ItemState> {
    user.items.iter().find(|item| item.path == path)
}

#[test]
fn a_failure_that_the_vault_could_not_note_is_told_by_the_keeper() {
    let state = state();
    let mut facts = facts(&state);
    let keeper = facts.keeper.as_mut().unwrap();
    keeper.not_renewed = [("acc_1".to_owned(), "the disk is full".to_owned())].into();
    let report = judge(&facts);
    let team = report
        .accounts
        .iter()
        .find(|account| account.auth_type == Some("oauth"))
        .unwrap();
    assert_eq!(team.state, AccountState::Failing);
    assert_eq!(team.reason.as_deref(), Some("the disk is full"));
    assert!(team.needs_care && report.needs_care);
}

#[test]
fn a_server_on_which_all_is_well_is_told_so() {
    let state = state();
    let report = judge(&facts(&state));
    let items = |remark: Value| {
        json!([
            {"path": ".claude/.credentials.json", "ok": true, "reason": remark},
            {"path": ".claude.json", "ok": true, "reason": null},
            {"path": ".claude/settings.json", "ok": true, "reason": null},
            {"path": ".claude/settings.local.json", "ok": true, "reason": null},
        ])
    };
    let view = json!({"how": "view", "account": "team", "expires_at": NOW + 2 * HOUR, "seconds_left": 7200});
    let expected = json!({
        "keeper": {"running": true, "listens": true, "pid": 12, "started_at": NOW - HOUR, "users": 3, "waiting": 0},
        "group": {"name": "claudeshare", "ok": true, "reason": null},
        "shared_directory": {"path": "/shared/claude-share", "ok": true, "reason": null},
        "accounts": [
            {"name": "console", "type": "api_key", "state": "ok", "reason": null, "expires_at": null,
                "renewed_at": null, "failure": null, "needs_care": false},
            {"name": "team", "type": "oauth", "state": "ok", "reason": null, "expires_at": NOW + 2 * HOUR,
                "renewed_at": NOW - HOUR, "failure": null, "needs_care": false},
        ],
        "source": {"name": "root", "group": null, "problem": null, "credential": view,
            "items": [{"path": ".claude/.credentials.json", "ok": true, "reason": null}], "needs_care": false},
        "users": [
            {"name": "keyed", "group": true, "problem": null,
                "credential": {"how": "key", "account": "console", "expires_at": null, "seconds_left": null},
                "items": items(json!("none: he is given a key")), "needs_care": false},
            {"name": "usera", "group": true, "problem": null, "credential": view,
                "items": items(Value::Null), "needs_care": false},
        ],
        "needs_care": false,
    });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
}

#[test]
fn what_is_wrong_with_an_item_is_told() {
    let wrong = Condition::Wrong("is missing".to_owned());
    let (user, needs_care) = usera(seen(&[
        (Item::Umask, wrong.clone()),
        (Item::Settings, wrong),
    ]));
    assert!(user.needs_care && needs_care);
    for path in ["umask 002", ".claude/settings.json"] {
        let item = item(&user, path).unwrap();
        assert_eq!(
            (item.ok, item.reason.as_deref()),
            (false, Some("is missing"))
        );
    }
}

#[test]
fn a_claude_json_without_what_all_have_is_wrong() {
    let UserFacts::Seen {
        in_group, items, ..
    } = seen(&[])
    else {
        unreachable!()
    };
    let (user, _) = usera(UserFacts::Seen {
        in_group,
        items,
        lacks_shared_keys: true,
    });
    let item = item(&user, ".claude.json").unwrap();
    assert_eq!(
        (item.ok, item.reason.as_deref()),
        (false, Some("lacks shared keys"))
    );
}

#[test]
fn a_login_of_his_own_is_his_affair() {
    let (user, needs_care) = usera(seen(&[(Item::Credentials, Condition::OwnLogin)]));
    assert!(!user.needs_care && !needs_care);
    assert_eq!(user.credential.how, How::OwnLogin);
    assert_eq!(user.credential.account, None);
    let item = item(&user, ".claude/.credentials.json").unwrap();
    assert!(item.ok);
    let remark =
        "login of his own; `claude-share server sync --reclaim usera` brings the shared one back";
    assert_eq!(item.reason.as_deref(), Some(remark));
}

#[test]
fn what_is_not_shared_has_no_row() {
    let (user, _) = usera(seen(&[(Item::SettingsLocal, Condition::NotShared)]));
    assert_eq!(item(&user, ".claude/settings.local.json"), None);
    assert!(!user.needs_care);
}

#[test]
fn who_cannot_be_looked_at_says_why_and_claims_nothing() {
    let (user, needs_care) = usera(UserFacts::Unseen(
        "the Linux user does not exist any more".to_owned(),
    ));
    assert!(user.needs_care && needs_care);
    assert_eq!((user.group, user.items.len()), (None, 0));
    assert_eq!(
        user.problem.as_deref(),
        Some("the Linux user does not exist any more")
    );
    assert_eq!(user.credential.how, How::Nothing);
}

#[test]
fn who_is_not_in_the_group_needs_care() {
    let UserFacts::Seen { items, .. } = seen(&[]) else {
        unreachable!()
    };
    let (user, _) = usera(UserFacts::Seen {
        in_group: false,
        items,
        lacks_shared_keys: false,
    });
    assert_eq!((user.group, user.needs_care), (Some(false), true));
}

#[test]
fn an_account_with_nothing_in_it_leaves_its_users_with_nothing() {
    let state = state();
    for kind in [
        AccountKind::Nothing,
        AccountKind::Unusable("it is damaged".to_owned()),
    ] {
        let mut facts = facts(&state);
        let not_shared = seen(&[(Item::Credentials, Condition::NotShared)]);
        facts.users = [("usera".to_owned(), not_shared)].into();
        facts.accounts.insert(
            "acc_1".to_owned(),
            AccountFacts {
                kind: kind.clone(),
                ..login()
            },
        );
        let report = judge(&facts);
        let user = &report.users[0];
        assert_eq!(user.credential.how, How::Nothing, "{kind:?}");
        assert!(user.needs_care && !item(user, ".claude/.credentials.json").unwrap().ok);
        assert!(report.accounts.iter().any(|account| account.needs_care));
        // The source user's file is left as it is.
        assert!(!report.source.unwrap().needs_care);
    }
}

#[test]
fn a_token_that_has_ended_and_failures_need_care() {
    let state = state();
    let ended = Some(Timestamp::from_millis(NOW - 1));
    let attempt = Some(Attempt {
        failures: 2,
        at: Timestamp::from_millis(NOW - 5),
        retry_at: Timestamp::from_millis(NOW + 5),
        reason: "down".to_owned(),
    });
    let again = LoginState::SignInAgain {
        reason: "refused".to_owned(),
    };
    for (found, expected) in [
        (
            AccountFacts {
                expires_at: ended,
                ..login()
            },
            AccountState::Ended,
        ),
        (
            AccountFacts {
                attempt: attempt.clone(),
                ..login()
            },
            AccountState::Failing,
        ),
        (
            AccountFacts {
                expires_at: ended,
                attempt,
                ..login()
            },
            AccountState::Ended,
        ),
        (
            AccountFacts {
                state: again,
                ..login()
            },
            AccountState::SignInAgain,
        ),
    ] {
        let is_over = found.expires_at == ended;
        let mut facts = facts(&state);
        facts.accounts.insert("acc_1".to_owned(), found);
        let report = judge(&facts);
        let account = report
            .accounts
            .iter()
            .find(|account| account.name == "team")
            .unwrap();
        assert_eq!(account.state, expected);
        assert!(account.needs_care && report.needs_care);
        let user = report
            .users
            .iter()
            .find(|user| user.name == "usera")
            .unwrap();
        assert_eq!(user.credential.seconds_left == Some(0), is_over);
        assert_eq!(user.needs_care, is_over);
    }
}

#[test]
fn in_link_mode_only_the_default_account_is_linked() {
    let mut state = state();
    state.settings.credentials = CredentialsMode::Link;
    state
        .users
        .insert("other".to_owned(), record(Some("acc_3")));
    let mut facts = facts(&state);
    facts.accounts.insert("acc_3".to_owned(), login());
    facts.users.insert("other".to_owned(), seen(&[]));
    let report = judge(&facts);
    let how = |name: &str| {
        report
            .users
            .iter()
            .find(|user| user.name == name)
            .unwrap()
            .credential
            .how
    };
    assert_eq!(
        (how("usera"), how("other"), how("keyed")),
        (How::Link, How::View, How::Key)
    );
    assert_eq!(report.source.unwrap().credential.how, How::View);
}

#[test]
fn what_the_server_lacks_needs_care() {
    let state = state();
    let cases: [fn(&mut Facts<'_>); 4] = [
        |facts| facts.keeper = None,
        |facts| facts.group_problem = Some("does not exist".to_owned()),
        |facts| facts.directory_problem = Some("is missing".to_owned()),
        |facts| {
            let keeper = facts.keeper.as_mut().unwrap();
            keeper
                .troubles
                .insert("usera".to_owned(), "his disk is full".to_owned());
        },
    ];
    for break_it in cases {
        let mut facts = facts(&state);
        break_it(&mut facts);
        let report = judge(&facts);
        assert!(report.needs_care && report.keeper.listens);
    }
}

#[test]
fn the_accounts_of_one_user_alone_are_looked_at() {
    let state = state();
    let used = |only| {
        judge::used_accounts(&state, only)
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(used(None), ["acc_1", "acc_2"]);
    assert_eq!(used(Some("keyed")), ["acc_2"]);
    assert_eq!(used(Some("root")), ["acc_1"]);
}
