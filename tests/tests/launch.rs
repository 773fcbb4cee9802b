//! "I type `claude-accounts launch work`, and Claude Code starts with that account": what the client is given, what it is
//! not given, and how it ends.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; writes scripts and looks at files that it made itself"
)]

use end_to_end::{HOURS_8, KEY, LIMIT, Machine, read_json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::documents::{credentials, now_ms};
use testkit::{Mode, Process, Ran, TestHome};

/// What beats an account's credential or sends a session to another provider, as measured on the real client. Written
/// down here once more: the product's own list must not vouch for itself.
const RIVALS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_SECURESTORAGE_CONFIG_DIR",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_FOUNDRY_API_KEY",
];

/// Every way of launching: the account, and the options.
const WAYS: [(&str, &[&str]); 3] = [
    ("key", &[]),
    ("login", &["--inject", "env"]),
    ("login", &["--inject", "view"]),
];

fn machine_with_accounts() -> Machine {
    let machine = Machine::new();
    machine.add_key("key");
    let _ = machine.add_login("login");
    machine
}

fn launch(machine: &Machine, account: &str, options: &[&str], arguments: &[&str]) -> Command {
    let all = [&["launch", account], options, &["--"], arguments].concat();
    machine.home.claude_accounts_command(&all)
}

/// What of a credential the last launch found in its environment.
fn injected(machine: &Machine) -> BTreeMap<String, String> {
    let environment = machine.last_launch().env.into_iter();
    environment
        .filter(|(name, _)| RIVALS.contains(&name.as_str()) || name == "CLAUDE_CONFIG_DIR")
        .collect()
}

