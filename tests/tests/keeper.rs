//! "I leave a session open overnight": the keeper renews its login, one request for all sessions, and nobody has to think
//! of it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; damages files of its own on purpose"
)]

use end_to_end::{HOURS_8, LIMIT, Machine, Session, read_json};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testkit::documents::now_ms;
use testkit::{Mode, Process, Ran, wait_until};

/// Seconds that a token lives where it is to be renewed while the test looks on: it is, a third of that before its end.
const SHORT: u64 = 2;

/// The account "work" with a view session, and tokens that live shortly from the next renewal on.
fn machine_with_short_tokens() -> Machine {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    machine.tokens.set_mode(Mode::WithExpiresIn(SHORT));
    machine
}

fn view_of(machine: &Machine, session: &Session) -> PathBuf {
    let mut call = None;
    wait_until("the client's start", LIMIT, || {
        call = machine
            .launches()
            .into_iter()
            .find(|call| call.pid == session.id());
        call.is_some()
    });
    Path::new(&call.unwrap().env["CLAUDE_SECURESTORAGE_CONFIG_DIR"]).join(".credentials.json")
}

fn token_in(view: &Path) -> Option<String> {
    let bytes = fs::read(view).ok()?;
    let document: Value = serde_json::from_slice(&bytes).ok()?;
    document["claudeAiOauth"]["accessToken"]
        .as_str()
        .map(str::to_owned)
}

#[track_caller]
fn wait_for_view(machine: &Machine, view: &Path, account: &str) {
    wait_until("the current token in the view", LIMIT, || {
        let current = machine.tokens.current(account).0;
        token_in(view).is_some_and(|token| token == current)
    });
    let document = read_json(view);
    assert_eq!(
        document["claudeAiOauth"]["refreshToken"]
            .as_str()
            .unwrap_or(""),
        ""
    );
}

