//! The everyday stories at the command line: everything that one could do with the program that this one replaces, and
//! what has come since.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; files that nobody has to recover"
)]

#[path = "../support/mod.rs"]
mod support;

mod carry;
mod choose;
mod dashboard_password;
mod doctor;
mod keys;
mod sign_in;

use end_to_end::{KEY, Machine};
use serde_json::json;
use support::named;
use testkit::Ran;

const OTHER_KEY: &str = "sk-ant-api03-FAKE-key-of-another-one";

#[test]
fn two_keys_side_by_side() {
    let machine = Machine::new();
    let added = machine.run(&["add", "perso", "--key", KEY]).success();
    assert!(
        added
            .stdout
            .contains("added perso: API key sk-ant-api03-…ount"),
        "{added:#?}"
    );
    assert!(
        added.stderr.contains("warning: a key on the command line"),
        "{added:#?}"
    );
    drop(
        machine
            .run(&["add", "boulot", "--key", OTHER_KEY])
            .success(),
    );
    let (mut perso, mut boulot) = (
        machine.session("perso", &[]),
        machine.session("boulot", &[]),
    );
    for _ in 0..2 {
        perso.hello();
        boulot.hello();
    }
    let requests = machine.api.message_requests();
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.api_key.as_deref().unwrap())
        .collect();
    assert_eq!(keys, [KEY, OTHER_KEY, KEY, OTHER_KEY]);
    assert!(perso.end().success() && boulot.end().success());
}

#[test]
fn a_key_with_an_environment_of_its_own() {
    let machine = Machine::new();
    let add = [
        "add",
        "proxied",
        "--key-stdin",
        "--env",
        "ANTHROPIC_MODEL=a model",
        "--env",
        "EMPTY=",
    ];
    drop(
        machine
            .home
            .claude_accounts_with_input(&add, KEY.as_bytes())
            .success(),
    );
    drop(
        machine
            .run(&["launch", "proxied", "--", "--version"])
            .success(),
    );
    let launched = machine.last_launch();
    assert_eq!(launched.env["ANTHROPIC_MODEL"], "a model");
    assert_eq!(
        (
            launched.env["EMPTY"].as_str(),
            launched.env["ANTHROPIC_API_KEY"].as_str()
        ),
        ("", KEY)
    );
    assert_eq!(launched.env["CLAUDE_ACCOUNTS_ACCOUNT"], "proxied");
    let printed = machine
        .run(&["exec", "proxied", "--", "printenv", "ANTHROPIC_MODEL"])
        .success();
    assert_eq!(printed.stdout, "a model\n");
    let mut shell = machine.home.command("sh");
    shell.args([
        "-c",
        "eval \"$1\"; printf %s \"$ANTHROPIC_MODEL|$ANTHROPIC_API_KEY\"",
        "sh",
    ]);
    shell.arg(machine.run(&["env", "proxied"]).success().stdout);
    assert_eq!(Ran::of(shell).success().stdout, format!("a model|{KEY}"));
    assert_eq!(
        machine.status("proxied")["environment"],
        json!(["ANTHROPIC_MODEL", "EMPTY"])
    );
}

#[test]
fn lists_for_people_and_for_programs() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["list", "--json"]).success().json(), json!([]));
    machine.add_key("perso");
    drop(machine.add_login("work"));
    drop(machine.run(&["add", "later", "--oauth"]).success());
    drop(machine.run(&["default", "work"]).success());
    for verb in ["list", "ls"] {
        let table = machine.run(&[verb]).success().stdout;
        for part in [
            "NAME",
            "perso",
            "API key",
            "sk-ant-api03-…ount",
            "work *",
            "OAuth",
            "max",
            "7h59m",
            "no credential",
        ] {
            assert!(table.contains(part), "{part:?} not in {table}");
        }
    }
    let list = machine.run(&["list", "--json"]).success().json();
    let state = |name: &str| named(&list, name)["state"].clone();
    assert_eq!(
        [state("perso"), state("work"), state("later")],
        [json!("ok"), json!("ok"), json!("no_credential")]
    );
    assert_eq!(named(&list, "work")["default"], true);
    let left = named(&list, "work")["expires_in_seconds"].as_u64().unwrap();
    assert!((28_000..=28_800).contains(&left), "{left}");
    let status = machine.run(&["status", "work"]).success().stdout;
    for part in ["work", "OAuth", "ok (the default)", "1 generation"] {
        assert!(status.contains(part), "{part:?} not in {status}");
    }
    assert_eq!(
        machine
            .run(&["status", "--json"])
            .success()
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

/// What the shell files hold; that shells can load them is tested with the shells.
#[test]
fn aliases_hold_no_credential_and_leave_as_they_came() {
    let mut machine = Machine::new();
    machine.home.set("SHELL", "/bin/bash");
    machine.add_key("perso");
    drop(machine.add_login("work"));
    let program = testkit::programs::path("claude-accounts");
    let aliases = machine.run(&["aliases"]).success().stdout;
    for part in ["claude-perso", "claude-work", program.to_str().unwrap()] {
        assert!(aliases.contains(part), "{part:?} not in {aliases}");
    }
    assert!(!aliases.contains("FAKE"), "{aliases}");
    let rc = machine.home.home().join(".bashrc");
    let own = "# mine\nalias ll='ls -l'";
    testkit::documents::write_private(&rc, own);
    drop(machine.run(&["install"]).success());
    let installed = std::fs::read_to_string(&rc).unwrap();
    assert!(
        installed.starts_with(own) && installed.matches("aliases.sh").count() >= 1,
        "{installed}"
    );
    drop(machine.run(&["install"]).success());
    assert_eq!(std::fs::read_to_string(&rc).unwrap(), installed);
    drop(machine.run(&["rename", "work", "office"]).success());
    let written = std::fs::read_to_string(machine.home.vault_dir().join("aliases.sh")).unwrap();
    assert!(
        written.contains("claude-office") && !written.contains("claude-work"),
        "{written}"
    );
    drop(machine.run(&["uninstall"]).success());
    assert_eq!(std::fs::read_to_string(&rc).unwrap(), own);
    assert!(!machine.home.vault_dir().join("aliases.sh").exists());
}

#[test]
fn help_for_everything() {
    let machine = Machine::without_client();
    let help = machine.run(&["--help"]).success().stdout;
    let verbs = [
        "add",
        "login",
        "refresh",
        "launch",
        "exec",
        "env",
        "list",
        "status",
        "current",
        "use",
        "default",
        "statusline",
        "aliases",
        "install",
        "uninstall",
        "export",
        "import",
        "remove",
        "rename",
        "key",
        "history",
        "restore",
        "doctor",
        "keeper",
        "completions",
        "man",
        "version",
    ];
    for verb in verbs {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(verb)),
            "{verb} not in {help}"
        );
        assert!(
            machine
                .run(&[verb, "--help"])
                .success()
                .stdout
                .contains("Usage: claude-accounts"),
            "{verb}"
        );
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.run(&["completions", shell]).success().stdout;
        assert!(verbs.iter().all(|verb| script.contains(verb)), "{shell}");
    }
    let pages = machine.home.home().join("pages");
    drop(machine.run(&["man", pages.to_str().unwrap()]).success());
    assert!(pages.join("claude-accounts-launch.1").is_file());
    assert!(
        machine
            .run(&["version"])
            .success()
            .stdout
            .contains("claude-accounts 0.")
    );
}
