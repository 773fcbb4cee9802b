//! The stand-in client picks its credential, signs in and out and ends as the real one was measured to.

mod machine;

use machine::{LATER_MS, LIMIT, Machine, put};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use testkit::documents::{credentials, now_ms, write_private};
use testkit::{Process, Ran};

#[test]
fn the_strongest_credential_wins() {
    let machine = Machine::new();
    machine.put(&credentials(
        "sk-ant-oat01-FAKEfile",
        "",
        now_ms() + LATER_MS,
    ));
    let rivals = [
        (
            "CLAUDE_CODE_OAUTH_TOKEN",
            "sk-ant-oat01-FAKEenv",
            "oauth_token",
        ),
        ("ANTHROPIC_API_KEY", "sk-ant-api03-FAKE", "api_key"),
        (
            "ANTHROPIC_AUTH_TOKEN",
            "sk-ant-oat01-FAKEauth",
            "oauth_token",
        ),
    ];
    machine.run(&["-p", "hello"]).success();
    assert_eq!(
        machine.last_bearer().as_deref(),
        Some("sk-ant-oat01-FAKEfile")
    );
    assert_eq!(
        machine.api.requests()[0].beta.as_deref(),
        Some("oauth-2025-04-20")
    );
    assert_eq!(
        machine.run(&["auth", "status", "--json"]).success().json()["storedClaudeAiLogin"],
        true
    );
    for count in 1..=rivals.len() {
        let variables = rivals[..count].iter().map(|(name, value, _)| (name, value));
        let (name, value, method) = rivals[count - 1];
        let status = Ran::of({
            let mut command = machine.claude(&["auth", "status"]);
            command.envs(variables.clone());
            command
        });
        let status = status.success().json();
        assert_eq!(
            (&status["authMethod"], status.get("storedClaudeAiLogin")),
            (&json!(method), None),
            "{name}"
        );
        let mut command = machine.claude(&["-p", "hello"]);
        command.envs(variables);
        assert_eq!(Ran::of(command).success().stdout, "pong\n");
        let sent = machine.api.message_requests().pop().unwrap();
        let found = if name == "ANTHROPIC_API_KEY" {
            sent.api_key.clone()
        } else {
            sent.bearer().map(str::to_owned)
        };
        assert_eq!(found.as_deref(), Some(value));
    }
    // Of the last, with every variable set: the key goes along.
    assert_eq!(
        machine
            .api
            .message_requests()
            .pop()
            .unwrap()
            .api_key
            .as_deref(),
        Some("sk-ant-api03-FAKE")
    );
}

#[test]
fn a_helper_beats_the_login_and_sends_both_headers() {
    let machine = Machine::new();
    machine.put(&credentials(
        "sk-ant-oat01-FAKEfile",
        "",
        now_ms() + LATER_MS,
    ));
    let settings = json!({"apiKeyHelper": "echo sk-ant-api03-FAKEhelper"});
    write_private(
        &machine.home.claude_dir().join("settings.json"),
        settings.to_string(),
    );
    machine.run(&["-p", "hello"]).success();
    assert_eq!(
        machine.last_bearer().as_deref(),
        Some("sk-ant-api03-FAKEhelper")
    );
    assert_eq!(
        machine.api.requests()[0].api_key.as_deref(),
        Some("sk-ant-api03-FAKEhelper")
    );
}

#[test]
fn directories_count_only_where_they_are_supported() {
    let mut machine = Machine::new();
    let (secure, config) = (
        machine.home.root().join("secure"),
        machine.home.root().join("moved"),
    );
    let expires = now_ms() + LATER_MS;
    put(
        &secure,
        &credentials("sk-ant-oat01-FAKEsecure", "", expires),
    );
    put(&config, &credentials("sk-ant-oat01-FAKEmoved", "", expires));
    machine.put(&credentials("sk-ant-oat01-FAKEhome", "", expires));
    machine.home.set("CLAUDE_SECURESTORAGE_CONFIG_DIR", &secure);
    machine.home.set("CLAUDE_CONFIG_DIR", &config);
    for (supports, token) in [
        (
            json!(["securestorage", "config-dir"]),
            "sk-ant-oat01-FAKEsecure",
        ),
        (json!(["config-dir"]), "sk-ant-oat01-FAKEmoved"),
        (json!([]), "sk-ant-oat01-FAKEhome"),
    ] {
        machine
            .home
            .configure_stand_in_client(&json!({"supports": supports}));
        machine.run(&["-p", "hello"]).success();
        assert_eq!(machine.last_bearer().as_deref(), Some(token));
    }
}