/// Sends a message, which must go out with a token that was current at some moment while it did.
#[track_caller]
fn hello_with_current_token(machine: &Machine, session: &mut Session, view: &Path) {
    wait_for_view(machine, view, "work");
    let before = (
        machine.tokens.current("work").0,
        machine.tokens.request_count(),
    );
    session.hello();
    let bearer = machine.bearers().pop().unwrap();
    let renewed = machine.tokens.request_count() - before.1;
    let after = machine.tokens.current("work").0;
    assert!(
        bearer == before.0 || bearer == after || renewed > 1,
        "sent {bearer}; current before {before:?}, after {after}"
    );
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[track_caller]
fn wait_for_no_keeper(machine: &Machine) {
    wait_until("the keeper to leave", LIMIT, || {
        machine.home.keeper_processes().is_empty()
    });
}

/// Every refresh token was spent once and taken: whoever asked, it was one request per renewal.
#[track_caller]
fn assert_one_request_per_renewal(machine: &Machine) {
    let requests = machine.tokens.requests();
    let spent: BTreeSet<_> = requests
        .iter()
        .map(|request| &request.refresh_token)
        .collect();
    assert_eq!(spent.len(), requests.len());
    assert!(
        requests
            .iter()
            .all(|request| matches!(request.answered_status, None | Some(200)))
    );
}

#[test]
fn every_message_of_a_running_session_goes_out_with_a_current_token() {
    let machine = machine_with_short_tokens();
    let mut session = machine.session("work", &[]);
    let view = view_of(&machine, &session);
    hello_with_current_token(&machine, &mut session, &view);
    drop(machine.run(&["refresh", "work"]).success());
    for renewals in 2..=4 {
        machine.tokens.wait_for_answers(renewals);
        hello_with_current_token(&machine, &mut session, &view);
    }
    assert!(session.end().success());
    assert_one_request_per_renewal(&machine);
    let distinct: BTreeSet<_> = machine.bearers().into_iter().collect();
    assert!(distinct.len() >= 3, "the token changed under the session");
}

#[test]
fn ten_sessions_of_one_account_share_one_request_per_renewal() {
    let machine = machine_with_short_tokens();
    let mut sessions: Vec<Session> = (0..10).map(|_| machine.session("work", &[])).collect();
    machine.wait_for_kept_sessions(10);
    drop(machine.run(&["refresh", "work"]).success());
    machine.tokens.wait_for_answers(3);
    let views: Vec<PathBuf> = sessions
        .iter()
        .map(|session| view_of(&machine, session))
        .collect();
    for (session, view) in sessions.iter_mut().zip(&views) {
        hello_with_current_token(&machine, session, view);
    }
    for session in sessions {
        assert!(session.end().success());
    }
    assert_one_request_per_renewal(&machine);
    assert!(
        machine
            .run(&["history", "work"])
            .success()
            .stdout
            .lines()
            .count()
            > 3
    );
}

#[test]
fn sessions_of_two_accounts_are_kept_apart() {
    let machine = Machine::new();
    let names = ["work", "perso"];
    for name in names {
        let _ = machine.add_login(name);
    }
    let mut sessions = names.map(|name| machine.session(name, &[]));
    let views = [
        view_of(&machine, &sessions[0]),
        view_of(&machine, &sessions[1]),
    ];
    machine.wait_for_kept_sessions(2);
    drop(machine.run(&["refresh", "work"]).success());
    for ((name, session), view) in names.iter().zip(&mut sessions).zip(&views) {
        wait_for_view(&machine, view, name);
        session.hello();
        assert_eq!(
            machine.bearers().pop(),
            Some(machine.tokens.current(name).0)
        );
    }
    let status = machine.keeper();
    let accounts = status["sessions"].as_array().unwrap().iter();
    let accounts: BTreeSet<_> = accounts
        .map(|session| session["account"].as_str().unwrap())
        .collect();
    assert_eq!(accounts, BTreeSet::from(names));
}

#[test]
fn only_a_view_starts_a_keeper_and_there_is_only_ever_one() {
    let machine = Machine::new();
    machine.add_key("key");
    let _ = machine.add_login("work");
    let done = ["--", "--exit-status", "0"];
    for options in [
        &["key"][..],
        &["key", "--inject", "view"],
        &["work", "--inject", "env"],
    ] {
        drop(
            machine
                .run(&[&["launch"], options, &done].concat())
                .success(),
        );
        assert!(machine.home.keeper_processes().is_empty(), "{options:?}");
    }
    assert!(
        machine
            .run(&["keeper", "status"])
            .success()
            .stdout
            .contains("no keeper")
    );
    let sessions: Vec<Session> = (0..5).map(|_| machine.session("work", &[])).collect();
    machine.wait_for_kept_sessions(5);
    let keeper = machine.wait_for_keeper();
    wait_until("keepers that came too late to leave", LIMIT, || {
        machine.home.keeper_processes() == [keeper]
    });
    let shown = machine.run(&["keeper", "status"]).success().stdout;
    assert!(
        shown.contains(&keeper.to_string()) && shown.contains("work"),
        "{shown}"
    );
    let runtime = machine.home.runtime();
    for session in sessions {
        assert!(session.end().success());
    }
    wait_for_no_keeper(&machine);
    assert_eq!(machine.keeper(), json!({"running": false}));
    assert_eq!(
        files_below(&runtime, ".credentials.json"),
        Vec::<PathBuf>::new()
    );
}

fn files_below(directory: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path(), name));
        } else if entry.file_name() == name {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn a_keeper_that_was_killed_is_replaced_by_the_next_launch() {
    let machine = machine_with_short_tokens();
    let mut first = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &first);
    let killed = machine.wait_for_keeper();
    kill(killed);
    wait_for_no_keeper(&machine);
    assert_eq!(machine.keeper(), json!({"running": false}));
    first.hello();
    let second = machine.session("work", &[]);
    machine.wait_for_kept_sessions(2);
    assert_ne!(machine.wait_for_keeper(), killed);
    drop(machine.run(&["refresh", "work"]).success());
    machine.tokens.wait_for_answers(2);
    hello_with_current_token(&machine, &mut first, &view);
    assert!(first.end().success() && second.end().success());
    assert_one_request_per_renewal(&machine);
}

#[test]
fn a_session_that_is_killed_leaves_nothing_behind() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &session);
    // Dropped without an end of its input: by kill -9.
    drop(session);
    wait_for_no_keeper(&machine);
    assert!(!view.parent().unwrap().exists());
}

