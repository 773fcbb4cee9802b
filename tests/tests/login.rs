//! "I am signed in already; take that" and "sign me in to another one, and leave mine alone".

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; looks at files that it made itself"
)]

use end_to_end::{HOURS_8, LIMIT, Machine, read_json};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use testkit::documents::{credentials_with_unknown_keys, now_ms, write_private};
use testkit::terminal::CONTROL_C;
use testkit::{Ran, Terminal, wait_until};

const ACCESS: &str = "sk-ant-oat01-FAKE-own";
const REFRESH: &str = "sk-ant-ort01-FAKE-own";

fn identity(name: &str) -> Value {
    json!({
        "accountUuid": format!("{name}-uuid"),
        "emailAddress": format!("{name}@example.com"),
        "organizationUuid": format!("{name}-organization"),
        "organizationName": format!("{name} & Sons"),
    })
}

/// The user is signed in as "own", and `auth login` would sign in as "other".
fn machine() -> Machine {
    let machine = Machine::new();
    machine.write_own_login(&own_login());
    let state = json!({"numStartups": 3, "oauthAccount": identity("own")});
    write_private(&machine.home.home().join(".claude.json"), state.to_string());
    sign_in_as_other(&machine, false);
    machine
}

fn own_login() -> Value {
    credentials_with_unknown_keys(ACCESS, REFRESH, (now_ms() + HOURS_8) / 1000 * 1000)
}

fn sign_in_as_other(machine: &Machine, asks: bool) {
    let login = machine.tokens.issue("other");
    let settings = json!({"record": true, "login": {
        "credentials": login.credentials(), "oauthAccount": identity("other"), "asks": asks}});
    machine.home.configure_stand_in_client(&settings);
}

/// The user's own files, which only the user changes.
fn own_files(machine: &Machine) -> [Vec<u8>; 2] {
    [
        machine.own_login_path(),
        machine.home.home().join(".claude.json"),
    ]
    .map(|path| fs::read(path).unwrap())
}

/// What is left of directories that were signed in in.
fn sign_in_directories(machine: &Machine) -> Vec<PathBuf> {
    let vaults = fs::read_dir(machine.home.runtime().join("claude-accounts"))
        .into_iter()
        .flatten()
        .flatten();
    let parents = vaults.map(|vault| vault.path().join("sign-in"));
    parents
        .flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect()
}

#[track_caller]
fn assert_signed_in_as_other(machine: &Machine, name: &str) {
    let export = machine.export();
    let account = export
        .as_array()
        .unwrap()
        .iter()
        .find(|account| account["name"] == name)
        .expect("the account");
    assert_eq!(account["refresh_token"], *machine.tokens.current("other").1);
    assert_eq!(machine.status(name)["email"], "other@example.com");
    assert_eq!(sign_in_directories(machine), Vec::<PathBuf>::new());
}

#[test]
fn the_login_that_is_there_is_taken_whole_with_its_identity() {
    let machine = machine();
    let before = own_files(&machine);
    // Nobody is there to be asked, so no question is needed.
    let ran = machine.run(&["login", "work"]).success();
    assert!(ran.stdout.contains("own@example.com"), "{}", ran.stdout);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(REFRESH));
    let status = machine.status("work");
    assert_eq!(
        [
            &status["email"],
            &status["organization"],
            &status["plan"],
            &status["account_uuid"]
        ],
        ["own@example.com", "own & Sons", "max", "own-uuid"]
    );
    let account = &machine.export()[0];
    assert_eq!(
        (&account["access_token"], &account["refresh_token"]),
        (&json!(ACCESS), &json!(REFRESH))
    );
    let document = &account["document"];
    assert_eq!(document["inventedBeside"], own_login()["inventedBeside"]);
    let inside = &document["claudeAiOauth"];
    assert_eq!(
        inside["inventedInside"],
        own_login()["claudeAiOauth"]["inventedInside"]
    );
    assert_eq!(inside["rateLimitTier"], "default_claude_max_20x");
    assert_eq!(own_files(&machine), before);
    assert!(machine.launches().is_empty(), "the client was not needed");
}

