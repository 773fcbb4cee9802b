//! Plans from facts: what is planned, and that nothing is planned twice.

use std::collections::{BTreeMap, BTreeSet};

use model::{AuthType, CredentialDocument, Identity, Secret};

use super::*;
use crate::desired::Provision;
use crate::home::{Condition, CredentialsWish, HomeReport, Item, ItemReport};
use crate::server::facts::{Facts, KeeperFacts, SourceLogin, UserFacts};
use crate::server::shared_tree::TreeWish;
use crate::server::step::Change;
use crate::server::vault_accounts::AccountFacts;
use crate::state::{ServerState, SourceRecord, UserRecord};
use crate::{ServerPaths, config::ConfigFile};

fn name(text: &str) -> UserName {
    UserName::parse_existing(text).unwrap()
}

fn user(uid: u32, in_group: bool) -> UserFacts {
    UserFacts {
        uid,
        home: "/home/somebody".into(),
        has_home: true,
        in_group,
        is_running: false,
    }
}

fn login() -> SourceLogin {
    let document = br#"{"claudeAiOauth":{"accessToken":"FAKE-A","refreshToken":"FAKE-R"}}"#;
    SourceLogin {
        document: CredentialDocument::parse(document).unwrap(),
        identity: Identity::default(),
    }
}

fn account(name: &str, auth_type: AuthType) -> AccountFacts {
    AccountFacts {
        id: format!("id-{name}"),
        name: name.to_owned(),
        auth_type,
        alive: true,
        provision: match auth_type {
            AuthType::ApiKey => Provision::Key,
            AuthType::OAuth => Provision::Login(CredentialsWish::View("{}".to_owned())),
        },
        is_sources: false,
    }
}

/// A machine on which nothing is set up, with a login of root's.
fn fresh() -> Facts {
    let settings = Settings::default();
    Facts {
        paths: ServerPaths::documented(),
        state: None,
        config: None,
        named_users: None,
        gid: None,
        users: BTreeMap::from([("root".to_owned(), user(0, false))]),
        tree: TreeWish {
            directory: settings.shared_directory.clone(),
            files: BTreeMap::new(),
            without_credentials: false,
        },
        tree_wrong: vec!["/shared/claude-share is missing".to_owned()],
        exposed_login: false,
        homes: BTreeMap::new(),
        accounts: Vec::new(),
        source_login: Some(login()),
        linked_users: BTreeSet::new(),
        keeper: KeeperFacts::default(),
        settings,
    }
}

/// The same machine after `init` with these users: all is as it should be.
fn set_up(users: &[&str]) -> Facts {
    let mut facts = fresh();
    let mut state = ServerState::new(facts.settings.clone(), "id-default".to_owned());
    state.made.group = true;
    state.source = Some(SourceRecord {
        uid: 0,
        account: "id-default".to_owned(),
        joined_group: true,
    });
    facts.users.insert("root".to_owned(), user(0, true));
    for (uid, name) in (1000..).zip(users) {
        let record = UserRecord {
            uid,
            account: None,
            created: true,
            joined_group: true,
            originals: BTreeMap::new(),
        };
        state.users.insert((*name).to_owned(), record);
        facts.users.insert((*name).to_owned(), user(uid, true));
        facts
            .homes
            .insert((*name).to_owned(), Ok(HomeReport::default()));
    }
    let names: Vec<UserName> = users.iter().map(|user| name(user)).collect();
    let mut config = ConfigFile::new(&facts.paths.config);
    config.apply(&facts.settings, &names).unwrap();
    facts.config = Some(config);
    facts.named_users = Some(names);
    facts.state = Some(state);
    facts.gid = Some(990);
    facts.tree_wrong = Vec::new();
    facts.accounts = vec![account("default", AuthType::OAuth)];
    facts.source_login = None;
    facts.keeper.is_running = true;
    facts
}

fn new(text: &str) -> NewUser {
    NewUser {
        name: name(text),
        password: Password::Given(Secret::new("hunter2-FAKE")),
        key: None,
        existing: false,
        account: None,
    }
}

fn init(users: &[&str]) -> InitRequest {
    InitRequest {
        settings: Settings::default(),
        account: None,
        users: users.iter().map(|user| new(user)).collect(),
    }
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.steps.iter().filter_map(Step::done).collect()
}

fn report(item: Item, found: Condition) -> HomeReport {
    HomeReport {
        items: vec![ItemReport {
            item,
            found,
            mended: None,
        }],
        ..HomeReport::default()
    }
}

