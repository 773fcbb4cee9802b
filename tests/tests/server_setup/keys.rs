//! Users with API keys: handed out on request to whom they are assigned, and written nowhere.

use std::sync::Arc;

use end_to_end::LIMIT;
use end_to_end::server::{PROGRAM, Server};
use testkit::{Ran, wait_until};

use super::row;

const KEY: &str = "sk-ant-api03-FAKE-key-of-the-team-0123456789";

fn with_key(users: &[&str]) -> Option<Server> {
    let server = Server::with_users(users)?;
    let mut add = server.host.command("/usr/local/bin/claude-accounts");
    add.args([
        "--vault",
        "/var/lib/claude-share/vault",
        "add",
        "team",
        "--key-stdin",
    ]);
    drop(Ran::with_input(add, KEY.as_bytes()).success());
    let is_login = server.tokens.access_check();
    server
        .api
        .accept_only(Arc::new(move |sent| sent == KEY || is_login(sent)));
    Some(server)
}

fn key_of(server: &Server, user: &str) -> Ran {
    let mut command = server.host.command_as_user(user, PROGRAM);
    command.arg("key");
    Ran::of(command)
}

#[test]
fn a_key_is_for_whom_it_is_assigned_to_and_gone_when_taken_away() {
    let Some(server) = with_key(&["usera", "userb"]) else {
        return;
    };
    drop(server.run(&["server", "assign", "usera", "team"]).success());
    wait_until("the key", LIMIT, || {
        key_of(&server, "usera").status.success()
    });
    assert_eq!(key_of(&server, "usera").stdout, format!("{KEY}\n"));
    let refused = key_of(&server, "userb");
    assert!(!refused.status.success() && !refused.stdout.contains("sk-ant"));
    assert!(refused.stderr.contains("hint:"), "{}", refused.stderr);
    let settings = super::json_of(&server, "/home/usera/.claude/settings.json");
    assert_eq!(settings["apiKeyHelper"], format!("{PROGRAM} key"));
    let link = server
        .host
        .run(&["readlink", "/home/usera/.claude/settings.json"]);
    assert!(!link.status.success(), "a file of his own");
    assert!(!server.host.exists("/home/usera/.claude/.credentials.json"));
    let found = server
        .host
        .run(&["grep", "-rl", KEY, "/home", "/shared", "/etc", "/run"]);
    assert_eq!(found.stdout, "", "the key is in a file");
    assert_eq!(row(&server, "usera")["credential"]["how"], "key");
    assert_eq!(row(&server, "usera")["needs_care"], false);

    let messages = server.api.message_requests().len();
    let answer = server
        .host
        .run_as("usera", &["claude", "-p", "hello"])
        .success();
    assert_eq!(answer.stdout, "pong\n");
    let request = server.api.message_requests().swap_remove(messages);
    assert_eq!(request.api_key.as_deref(), Some(KEY));

    drop(
        server
            .run(&["server", "assign", "usera", "--default"])
            .success(),
    );
    wait_until("no key any more", LIMIT, || {
        !key_of(&server, "usera").status.success()
    });
    server.wait_for_view("usera");
    wait_until("the link again", LIMIT, || {
        server
            .host
            .run(&["readlink", "/home/usera/.claude/settings.json"])
            .status
            .success()
    });
    assert_eq!(row(&server, "usera")["needs_care"], false);
    let backups = server
        .host
        .run(&["find", "/home/usera", "-name", "*backup*"])
        .success();
    assert_eq!(backups.stdout, "", "nothing of his was replaced");
}

#[test]
fn a_user_keeps_his_own_settings_beside_the_key() {
    let Some(server) = with_key(&["usera"]) else {
        return;
    };
    server.host.write(
        "/shared/claude-share/home/.claude/settings.json",
        r#"{"model":"shared"}"#,
        0o660,
    );
    drop(server.run(&["server", "assign", "usera", "team"]).success());
    let settings = "/home/usera/.claude/settings.json";
    assert_eq!(
        super::json_of(&server, settings)["model"],
        "shared",
        "a copy of what was shared"
    );
    let change = "echo '{\"model\":\"mine\"}' > ~/.claude/settings.json";
    let _changed = server.host.run_as("usera", &["sh", "-c", change]).success();
    wait_until("the helper again, beside his own model", LIMIT, || {
        let text = server.host.read_text(settings);
        text.contains("apiKeyHelper") && text.contains("mine")
    });
}

#[test]
fn an_account_that_is_not_there_is_named() {
    let Some(server) = with_key(&["usera"]) else {
        return;
    };
    let ran = server.run(&["server", "assign", "usera", "teem"]);
    assert!(!ran.status.success());
    assert!(
        ran.stderr.contains("team"),
        "those that are there: {}",
        ran.stderr
    );
    let ran = server.run(&["server", "assign", "nobody-managed", "team"]);
    assert!(
        !ran.status.success() && ran.stderr.contains("hint:"),
        "{}",
        ran.stderr
    );
}