#[test]
fn a_file_is_taken_without_the_identity_of_somebody_else() {
    let machine = machine();
    let login = machine.tokens.issue("file");
    let file = machine.home.root().join("from another machine.json");
    write_private(&file, login.credentials().to_string());
    let before = fs::read(&file).unwrap();
    drop(
        machine
            .run(&["login", "work", "--capture", file.to_str().unwrap()])
            .success(),
    );
    assert_eq!(machine.export()[0]["refresh_token"], *login.refresh_token);
    assert_eq!(machine.status("work")["email"], Value::Null);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_login_is_refused_and_nothing_is_added() {
    let machine = Machine::new();
    let refused = machine.run(&["login", "work", "--capture"]).code(9);
    assert!(refused.stderr.contains("hint:"), "{}", refused.stderr);
    let blanked = json!({"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0, "scopes": []}});
    for text in [
        "",
        "{",
        "[]",
        "{}",
        &blanked.to_string(),
        r#"{"claudeAiOauth": {"accessToken": 7}}"#,
    ] {
        write_private(&machine.own_login_path(), text);
        let refused = machine.run(&["login", "work", "--capture"]).code(9);
        assert!(
            refused.stderr.contains(".credentials.json"),
            "{}",
            refused.stderr
        );
        assert_eq!(fs::read_to_string(machine.own_login_path()).unwrap(), text);
    }
    machine.add_key("key");
    drop(machine.run(&["login", "key", "--capture"]).code(4));
    drop(machine.run(&["login", "a/b", "--capture"]).code(9));
    assert_eq!(machine.export().as_array().unwrap().len(), 1);
}

#[test]
fn on_a_terminal_yes_takes_the_login_that_is_there() {
    for answer in ["\r", "y\r", "YES\r"] {
        let machine = machine();
        let mut terminal = Terminal::claude_accounts(&machine.home, &["login", "work"]);
        terminal.wait_for("[Y/n]", LIMIT);
        assert!(
            terminal.shown().contains("own@example.com"),
            "{}",
            terminal.shown()
        );
        terminal.type_text(answer);
        assert!(terminal.wait(LIMIT).success(), "{}", terminal.shown());
        assert_eq!(machine.export()[0]["refresh_token"], REFRESH);
        assert!(machine.launches().is_empty());
    }
}

#[test]
fn on_a_terminal_no_signs_in_to_another_one_and_leaves_the_own_alone() {
    let mut machine = machine();
    machine
        .home
        .set("ANTHROPIC_API_KEY", "sk-ant-api03-FAKE-rival");
    let before = own_files(&machine);
    let mut terminal = Terminal::claude_accounts(&machine.home, &["login", "work"]);
    terminal.wait_for("[Y/n]", LIMIT);
    terminal.type_text("n\r");
    assert!(terminal.wait(LIMIT).success(), "{}", terminal.shown());
    let call = machine.last_launch();
    assert_eq!(call.argv[1..], ["auth", "login"]);
    assert!(call.env["CLAUDE_CONFIG_DIR"].starts_with(machine.home.runtime().to_str().unwrap()));
    assert!(
        !call.env.contains_key("ANTHROPIC_API_KEY")
            && !call.env.contains_key("CLAUDE_ACCOUNTS_ACCOUNT")
    );
    assert_signed_in_as_other(&machine, "work");
    assert_eq!(own_files(&machine), before);
    let refreshed = machine.run(&["refresh", "work"]).success();
    assert!(refreshed.stdout.contains("renewed"), "{}", refreshed.stdout);
    assert_eq!(own_files(&machine), before, "also by a renewal");
}

#[test]
fn without_a_login_of_ones_own_it_signs_in_at_once() {
    let machine = Machine::new();
    sign_in_as_other(&machine, true);
    let mut terminal = Terminal::claude_accounts(&machine.home, &["login", "work"]);
    terminal.wait_for("Paste code here", LIMIT);
    assert_eq!(sign_in_directories(&machine).len(), 1);
    terminal.type_text("the code\r");
    assert!(terminal.wait(LIMIT).success(), "{}", terminal.shown());
    assert_signed_in_as_other(&machine, "work");
    assert!(!machine.own_login_path().exists());
}

#[test]
fn sign_in_can_be_asked_for() {
    let machine = machine();
    let before = own_files(&machine);
    drop(machine.run(&["login", "work", "--sign-in"]).success());
    assert_signed_in_as_other(&machine, "work");
    assert_eq!(own_files(&machine), before);
}

#[test]
fn control_c_at_the_question_changes_nothing() {
    let machine = machine();
    let before = own_files(&machine);
    let mut terminal = Terminal::claude_accounts(&machine.home, &["login", "work"]);
    terminal.wait_for("[Y/n]", LIMIT);
    terminal.type_text(CONTROL_C);
    assert_eq!(
        terminal.wait(LIMIT).code(),
        Some(11),
        "{}",
        terminal.shown()
    );
    assert_eq!((own_files(&machine), machine.export()), (before, json!([])));
}

#[test]
fn control_c_in_the_sign_in_leaves_nothing_behind() {
    let machine = machine();
    sign_in_as_other(&machine, true);
    let before = own_files(&machine);
    let mut terminal = Terminal::claude_accounts(&machine.home, &["login", "work", "--sign-in"]);
    terminal.wait_for("Paste code here", LIMIT);
    let directory = sign_in_directories(&machine).remove(0);
    write_private(&directory.join("half-written"), "sk-ant-ort01-FAKE-half");
    terminal.type_text(CONTROL_C);
    assert_eq!(
        terminal.wait(LIMIT).code(),
        Some(11),
        "{}",
        terminal.shown()
    );
    assert_eq!(sign_in_directories(&machine), Vec::<PathBuf>::new());
    assert_eq!((own_files(&machine), machine.export()), (before, json!([])));
}

#[test]
fn what_a_killed_sign_in_left_is_wiped_by_the_next() {
    let machine = machine();
    sign_in_as_other(&machine, true);
    let mut terminal = Terminal::claude_accounts(&machine.home, &["login", "work", "--sign-in"]);
    terminal.wait_for("Paste code here", LIMIT);
    terminal.process().signal(Signal::KILL);
    assert!(!terminal.wait(LIMIT).success());
    drop(terminal);
    assert_eq!(sign_in_directories(&machine).len(), 1);
    sign_in_as_other(&machine, false);
    drop(machine.run(&["login", "work", "--sign-in"]).success());
    assert_signed_in_as_other(&machine, "work");
}

#[test]
fn a_client_that_signs_nobody_in_is_told() {
    let machine = machine();
    machine
        .home
        .configure_stand_in_client(&json!({"record": true}));
    let refused = machine.run(&["login", "work", "--sign-in"]).code(11);
    assert!(
        refused.stderr.contains("without a sign-in"),
        "{}",
        refused.stderr
    );
    assert_eq!(machine.export(), json!([]));
    assert_eq!(sign_in_directories(&machine), Vec::<PathBuf>::new());
}

#[test]
fn a_second_login_takes_the_place_of_the_first_which_can_be_restored() {
    let machine = machine();
    drop(machine.run(&["login", "work", "--capture"]).success());
    let session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let ran = machine.run(&["login", "work", "--sign-in"]).success();
    assert!(
        ran.stderr.contains("own@example.com") && ran.stderr.contains("other@example.com"),
        "{}",
        ran.stderr
    );
    assert_signed_in_as_other(&machine, "work");
    // The session that runs has it as well.
    let view = machine
        .launches()
        .into_iter()
        .find(|call| call.pid == session.id())
        .unwrap()
        .env["CLAUDE_SECURESTORAGE_CONFIG_DIR"]
        .clone();
    let view = PathBuf::from(view).join(".credentials.json");
    let current = machine.tokens.current("other").0;
    wait_until("the new login in the view", LIMIT, || {
        read_json(&view)["claudeAiOauth"]["accessToken"] == *current
    });
    let restore = ran
        .stderr
        .lines()
        .find_map(|line| line.split_once("restore work "))
        .expect("a hint")
        .1;
    let number: String = restore.chars().take_while(char::is_ascii_digit).collect();
    drop(machine.run(&["restore", "work", &number, "-y"]).success());
    assert_eq!(machine.export()[0]["refresh_token"], REFRESH);
    assert!(session.end().success());
}

#[test]
fn a_key_that_is_typed_is_not_shown() {
    let machine = Machine::new();
    let mut terminal = Terminal::claude_accounts(&machine.home, &["add", "key"]);
    terminal.wait_for("API key", LIMIT);
    terminal.type_text(&format!("{}\r", end_to_end::KEY));
    assert!(terminal.wait(LIMIT).success(), "{}", terminal.shown());
    assert!(
        !terminal.shown().contains(end_to_end::KEY),
        "{}",
        terminal.shown()
    );
    assert_eq!(machine.export()[0]["api_key"], end_to_end::KEY);
}

#[test]
fn login_works_inside_a_session_of_another_account() {
    let machine = machine();
    let _ = machine.add_login("around");
    let program = testkit::programs::path("claude-accounts");
    let mut command = machine
        .home
        .claude_accounts_command(&["exec", "around", "--inject", "view", "--"]);
    command.arg(program).args(["login", "work", "--capture"]);
    drop(Ran::of(command).success());
    assert_eq!(machine.status("work")["email"], "own@example.com");
}