#[test]
fn init_says_what_is_documented_in_that_order() {
    let plan = plan_init(&fresh(), &init(&["usera", "userb"])).unwrap();
    let documented = [
        "Created group: claudeshare",
        "Added root to group claudeshare",
        "Shared dir ready: /shared/claude-share",
        "Created user: usera",
        "Set password for usera",
        "Added usera to group claudeshare",
        "Linked usera to shared auth",
        "Created user: userb",
        "Set password for userb",
        "Added userb to group claudeshare",
        "Linked userb to shared auth",
        "Wrote config: /etc/claude-share/config",
    ];
    let lines = lines(&plan);
    let said: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| documented.contains(line))
        .collect();
    assert_eq!(said, documented);
    assert_eq!(plan.on_failure, OnFailure::RollBack);
}

#[test]
fn the_login_is_in_the_vault_and_on_record_before_a_file_of_anybodys_changes() {
    let plan = plan_init(&fresh(), &init(&["usera"])).unwrap();
    let place = |wanted: fn(&Step) -> bool| plan.steps.iter().position(wanted).unwrap();
    let taken = place(|step| matches!(step, Step::TakeLogin { .. }));
    let recorded = place(|step| matches!(step, Step::Record(Change::Source { .. })));
    let user = place(|step| matches!(step, Step::Record(Change::User { .. })));
    let home = place(|step| matches!(step, Step::SetUpHome { .. }));
    let source = place(|step| matches!(step, Step::SetUpSource { .. }));
    let keeper = place(|step| matches!(step, Step::StartKeeper));
    assert!(taken < recorded && recorded < user && user < home);
    assert!(home < source && source < keeper);
    // Only then does a keeper know him: what he had before is noted by whoever changes it first.
    assert_eq!(
        plan.steps[home + 1],
        Step::Record(Change::SetUp(name("usera")))
    );
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    let facts = set_up(&["usera", "userb"]);
    let steps = |plan: Result<Plan, Refusal>| plan.unwrap().steps;
    assert_eq!(steps(plan_init(&facts, &init(&["usera", "userb"]))), []);
    assert_eq!(steps(plan_add_user(&facts, &new("usera"))), []);
    assert_eq!(steps(plan_sync(&facts, &SyncRequest::default())), []);
    assert_eq!(steps(plan_assign(&facts, &name("usera"), None)), []);
}

#[test]
fn init_with_other_answers_is_refused_and_with_more_users_adds_them() {
    let facts = set_up(&["usera"]);
    let mut other = init(&[]);
    other.settings.group = "others".to_owned();
    let refusal = plan_init(&facts, &other).unwrap_err();
    assert!(refusal.hint.contains("sync"), "{}", refusal.hint);
    let more = plan_init(&facts, &init(&["usera", "userb"])).unwrap();
    assert_eq!(lines(&more)[0], "Created user: userb");
    assert!(!lines(&more).iter().any(|line| line.contains("usera")));
    assert_eq!(more.steps.last(), Some(&Step::ReloadKeeper));
}

#[test]
fn without_a_login_init_says_how_to_get_one_or_takes_a_key() {
    let mut facts = fresh();
    facts.source_login = None;
    let refusal = plan_init(&facts, &init(&[])).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    assert_eq!(
        refusal.message,
        "/root/.claude/.credentials.json holds no login"
    );
    assert!(refusal.hint.contains("claude auth login") && refusal.hint.contains("--account NAME"));
    facts.accounts = vec![account("team", AuthType::ApiKey)];
    let mut request = init(&["usera"]);
    request.account = Some("team".to_owned());
    let plan = plan_init(&facts, &request).unwrap();
    assert!(
        !plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::TakeLogin { .. } | Step::SetUpSource { .. }))
    );
}

#[test]
fn another_login_under_that_name_is_not_written_over() {
    let mut facts = fresh();
    facts.accounts = vec![account("default", AuthType::OAuth)];
    assert_eq!(
        plan_init(&facts, &init(&[])).unwrap_err().kind,
        RefusalKind::Conflict
    );
    facts.accounts[0].is_sources = true;
    assert!(plan_init(&facts, &init(&[])).is_ok());
}

#[test]
fn who_cannot_be_managed_is_refused() {
    let mut facts = set_up(&["usera"]);
    facts.users.insert("old".to_owned(), user(1500, false));
    facts.users.insert("toor".to_owned(), user(0, false));
    let kind = |new: &NewUser| plan_add_user(&facts, new).unwrap_err().kind;
    assert_eq!(kind(&new("root")), RefusalKind::Input);
    assert_eq!(kind(&new("toor")), RefusalKind::Input);
    assert_eq!(kind(&new("old")), RefusalKind::Conflict);
    let adopted = NewUser {
        existing: true,
        password: Password::AsItIs,
        ..new("old")
    };
    let plan = plan_add_user(&facts, &adopted).unwrap();
    assert!(
        !plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::CreateUser(_) | Step::SetPassword { .. }))
    );
    assert_eq!(
        kind(&NewUser {
            existing: true,
            ..new("nobody-there")
        }),
        RefusalKind::NotFound
    );
    assert_eq!(
        kind(&NewUser {
            account: Some("none".to_owned()),
            ..new("more")
        }),
        RefusalKind::NotFound
    );
}