fn only(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A program that others are started through, made by a child: a file that this process had open for writing could not be
/// started while another test forks.
fn install(home: &TestHome, source: &Path, target: &Path, mode: &str) {
    let beside = target.with_extension("new");
    let mut command = home.command("install");
    command.args(["-m", mode]).arg(source).arg(&beside);
    drop(Ran::of(command).success());
    fs::rename(beside, target).unwrap();
}

fn script(home: &TestHome, name: &str, text: &str) -> PathBuf {
    let (source, target) = (home.root().join("script"), home.bin().join(name));
    fs::write(&source, format!("#!/bin/sh\n{text}\n")).unwrap();
    install(home, &source, &target, "755");
    target
}

#[test]
fn it_becomes_the_client() {
    let machine = machine_with_accounts();
    for (account, options) in WAYS {
        let mut launched = Process::spawn_talking(launch(&machine, account, options, &[]));
        assert_eq!(launched.wait_for_line(0, LIMIT), "ready");
        let call = machine.last_launch();
        assert_eq!(
            call.pid,
            launched.id(),
            "{options:?}: no process in between"
        );
        assert_eq!(call.ppid, std::process::id(), "{options:?}");
        assert_eq!(call.cwd, machine.home.home());
        let program = fs::read_link(format!("/proc/{}/exe", launched.id())).unwrap();
        assert_eq!(program, machine.home.bin().join("claude"));
        drop(launched.take_stdin());
        assert!(launched.wait(LIMIT).success());
    }
}

#[test]
fn exit_status_and_death_by_a_signal_are_the_clients_own() {
    let machine = machine_with_accounts();
    for (account, options) in WAYS {
        for status in [0, 1, 37, 255] {
            let arguments = ["--exit-status", &status.to_string()];
            drop(Ran::of(launch(&machine, account, options, &arguments)).code(status));
        }
        for (name, number) in [("TERM", 15), ("KILL", 9), ("INT", 2)] {
            let ran = Ran::of(launch(&machine, account, options, &["--kill-self", name]));
            assert_eq!(ran.status.signal(), Some(number), "{options:?}: {ran:?}");
        }
    }
}

#[test]
fn arguments_are_passed_as_they_are() {
    let machine = machine_with_accounts();
    let arguments = [
        "--exit-status",
        "0",
        "",
        " ",
        "ünï 💥",
        "--inject",
        "env",
        "-q",
        "--help",
        "--",
        "--vault=x",
        "a\tb\nc",
        "$(id)",
        "*",
        "'\"\\",
    ];
    for verb in ["launch", "run"] {
        let all = [&[verb, "key", "--"], &arguments[..]].concat();
        drop(machine.run(&all).success());
        assert_eq!(machine.last_launch().argv[1..], arguments, "{verb}");
    }
    let mut command = machine
        .home
        .claude_accounts_command(&["exec", "key", "--", "printf", "%s|"]);
    let bytes = OsStr::from_bytes(b"\xff not UTF-8");
    let output = command.args([bytes, OsStr::new("")]).output().unwrap();
    assert_eq!(output.stdout, b"\xff not UTF-8||");
}

#[test]
fn standard_input_and_the_terminal_are_the_clients() {
    let machine = machine_with_accounts();
    let arguments = ["launch", "key", "--claude", "cat"];
    let input = b"one\n\0two\xff";
    let ran = machine.home.claude_accounts_with_input(&arguments, input);
    assert_eq!(ran.success().stdout, String::from_utf8_lossy(input));
    let program = testkit::programs::path("claude-accounts");
    let line = format!(
        "stty rows 17 cols 91; {} launch login --claude stty -- size",
        program.display()
    );
    let mut terminal = machine.home.command("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    assert_eq!(Ran::of(terminal).success().stdout.trim(), "17 91");
}

#[test]
fn nothing_that_beats_the_account_is_left_in_the_environment() {
    let mut machine = machine_with_accounts();
    let token = machine.tokens.current("login").0;
    for rival in RIVALS {
        machine.home.set(rival, "sk-ant-FAKE-rival");
    }
    machine.home.set("UNTOUCHED", "as it was");
    machine.home.set("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "9");
    let done = ["--exit-status", "0"];
    drop(Ran::of(launch(&machine, "key", &[], &done)).success());
    assert_eq!(injected(&machine), only("ANTHROPIC_API_KEY", KEY));
    drop(Ran::of(launch(&machine, "login", &["--inject", "env"], &done)).success());
    assert_eq!(injected(&machine), only("CLAUDE_CODE_OAUTH_TOKEN", &token));
    drop(Ran::of(launch(&machine, "login", &["--inject", "view"], &done)).success());
    let names: Vec<_> = injected(&machine).into_keys().collect();
    assert_eq!(names, ["CLAUDE_SECURESTORAGE_CONFIG_DIR"]);
    for call in machine.launches() {
        assert_eq!(call.env["UNTOUCHED"], "as it was");
        assert!(!call.env.contains_key("CLAUDE_ACCOUNTS_PASSPHRASE_FD"));
        assert!(!call.env.values().any(|value| value.contains("FAKE-rival")));
    }
}

#[test]
fn the_probe_sees_nothing_of_ours() {
    let mut machine = machine_with_accounts();
    for rival in RIVALS {
        machine.home.set(rival, "sk-ant-FAKE-rival");
    }
    drop(Ran::of(launch(&machine, "login", &[], &["--exit-status", "0"])).success());
    let probes: Vec<_> = machine.home.client_calls();
    let probes = probes
        .iter()
        .filter(|call| call.argv[1..].starts_with(&["auth".to_owned()]));
    for probe in probes {
        assert_ne!(probe.env["HOME"], machine.home.home().display().to_string());
        assert!(
            !probe.env.values().any(|value| value.contains("FAKE")),
            "{probe:?}"
        );
    }
}

#[test]
fn variables_of_the_account_are_set_and_beat_those_around() {
    let mut machine = Machine::new();
    let arguments = [
        "add",
        "gateway",
        "--key-stdin",
        "--env",
        "ANTHROPIC_BASE_URL=https://gateway.invalid/x?y=z",
        "--env",
        "CLAUDE_CODE_USE_BEDROCK=1",
        "--env",
        "EMPTY=",
        "--env",
        "LINES_AND_QUOTES=a'b\"c\nd",
    ];
    drop(
        machine
            .home
            .claude_accounts_with_input(&arguments, KEY.as_bytes())
            .success(),
    );
    machine
        .home
        .set("ANTHROPIC_BASE_URL", "https://around.invalid");
    machine.home.set("EMPTY", "not");
    drop(Ran::of(launch(&machine, "gateway", &[], &["--exit-status", "0"])).success());
    let environment = machine.last_launch().env;
    assert_eq!(
        environment["ANTHROPIC_BASE_URL"],
        "https://gateway.invalid/x?y=z"
    );
    assert_eq!(environment["CLAUDE_CODE_USE_BEDROCK"], "1");
    assert_eq!(environment["EMPTY"], "");
    assert_eq!(environment["LINES_AND_QUOTES"], "a'b\"c\nd");
    assert_eq!(environment["ANTHROPIC_API_KEY"], KEY);
    assert_eq!(environment["CLAUDE_ACCOUNTS_ACCOUNT"], "gateway");
}

#[test]
fn a_view_is_private_and_has_no_refresh_token() {
    let machine = machine_with_accounts();
    let (access, refresh) = machine.tokens.current("login");
    let session = machine.session("login", &["--inject", "view"]);
    machine.wait_for_kept_sessions(1);
    let call = machine.last_launch();
    assert_eq!(call.pid, session.id());
    let directory = PathBuf::from(&call.env["CLAUDE_SECURESTORAGE_CONFIG_DIR"]);
    assert!(
        directory.starts_with(machine.home.runtime()),
        "{}",
        directory.display()
    );
    let view = directory.join(".credentials.json");
    assert_eq!((mode(&directory), mode(&view)), (0o700, 0o600));
    let document = read_json(&view);
    let login = &document["claudeAiOauth"];
    assert_eq!(login["accessToken"], *access);
    assert_eq!(
        login
            .get("refreshToken")
            .and_then(|token| token.as_str())
            .unwrap_or(""),
        ""
    );
    assert_eq!(login["subscriptionType"], "max");
    assert!(!fs::read_to_string(&view).unwrap().contains(&refresh));
    assert!(
        !machine.home.claude_dir().exists(),
        "the view is all there is"
    );
    assert!(session.end().success());
}

#[test]
fn a_client_that_knows_only_its_config_directory_gets_links() {
    let machine = machine_with_accounts();
    machine.client_supports(&["config-dir"]);
    let settings = machine.home.claude_dir().join("settings.json");
    testkit::documents::write_private(&settings, r#"{"model":"opus"}"#);
    testkit::documents::write_private(
        &machine.home.home().join(".claude.json"),
        r#"{"numStartups":3}"#,
    );
    let mut session = machine.session("login", &[]);
    session.hello();
    let call = machine.last_launch();
    let directory = PathBuf::from(&call.env["CLAUDE_CONFIG_DIR"]);
    assert_eq!(injected(&machine).len(), 1, "{:?}", injected(&machine));
    assert_eq!(
        fs::read_link(directory.join("settings.json")).unwrap(),
        settings
    );
    assert_eq!(read_json(&directory.join(".claude.json"))["numStartups"], 3);
    let view = directory.join(".credentials.json");
    assert!(fs::symlink_metadata(&view).unwrap().is_file());
    assert_eq!((mode(&directory), mode(&view)), (0o700, 0o600));
    assert_eq!(machine.bearers(), [machine.tokens.current("login").0]);
    fs::write(directory.join("made-in-the-session"), "kept").unwrap();
    assert!(session.end().success());
    testkit::wait_until("the end of the session's directory", LIMIT, || {
        !directory.exists()
    });
    let kept = machine.home.claude_dir().join("made-in-the-session");
    assert_eq!(fs::read_to_string(kept).unwrap(), "kept");
    assert!(!machine.own_login_path().exists());
}

#[test]
fn a_client_that_knows_neither_gets_the_token_unless_a_view_was_asked_for() {
    let machine = machine_with_accounts();
    machine.client_supports(&[]);
    drop(Ran::of(launch(&machine, "login", &[], &["--exit-status", "0"])).success());
    let token = machine.tokens.current("login").0;
    assert_eq!(injected(&machine), only("CLAUDE_CODE_OAUTH_TOKEN", &token));
    let launches = machine.launches().len();
    let refused = Ran::of(launch(&machine, "login", &["--inject", "view"], &[])).code(126);
    assert!(
        refused.stderr.contains("--inject env"),
        "{}",
        refused.stderr
    );
    let refused = machine
        .run(&["exec", "login", "--inject", "view", "--", "true"])
        .code(126);
    assert!(
        refused.stderr.contains("--inject env"),
        "{}",
        refused.stderr
    );
    assert_eq!(machine.launches().len(), launches);
    // A key needs no view, so there is nothing to refuse.
    drop(
        Ran::of(launch(
            &machine,
            "key",
            &["--inject", "view"],
            &["--exit-status", "0"],
        ))
        .success(),
    );
}

#[test]
fn a_client_is_asked_once_until_it_changes() {
    let machine = machine_with_accounts();
    let launch_login =
        || drop(Ran::of(launch(&machine, "login", &[], &["--exit-status", "0"])).success());
    drop(Ran::of(launch(&machine, "key", &[], &["--exit-status", "0"])).success());
    drop(
        Ran::of(launch(
            &machine,
            "login",
            &["--inject", "env"],
            &["--exit-status", "0"],
        ))
        .success(),
    );
    assert_eq!(machine.probes(), 0, "nobody needs to know");
    launch_login();
    let asked = machine.probes();
    assert_eq!(asked, 2, "without a view, and with one");
    launch_login();
    launch_login();
    assert_eq!(machine.probes(), asked);
    let client = machine.home.bin().join("claude");
    install(
        &machine.home,
        &testkit::programs::path("stand-in-claude"),
        &client,
        "755",
    );
    machine.client_supports(&["config-dir"]);
    launch_login();
    assert_eq!(machine.probes(), asked + 3);
    assert!(injected(&machine).contains_key("CLAUDE_CONFIG_DIR"));
    launch_login();
    assert_eq!(machine.probes(), asked + 3);
}

#[test]
fn the_client_is_chosen_by_option_then_variable_then_path() {
    let mut machine = machine_with_accounts();
    let said = |machine: &Machine, options: &[&str]| {
        let all = [&["launch", "key"], options].concat();
        machine.run(&all).success().stdout
    };
    let [option, variable] = ["by-option", "by-variable"]
        .map(|name| script(&machine.home, name, &format!("echo {name}")));
    script(&machine.home, "claude", "echo by-path");
    assert_eq!(said(&machine, &[]), "by-path\n");
    machine.home.set("CLAUDE_ACCOUNTS_CLAUDE", &variable);
    assert_eq!(said(&machine, &[]), "by-variable\n");
    assert_eq!(
        said(&machine, &["--claude", option.to_str().unwrap()]),
        "by-option\n"
    );
    assert_eq!(said(&machine, &["--claude", "by-option"]), "by-option\n");
    assert_eq!(
        said(&machine, &["--claude", "../bin/by-option"]),
        "by-option\n"
    );
}

#[test]
fn a_client_that_cannot_be_started_is_told_apart_and_counts_as_no_use() {
    let mut machine = Machine::without_client();
    machine.add_key("key");
    let _ = machine.add_login("login");
    machine.home.set("PATH", machine.home.bin());
    for (account, options) in WAYS {
        let ran = Ran::of(launch(&machine, account, options, &[])).code(127);
        assert!(
            ran.stderr.contains("claude") && ran.stderr.contains("hint:"),
            "{}",
            ran.stderr
        );
        assert_eq!(
            machine.status(account)["last_used"],
            serde_json::Value::Null
        );
    }
    let directory = machine.home.bin().join("claude");
    fs::write(&directory, "#!/bin/sh\n").unwrap();
    for (account, options) in WAYS {
        drop(Ran::of(launch(&machine, account, options, &[])).code(126));
        assert_eq!(
            machine.status(account)["last_used"],
            serde_json::Value::Null
        );
    }
    // Executable by its mode, but the interpreter that it names is not there.
    let broken = machine.home.root().join("broken");
    fs::write(&broken, "#!/not/there\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    let named = ["launch", "key", "--claude", broken.to_str().unwrap()];
    drop(machine.run(&named).code(126));
    assert_eq!(machine.status("key")["last_used"], serde_json::Value::Null);
    assert_eq!(machine.keeper()["running"], false);
}

#[test]
fn without_a_name_the_nearest_binding_counts_then_the_default() {
    let machine = Machine::new();
    for name in ["outer", "inner", "usual"] {
        machine.add_key(name);
    }
    let outer = machine.home.home().join("projects");
    let inner = outer.join("customer/repository");
    let elsewhere = machine.home.home().join("projects-of-others");
    for directory in [&inner, &elsewhere] {
        fs::create_dir_all(directory).unwrap();
    }
    let launched_in = |directory: &Path| {
        let mut command =
            machine
                .home
                .claude_accounts_command(&["launch", "--", "--exit-status", "0"]);
        command.current_dir(directory);
        drop(Ran::of(command).success());
        machine.last_launch().env["CLAUDE_ACCOUNTS_ACCOUNT"].clone()
    };
    let nothing = machine.run(&["launch"]).code(3);
    assert!(
        nothing.stderr.contains("hint:") && nothing.stderr.contains("claude-accounts"),
        "{}",
        nothing.stderr
    );
    drop(
        machine
            .run(&["use", "outer", outer.to_str().unwrap()])
            .success(),
    );
    let mut bind = machine.home.claude_accounts_command(&["use", "inner"]);
    bind.current_dir(inner.parent().unwrap());
    drop(Ran::of(bind).success());
    assert_eq!(launched_in(&outer), "outer");
    assert_eq!(launched_in(&inner), "inner");
    let mut unbound = machine.home.claude_accounts_command(&["launch"]);
    unbound.current_dir(&elsewhere);
    drop(Ran::of(unbound).code(3));
    drop(machine.run(&["default", "usual"]).success());
    assert_eq!(launched_in(&elsewhere), "usual");
    assert_eq!(launched_in(&outer), "outer");
    drop(
        machine
            .run(&["use", "--clear", inner.parent().unwrap().to_str().unwrap()])
            .success(),
    );
    assert_eq!(launched_in(&inner), "outer");
    let left: Vec<_> = fs::read_dir(&inner).unwrap().collect();
    assert!(left.is_empty(), "nothing is kept in the directory itself");
}

#[test]
fn an_unknown_account_is_a_failure_with_a_hint() {
    let machine = machine_with_accounts();
    let ran = machine.run(&["launch", "logni"]).code(3);
    assert!(
        ran.stderr.contains("Did you mean \"login\""),
        "{}",
        ran.stderr
    );
    assert!(machine.launches().is_empty());
    let empty = Machine::new();
    drop(empty.run(&["launch", "login"]).code(3));
}

#[test]
fn exec_gives_any_command_the_environment() {
    let mut machine = machine_with_accounts();
    machine
        .home
        .set("ANTHROPIC_AUTH_TOKEN", "sk-ant-FAKE-rival");
    let print = "printf '%s|' \"$ANTHROPIC_API_KEY\" \"$CLAUDE_CODE_OAUTH_TOKEN\" \"${ANTHROPIC_AUTH_TOKEN-unset}\"";
    let said = |account| {
        machine
            .run(&["exec", account, "--", "sh", "-c", print])
            .success()
            .stdout
    };
    assert_eq!(said("key"), format!("{KEY}||unset|"));
    assert_eq!(
        said("login"),
        format!("|{}|unset|", machine.tokens.current("login").0)
    );
    drop(
        machine
            .run(&["exec", "key", "--", "sh", "-c", "exit 9"])
            .code(9),
    );
    drop(
        machine
            .run(&["exec", "key", "--", "no-such-program"])
            .code(127),
    );
    let view = "cat \"$CLAUDE_SECURESTORAGE_CONFIG_DIR/.credentials.json\"";
    let view = machine
        .run(&["exec", "login", "--inject", "view", "--", "sh", "-c", view])
        .success()
        .json();
    assert_eq!(
        view["claudeAiOauth"]["accessToken"],
        *machine.tokens.current("login").0
    );
}

/// Evaluates what `env` prints in a shell in which rivals are set, and gives the environment of its children.
fn evaluated(machine: &Machine, shell: &str, account: &str) -> BTreeMap<String, String> {
    let program = testkit::programs::path("claude-accounts");
    let printed = format!("'{}' env {account} --shell {shell}", program.display());
    let line = match shell {
        "fish" => format!("{printed} | source; env -0"),
        _ => format!("eval \"$({printed})\"; env -0"),
    };
    let mut command = machine.home.command(shell);
    command.envs(RIVALS.iter().map(|rival| (rival, "sk-ant-FAKE-rival")));
    let ran = Ran::of({
        command.args(["-c", &line]);
        command
    });
    let variables = ran.success().stdout;
    let variables = variables
        .split_terminator('\0')
        .filter_map(|one| one.split_once('='));
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn evaluates(shell: &str) {
    if !end_to_end::is_installed(shell) {
        return testkit::skip(format!("{shell} is not installed"));
    }
    let machine = machine_with_accounts();
    let hard = "a'b\"c\\d $HOME `id` \n!x";
    let variable = format!("HARD={hard}");
    let arguments = ["add", "hard", "--key-stdin", "--env", &variable];
    drop(
        machine
            .home
            .claude_accounts_with_input(&arguments, KEY.as_bytes())
            .success(),
    );
    // The client takes an empty variable for one that is not set.
    let rivals = |environment: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        let set = environment
            .iter()
            .filter(|(name, value)| RIVALS.contains(&name.as_str()) && !value.is_empty());
        set.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let environment = evaluated(&machine, shell, "hard");
    assert_eq!(environment["HARD"], hard);
    assert_eq!(rivals(&environment), only("ANTHROPIC_API_KEY", KEY));
    let environment = evaluated(&machine, shell, "login");
    let token = machine.tokens.current("login").0;
    assert_eq!(
        rivals(&environment),
        only("CLAUDE_CODE_OAUTH_TOKEN", &token)
    );
    assert_eq!(environment["CLAUDE_ACCOUNTS_ACCOUNT"], "login");
}

#[test]
fn env_is_evaluated_by_bash() {
    evaluates("bash");
}

#[test]
fn env_is_evaluated_by_zsh() {
    evaluates("zsh");
}

#[test]
fn env_is_evaluated_by_fish() {
    evaluates("fish");
}

#[test]
fn an_expired_login_is_renewed_before_the_launch() {
    for inject in ["env", "view"] {
        let machine = Machine::new();
        let issued = machine.add_expired_login("work");
        let ran = machine
            .run(&["launch", "work", "--inject", inject, "--", "-p", "hello"])
            .success();
        assert_eq!(
            (ran.stdout.as_str(), machine.tokens.request_count()),
            ("pong\n", 1),
            "{inject}"
        );
        let (current, _) = machine.tokens.current("work");
        assert_ne!(current, issued.access_token);
        assert_eq!(machine.bearers(), [current], "{inject}");
        drop(
            machine
                .run(&["launch", "work", "--inject", inject, "--", "-p", "hello"])
                .success(),
        );
        assert_eq!(machine.tokens.request_count(), 1, "{inject}");
    }
}

#[test]
fn a_refused_login_says_which_command_mends_it() {
    let machine = Machine::new();
    let issued = machine.add_expired_login("work");
    machine.tokens.revoke("work");
    for _ in 0..2 {
        let ran = machine.run(&["launch", "work"]).code(7);
        assert!(
            ran.stderr.contains("claude-accounts login work"),
            "{}",
            ran.stderr
        );
        assert!(
            !ran.stderr.contains(&issued.refresh_token)
                && !ran.stderr.contains(&issued.access_token)
        );
    }
    assert_eq!(
        machine.tokens.request_count(),
        1,
        "what was refused is not sent again"
    );
    assert!(machine.launches().is_empty());
    assert_eq!(machine.status("work")["state"], "sign_in_again");
    let _ = machine.add_login("work");
    drop(
        machine
            .run(&["launch", "work", "--", "-p", "hello"])
            .success(),
    );
}

#[test]
fn an_account_that_nobody_signed_in_to_says_so() {
    let machine = Machine::new();
    drop(machine.run(&["add", "new", "--oauth"]).success());
    let ran = machine.run(&["launch", "new"]).code(7);
    assert!(
        ran.stderr.contains("claude-accounts login new"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_server_that_is_down_matters_only_once_the_token_has_ended() {
    let machine = Machine::new();
    let good = machine.add_login_with("good", HOURS_8 / 96);
    let expired = machine.add_expired_login("expired");
    machine.tokens.set_mode(Mode::Status(503, "{}".to_owned()));
    for inject in ["env", "view"] {
        let ran = machine
            .run(&["launch", "good", "--inject", inject, "--", "-p", "hello"])
            .success();
        assert_eq!(ran.stdout, "pong\n");
        assert!(
            ran.stderr.contains("warning:") && ran.stderr.contains("good"),
            "{}",
            ran.stderr
        );
        let ran = machine
            .run(&["launch", "expired", "--inject", inject, "--", "-p", "hello"])
            .code(8);
        assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    }
    assert!(
        machine
            .bearers()
            .iter()
            .all(|bearer| *bearer == good.access_token)
    );
    machine.tokens.set_mode(Mode::Normal);
    assert!(machine.tokens.is_current_refresh(&expired.refresh_token));
    drop(
        machine
            .run(&["launch", "expired", "--", "-p", "hello"])
            .success(),
    );
}

#[test]
fn two_accounts_and_a_plain_client_do_not_disturb_each_other() {
    let machine = Machine::new();
    let own = machine.tokens.issue("own").credentials();
    machine.write_own_login(&own);
    let before = fs::read(machine.own_login_path()).unwrap();
    for name in ["work", "perso"] {
        let _ = machine.add_login(name);
    }
    let mut work = machine.session("work", &[]);
    let mut perso = machine.session("perso", &[]);
    let mut plain = machine.home.command(machine.home.bin().join("claude"));
    plain.args(end_to_end::STREAM);
    let mut plain = end_to_end::Session::start(plain);
    for _ in 0..2 {
        for session in [&mut work, &mut perso, &mut plain] {
            session.hello();
        }
        let current = ["work", "perso", "own"].map(|name| machine.tokens.current(name).0);
        assert_eq!(machine.bearers()[machine.bearers().len() - 3..], current);
        drop(machine.run(&["refresh", "work"]).success());
    }
    assert_eq!(fs::read(machine.own_login_path()).unwrap(), before);
    for session in [work, perso, plain] {
        assert!(session.end().success());
    }
}

#[test]
fn settings_that_beat_every_launch_are_told() {
    let machine = machine_with_accounts();
    let settings = machine.home.claude_dir().join("settings.json");
    testkit::documents::write_private(
        &settings,
        r#"{"apiKeyHelper": "echo sk-ant-api03-FAKE-helper"}"#,
    );
    let ran = Ran::of(launch(&machine, "key", &[], &["--exit-status", "0"])).success();
    assert!(ran.stderr.contains("apiKeyHelper"), "{}", ran.stderr);
}

#[test]
fn a_token_without_refresh_token_is_launched_until_it_ends() {
    let machine = Machine::new();
    let file = machine.home.root().join("long-lived.json");
    let document = credentials("sk-ant-oat01-FAKE-long-lived", "", now_ms() + HOURS_8);
    testkit::documents::write_private(&file, document.to_string());
    drop(
        machine
            .run(&["login", "token", "--capture", file.to_str().unwrap()])
            .success(),
    );
    let ran = machine
        .run(&["launch", "token", "--", "-p", "hello"])
        .success();
    assert_eq!(ran.stderr, "");
    assert_eq!(machine.bearers(), ["sk-ant-oat01-FAKE-long-lived"]);
    assert_eq!(machine.tokens.request_count(), 0);
}