fn stat_of(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = text.rsplit_once(')').unwrap();
    rest.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_keeper_is_nothing_of_the_clients() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let keeper = machine.wait_for_keeper();
    let (client, stat) = (session.id().to_string(), stat_of(keeper));
    assert_ne!(stat[1], client, "the parent");
    assert_ne!(stat[3], stat_of(session.id())[3], "the terminal's session");
    assert_eq!(stat[4], "0", "no terminal");
    let children = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let children: Vec<u32> = children
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| {
                let rest = text
                    .rsplit_once(')')
                    .map(|(_, rest)| rest.to_owned())
                    .unwrap_or_default();
                rest.split_whitespace().nth(1) == Some(&client)
            })
        })
        .collect();
    assert_eq!(children, Vec::<u32>::new(), "no zombie either");
    assert_eq!(
        fs::read_link(format!("/proc/{keeper}/cwd")).unwrap(),
        Path::new("/")
    );
}

/// What the process `pid` has open, but for standard streams, sockets, pipes and the like.
fn open_files(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    entries
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter(|target| target.starts_with("/"))
        .collect()
}

#[test]
fn the_keeper_takes_over_no_secret_and_no_file_of_whoever_started_it() {
    let mut machine = Machine::new();
    let _ = machine.add_login("work");
    for rival in [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "MY_PASSWORD",
    ] {
        machine.home.set(rival, "sk-ant-FAKE-rival");
    }
    let held = machine.home.root().join("held-by-the-caller");
    fs::write(&held, "").unwrap();
    let line = r#"exec 7<"$HELD"; exec "$PROGRAM" launch work"#;
    let mut command = machine.home.command("sh");
    command
        .args(["-c", line])
        .env("HELD", &held)
        .env("PROGRAM", testkit::programs::path("claude-accounts"));
    let session = Process::spawn_talking(command);
    assert_eq!(session.wait_for_line(0, LIMIT), "ready");
    assert!(
        open_files(session.id()).contains(&held),
        "the client's, as the shell has it"
    );
    let keeper = machine.wait_for_keeper();
    let environment = fs::read(format!("/proc/{keeper}/environ")).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    assert!(!environment.contains("sk-ant-"), "{environment}");
    let names: Vec<_> = environment
        .split_terminator('\0')
        .filter_map(|one| one.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert!(
        !names.contains(&"MY_PASSWORD") && names.contains(&"HOME"),
        "{names:?}"
    );
    let arguments = fs::read_to_string(format!("/proc/{keeper}/cmdline")).unwrap();
    assert!(!arguments.contains("sk-ant-"));
    // A lock on it would last as long as the keeper.
    assert!(
        !open_files(keeper).contains(&held),
        "{:?}",
        open_files(keeper)
    );
    let log = fs::read_to_string(machine.home.vault_dir().join("keeper.log")).unwrap();
    assert!(!log.contains("sk-ant-"));
}

#[test]
fn a_damaged_view_is_mended() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let mut session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &session);
    let blanked = json!({"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0, "scopes": []}});
    // Each with one call: the keeper mends at once, also between two.
    let aside = machine.home.root().join("aside");
    let damages: [&dyn Fn(); 6] = [
        &|| fs::remove_file(&view).unwrap(),
        &|| fs::write(&view, "").unwrap(),
        &|| fs::write(&view, "{broken").unwrap(),
        &|| fs::write(&view, blanked.to_string()).unwrap(),
        &|| {
            fs::create_dir(&aside).unwrap();
            renameat_with(CWD, &aside, CWD, &view, RenameFlags::EXCHANGE).unwrap();
        },
        &|| fs::rename(view.parent().unwrap(), aside.with_extension("view")).unwrap(),
    ];
    for damage in damages {
        damage();
        wait_for_view(&machine, &view, "work");
        assert_eq!(
            fs::metadata(&view).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::metadata(view.parent().unwrap())
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
        session.hello();
    }
    assert_eq!(machine.tokens.request_count(), 0, "mended from the vault");
}

#[test]
fn stop_ends_the_keeper_and_not_the_sessions() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    assert!(
        machine
            .run(&["keeper", "stop"])
            .success()
            .stdout
            .contains("no keeper")
    );
    let mut session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    assert!(
        machine
            .run(&["keeper", "stop"])
            .success()
            .stdout
            .contains("left")
    );
    wait_for_no_keeper(&machine);
    session.hello();
    // By hand, in the foreground.
    let mut command = machine.home.claude_accounts_command(&["keeper", "run"]);
    command.stderr(Stdio::null());
    let mut keeper = Process::spawn(command);
    machine.wait_for_kept_sessions(1);
    assert_eq!(machine.wait_for_keeper(), keeper.id());
    drop(machine.run(&["keeper", "run"]).code(10));
    assert!(session.end().success());
    assert!(keeper.wait(LIMIT).success());
}

/// A command that reads the vault's passphrase from a descriptor, as a password manager would hand it over.
fn with_passphrase(mut command: Command, passphrase: &str) -> Command {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writeln!(writer, "{passphrase}").unwrap();
    command
        .stdin(Stdio::from(OwnedFd::from(reader)))
        .env("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "0");
    command
}

fn protected_machine(passphrase: &str) -> Machine {
    let machine = machine_with_short_tokens();
    let mut protect = machine.home.claude_accounts_command(&[
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writeln!(writer, "{passphrase}").unwrap();
    drop(writer);
    protect.stdin(Stdio::from(OwnedFd::from(reader)));
    drop(Ran::of(protect).success());
    machine
}

#[test]
fn a_vault_behind_a_passphrase_is_opened_once_and_kept() {
    let passphrase = "a FAKE passphrase";
    let machine = protected_machine(passphrase);
    let locked = machine.run(&["--no-input", "launch", "work"]).code(5);
    assert!(
        locked.stderr.contains("CLAUDE_ACCOUNTS_PASSPHRASE_FD"),
        "{}",
        locked.stderr
    );
    let wrong = with_passphrase(
        machine.home.claude_accounts_command(&["launch", "work"]),
        "wrong",
    );
    drop(Ran::of(wrong).code(5));
    assert!(machine.launches().is_empty());
    let launch = ["launch", "work", "--", "-p", "hello"];
    let launched = with_passphrase(machine.home.claude_accounts_command(&launch), passphrase);
    let launched = Ran::of(launched).success();
    assert_eq!(launched.stdout, "pong\n");
    assert!(
        !machine
            .last_launch()
            .env
            .contains_key("CLAUDE_ACCOUNTS_PASSPHRASE_FD")
    );
}

#[test]
fn a_keeper_of_a_vault_behind_a_passphrase_renews() {
    let passphrase = "a FAKE passphrase";
    let machine = protected_machine(passphrase);
    let file = machine.home.root().join("passphrase");
    testkit::documents::write_private(&file, format!("{passphrase}\n"));
    let line = r#"exec 9<"$FILE"; CLAUDE_ACCOUNTS_PASSPHRASE_FD=9; export CLAUDE_ACCOUNTS_PASSPHRASE_FD; exec "$PROGRAM" "$@""#;
    let command = |arguments: &[&str]| {
        let mut command = machine.home.command("bash");
        command.args(["-c", line, "bash"]).args(arguments);
        command
            .env("FILE", &file)
            .env("PROGRAM", testkit::programs::path("claude-accounts"));
        command
    };
    let mut session = Session::start(command(
        &[&["launch", "work", "--"][..], &end_to_end::STREAM].concat(),
    ));
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &session);
    drop(Ran::of(command(&["refresh", "work"])).success());
    for renewals in 2..=3 {
        machine.tokens.wait_for_answers(renewals);
        hello_with_current_token(&machine, &mut session, &view);
    }
    assert!(!open_files(machine.wait_for_keeper()).contains(&file));
    assert!(
        !open_files(session.id()).contains(&file),
        "the client has no business with the passphrase"
    );
    let keeper = machine.wait_for_keeper();
    let environment = fs::read(format!("/proc/{keeper}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("PASSPHRASE"));
    assert!(session.end().success());
    assert_one_request_per_renewal(&machine);
}

#[test]
fn a_server_that_fails_is_asked_again_and_the_session_goes_on() {
    let machine = Machine::new();
    let _ = machine.add_login_with("work", HOURS_8 / 96);
    machine.tokens.fail_next(1, 503);
    let mut session = machine.session("work", &[]);
    let view = view_of(&machine, &session);
    session.hello();
    machine.tokens.wait_for_answers(2);
    wait_for_view(&machine, &view, "work");
    session.hello();
    assert_eq!(
        machine.bearers().pop(),
        Some(machine.tokens.current("work").0)
    );
    assert_eq!(machine.status("work")["state"], "ok");
}

#[test]
fn a_refused_login_comes_back_by_a_login_elsewhere() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let mut session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &session);
    machine.tokens.revoke("work");
    drop(machine.run(&["refresh", "work"]).code(7));
    assert_eq!(machine.status("work")["state"], "sign_in_again");
    let login = machine.add_login("work");
    wait_for_view(&machine, &view, "work");
    session.hello();
    assert_eq!(machine.bearers().pop(), Some(login.access_token));
}

#[test]
fn a_sign_in_inside_a_session_becomes_the_accounts_login() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let mut sessions = [machine.session("work", &[]), machine.session("work", &[])];
    machine.wait_for_kept_sessions(2);
    let views = [
        view_of(&machine, &sessions[0]),
        view_of(&machine, &sessions[1]),
    ];
    machine.tokens.revoke("work");
    drop(machine.run(&["refresh", "work"]).code(7));
    let login = machine.tokens.issue("work");
    let account = json!({"accountUuid": "a-uuid", "emailAddress": "me@example.com"});
    let settings = json!({"record": true, "login": {"credentials": login.credentials(), "oauthAccount": account}});
    machine.home.configure_stand_in_client(&settings);
    let mut sign_in = machine.home.command(machine.home.bin().join("claude"));
    sign_in.args(["auth", "login"]).env(
        "CLAUDE_SECURESTORAGE_CONFIG_DIR",
        views[0].parent().unwrap(),
    );
    drop(Ran::of(sign_in).success());
    wait_until("the account to be signed in", LIMIT, || {
        machine.status("work")["state"] == "ok"
    });
    for (session, view) in sessions.iter_mut().zip(&views) {
        wait_for_view(&machine, view, "work");
        session.hello();
        assert_eq!(machine.bearers().pop().as_ref(), Some(&login.access_token));
    }
    assert_eq!(machine.export()[0]["refresh_token"], *login.refresh_token);
    drop(machine.run(&["refresh", "work"]).success());
    assert!(!machine.own_login_path().exists());
}

#[test]
fn a_sign_in_as_somebody_else_goes_into_the_history() {
    let machine = Machine::new();
    let work = machine.add_login("work");
    let session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &session);
    let other = machine.tokens.issue("other");
    testkit::documents::write_private(
        &view,
        other
            .credentials_expiring_at(now_ms() + HOURS_8)
            .to_string(),
    );
    let history = |machine: &Machine| {
        machine
            .run(&["history", "work", "--json"])
            .success()
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    wait_until("the login in the history", LIMIT, || history(&machine) == 2);
    assert_eq!(
        machine.export()[0]["refresh_token"],
        *work.refresh_token,
        "the account's own stays"
    );
    assert_eq!(
        token_in(&view),
        Some(other.access_token),
        "the session goes on with what was signed in to"
    );
    assert!(session.end().success());
    wait_for_no_keeper(&machine);
    assert_eq!(history(&machine), 2);
}

#[test]
fn list_says_what_a_keeper_renews() {
    let machine = Machine::new();
    for name in ["kept", "idle"] {
        let _ = machine.add_login(name);
    }
    let session = machine.session("kept", &[]);
    machine.wait_for_kept_sessions(1);
    assert_ne!(machine.status("kept")["keeper"], Value::Null);
    assert_eq!(machine.status("idle")["keeper"], Value::Null);
    assert!(session.end().success());
}

#[test]
fn a_view_that_cannot_be_written_is_told_and_mended_later() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let view = view_of(&machine, &session);
    fs::set_permissions(view.parent().unwrap(), Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(&view, Permissions::from_mode(0o644)).unwrap();
    drop(File::create(view.with_file_name("unrelated")).ok());
    drop(machine.run(&["refresh", "work"]).success());
    wait_for_view(&machine, &view, "work");
    assert_eq!(
        fs::metadata(&view).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