#[test]
fn a_reused_number_is_no_managed_user() {
    let mut facts = set_up(&["usera"]);
    facts.users.insert("usera".to_owned(), user(2000, true));
    assert_eq!(
        plan_add_user(&facts, &new("usera")).unwrap_err().kind,
        RefusalKind::Conflict
    );
    let removal = RemoveRequest {
        user: name("usera"),
        delete: true,
    };
    let plan = plan_remove_user(&facts, &removal).unwrap();
    // Another one's home and account are left alone.
    assert!(!plan.steps.iter().any(|step| matches!(
        step,
        Step::TakeBackHome(_) | Step::DeleteUser(_) | Step::LeaveGroup { .. }
    )));
    assert!(
        plan.steps
            .contains(&Step::Record(Change::Forget(name("usera"))))
    );
}

#[test]
fn the_keeper_lets_go_of_a_home_before_it_is_taken_back() {
    let facts = set_up(&["usera", "userb"]);
    let removal = RemoveRequest {
        user: name("usera"),
        delete: false,
    };
    let steps = plan_remove_user(&facts, &removal).unwrap().steps;
    let taken_back = steps
        .iter()
        .position(|step| matches!(step, Step::TakeBackHome(_)))
        .unwrap();
    assert_eq!(steps[taken_back - 1], Step::ReloadKeeper);
    assert_eq!(
        steps[taken_back - 2],
        Step::Record(Change::Leaving(name("usera")))
    );
    assert!(!steps.iter().any(|step| matches!(step, Step::DeleteUser(_))));
}

#[test]
fn who_has_processes_is_not_deleted() {
    let mut facts = set_up(&["usera"]);
    facts.users.get_mut("usera").unwrap().is_running = true;
    let removal = RemoveRequest {
        user: name("usera"),
        delete: true,
    };
    let refusal = plan_remove_user(&facts, &removal).unwrap_err();
    assert!(refusal.hint.contains("pkill -u usera"));
}

#[test]
fn sync_puts_right_what_is_wrong_and_nothing_else() {
    let mut facts = set_up(&["usera", "userb", "userc"]);
    let damaged = report(Item::Settings, Condition::Wrong("is missing".to_owned()));
    facts.homes.insert("usera".to_owned(), Ok(damaged));
    facts.homes.insert(
        "userb".to_owned(),
        Ok(report(Item::Credentials, Condition::OwnLogin)),
    );
    facts.users.get_mut("userc").unwrap().in_group = false;
    let plan = plan_sync(&facts, &SyncRequest::default()).unwrap();
    assert_eq!(
        lines(&plan),
        ["Put right: usera", "Added userc to group claudeshare"]
    );
    assert_eq!(plan.on_failure, OnFailure::GoOn);
    let reclaimed = plan_sync(
        &facts,
        &SyncRequest {
            reclaim: Some(name("userb")),
        },
    )
    .unwrap();
    assert!(lines(&reclaimed).contains(&"Put right: userb".to_owned()));
    let nobody = SyncRequest {
        reclaim: Some(name("nobody")),
    };
    assert_eq!(
        plan_sync(&facts, &nobody).unwrap_err().kind,
        RefusalKind::NotFound
    );
}

#[test]
fn sync_takes_edits_and_refuses_those_that_have_commands() {
    let mut facts = set_up(&["usera"]);
    facts.settings.share_settings_local = false;
    let steps = plan_sync(&facts, &SyncRequest::default()).unwrap().steps;
    assert!(
        matches!(&steps[0], Step::Record(Change::Settings(settings)) if !settings.share_settings_local)
    );
    assert_eq!(steps[1], Step::ReloadKeeper);

    let mut facts = set_up(&["usera"]);
    facts.named_users = Some(Vec::new());
    assert!(
        plan_sync(&facts, &SyncRequest::default())
            .unwrap_err()
            .hint
            .contains("remove-user usera")
    );

    let mut facts = set_up(&["usera"]);
    facts.named_users = Some(vec![name("usera"), name("old")]);
    facts.users.insert("old".to_owned(), user(1500, false));
    let plan = plan_sync(&facts, &SyncRequest::default()).unwrap();
    assert!(lines(&plan).contains(&"Linked old to shared auth".to_owned()));

    let mut facts = set_up(&["usera"]);
    facts.settings.group = "others".to_owned();
    assert_eq!(
        plan_sync(&facts, &SyncRequest::default()).unwrap_err().kind,
        RefusalKind::Conflict
    );
}