#[test]
fn nothing_to_send_is_not_logged_in() {
    let machine = Machine::new();
    assert_eq!(
        machine.run(&["-p", "hello"]).code(1).stdout,
        "Not logged in · Please run /login\n"
    );
    assert_eq!(
        machine.run(&["auth", "status"]).code(1).json()["authMethod"],
        "none"
    );
    let mut unscoped = credentials(
        "sk-ant-oat01-FAKE",
        "sk-ant-ort01-FAKE",
        now_ms() + LATER_MS,
    );
    unscoped["claudeAiOauth"]
        .as_object_mut()
        .unwrap()
        .remove("scopes");
    machine.put(&unscoped);
    machine.run(&["auth", "status"]).code(1);
    write_private(
        &machine.home.claude_dir().join(".credentials.json"),
        b"{broken",
    );
    machine.run(&["-p", "hello"]).code(1);
    assert_eq!(
        fs::read(machine.home.claude_dir().join(".credentials.json")).unwrap(),
        b"{broken"
    );
}

#[test]
fn sign_in_and_out() {
    let machine = Machine::new();
    let login = machine.tokens.issue("alice");
    let account = json!({"emailAddress": "alice@example.com", "organizationUuid": "o"});
    let settings = json!({"login": {"credentials": login.credentials(), "oauthAccount": account}});
    machine.home.configure_stand_in_client(&settings);
    write_private(
        &machine.home.home().join(".claude.json"),
        r#"{"numStartups":3}"#,
    );
    machine.run(&["auth", "login"]).success();
    assert_eq!(machine.login(), settings["login"]["credentials"]);
    assert_eq!(
        machine.run(&["auth", "status"]).success().json()["email"],
        "alice@example.com"
    );
    machine.run(&["auth", "logout"]).success();
    assert!(!machine.home.claude_dir().join(".credentials.json").exists());
    let state: Value =
        serde_json::from_slice(&fs::read(machine.home.home().join(".claude.json")).unwrap())
            .unwrap();
    assert_eq!(state, json!({"numStartups": 3}));
    assert!(!machine.tokens.is_current_refresh(&login.refresh_token));
}

#[test]
fn starts_are_recorded_and_ends_are_as_asked() {
    let mut machine = Machine::new();
    machine
        .home
        .configure_stand_in_client(&json!({"record": true, "version": "9.9.9"}));
    assert_eq!(
        machine.run(&["--version"]).success().stdout,
        "9.9.9 (Claude Code)\n"
    );
    machine.run(&["--exit-status", "7"]).code(7);
    let killed = machine.run(&["--kill-self", "TERM"]);
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&killed.status),
        Some(15)
    );
    machine.home.set("MARK", "seen");
    assert_eq!(machine.run(&[]).success().stdout, "ready\n");
    let calls = machine.home.client_calls();
    assert_eq!(calls.len(), 4);
    assert_eq!(calls[1].argv[1..], ["--exit-status", "7"]);
    assert_eq!(calls[3].env["MARK"], "seen");
    assert_eq!(
        (calls[3].ppid, &calls[3].cwd),
        (std::process::id(), &machine.home.home())
    );
}

#[test]
fn an_interactive_client_waits_for_the_end_of_its_input() {
    let machine = Machine::new();
    let mut command = machine.claude(&[]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = Process::spawn(command);
    let mut line = String::new();
    BufReader::new(client.child().stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(
        (line.as_str(), client.child().try_wait().unwrap()),
        ("ready\n", None)
    );
    drop(client.take_stdin());
    assert!(client.wait(LIMIT).success());
}