#[test]
fn what_a_command_left_half_done_is_done_by_sync() {
    let mut facts = set_up(&["usera"]);
    let state = facts.state.as_mut().unwrap();
    let record = state.users.remove("usera").unwrap();
    state.leaving.insert("usera".to_owned(), record);
    facts.named_users = None;
    let steps = plan_sync(&facts, &SyncRequest::default()).unwrap().steps;
    assert!(steps.contains(&Step::TakeBackHome(name("usera"))));
    assert!(steps.contains(&Step::Record(Change::Forget(name("usera")))));
}

#[test]
fn a_user_who_was_half_set_up_is_finished_and_not_made_again() {
    let mut facts = set_up(&["usera"]);
    let state = facts.state.as_mut().unwrap();
    let record = state.users.remove("usera").unwrap();
    state.joining.insert("usera".to_owned(), record);
    let finished = [
        Step::SetUpHome {
            user: name("usera"),
            wrong: Vec::new(),
            reclaim: false,
            is_new: true,
        },
        Step::Record(Change::SetUp(name("usera"))),
        Step::ReloadKeeper,
    ];
    assert_eq!(
        plan_sync(&facts, &SyncRequest::default()).unwrap().steps,
        finished
    );
    assert_eq!(
        plan_add_user(&facts, &new("usera")).unwrap().steps,
        finished
    );
    assert_eq!(
        plan_init(&facts, &init(&["usera"])).unwrap().steps,
        finished
    );
}

#[test]
fn assign_names_the_accounts_that_are_there() {
    let mut facts = set_up(&["usera"]);
    facts.accounts.push(account("team", AuthType::ApiKey));
    let refusal = plan_assign(&facts, &name("usera"), Some("nokey")).unwrap_err();
    assert!(refusal.hint.contains("default, team") && refusal.hint.contains("--key-stdin"));
    let steps = plan_assign(&facts, &name("usera"), Some("TEAM"))
        .unwrap()
        .steps;
    let assigned = Change::Assign {
        user: name("usera"),
        account: Some("team".to_owned()),
    };
    assert_eq!(steps[..2], [Step::Record(assigned), Step::ReloadKeeper]);
}

#[test]
fn uninstall_stops_the_keeper_first_and_deletes_the_record_last() {
    let steps = plan_uninstall(&set_up(&["usera"]), false).unwrap().steps;
    assert_eq!(steps[0], Step::StopKeeper);
    assert!(steps.contains(&Step::GiveBackLogin(name("root"))));
    assert!(
        !steps
            .iter()
            .any(|step| matches!(step, Step::DeleteVault(_)))
    );
    let state = ServerPaths::documented().state();
    assert_eq!(steps.last(), Some(&Step::RemoveState(state)));
    let place = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    let last_leaves = steps
        .iter()
        .rposition(|step| matches!(step, Step::LeaveGroup { .. }))
        .unwrap();
    assert!(last_leaves < place(|step| matches!(step, Step::DeleteGroup(_))));
}

#[test]
fn a_server_of_the_earlier_program_is_taken_over() {
    let mut facts = fresh();
    facts.gid = Some(990);
    facts.linked_users = BTreeSet::from(["usera".to_owned()]);
    facts.users.insert("usera".to_owned(), user(1000, true));
    facts.exposed_login = true;
    let steps = plan_init(&facts, &init(&[])).unwrap().steps;
    let place = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    let home = place(|step| matches!(step, Step::SetUpHome { .. }));
    let removed = place(|step| matches!(step, Step::RemoveSharedLogin(_)));
    let taken = place(|step| matches!(step, Step::TakeLogin { .. }));
    assert!(taken < home && home < removed);
    assert!(
        !steps
            .iter()
            .any(|step| matches!(step, Step::CreateUser(_) | Step::CreateGroup(_)))
    );
}

#[test]
fn every_step_says_what_it_does_and_what_would_undo_it_and_no_secret() {
    let mut facts = set_up(&["usera"]);
    facts.accounts.push(account("team", AuthType::ApiKey));
    let mut with_key = new("more");
    with_key.key = Some("ssh-ed25519 AAAA".to_owned());
    let plans = [
        plan_init(&fresh(), &init(&["usera"])).unwrap(),
        plan_add_user(&facts, &with_key).unwrap(),
        plan_assign(&facts, &name("usera"), Some("team")).unwrap(),
        plan_remove_user(
            &facts,
            &RemoveRequest {
                user: name("usera"),
                delete: true,
            },
        )
        .unwrap(),
        plan_uninstall(&facts, true).unwrap(),
    ];
    for step in plans.iter().flat_map(|plan| &plan.steps) {
        for text in [step.describe(), step.undo()] {
            assert!(!text.is_empty() && !text.contains('\n'), "{text}");
        }
        let all = format!(
            "{step:?}{}{}{:?}",
            step.describe(),
            step.undo(),
            step.done()
        );
        assert!(!all.contains("FAKE"), "{all}");
    }
}
