//! `/etc/claude-share/config` is edited by hand, and `sync` applies it.

use end_to_end::LIMIT;
use end_to_end::server::Server;
use testkit::wait_until;

use super::row;

const CONFIG: &str = "/etc/claude-share/config";
const LOCAL: &str = "/home/usera/.claude/settings.local.json";

fn edit(server: &Server, from: &str, to: &str) {
    let config = server.host.read_text(CONFIG);
    assert!(config.contains(from), "{config}");
    server.host.write(CONFIG, config.replace(from, to), 0o644);
}

#[test]
fn settings_local_can_be_made_private_and_shared_again() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    server.host.write(
        "/shared/claude-share/home/.claude/settings.local.json",
        r#"{"permissions":{}}"#,
        0o660,
    );
    let config = server.host.read_text(CONFIG);
    server.host.write(
        CONFIG,
        format!("# mine\nMY_KEY='kept as it is'\n{config}"),
        0o644,
    );
    edit(
        &server,
        "SHARE_SETTINGS_LOCAL=true",
        "SHARE_SETTINGS_LOCAL=false",
    );
    drop(server.run(&["sync"]).success());
    assert!(!server.host.run(&["readlink", LOCAL]).status.success());
    assert_eq!(
        super::json_of(&server, LOCAL)["permissions"],
        serde_json::json!({}),
        "a copy"
    );
    let items = row(&server, "usera")["items"].clone();
    assert!(
        !items.to_string().contains("settings.local.json"),
        "{items}"
    );
    assert!(
        server
            .host
            .read_text(CONFIG)
            .starts_with("# mine\nMY_KEY='kept as it is'\n")
    );
    edit(
        &server,
        "SHARE_SETTINGS_LOCAL=false",
        "SHARE_SETTINGS_LOCAL=true",
    );
    let ran = server.run(&["sync"]).success();
    assert!(
        server.host.run(&["readlink", LOCAL]).status.success(),
        "{}",
        ran.stdout
    );
    assert!(
        server
            .run(&["sync"])
            .success()
            .stdout
            .contains("Nothing to do")
    );
}

#[test]
fn claude_json_can_be_linked_private_and_merged() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    let is_link = |user: &str| {
        let path = format!("/home/{user}/.claude.json");
        server.host.run(&["readlink", &path]).status.success()
    };
    edit(&server, "CLAUDE_JSON=merge", "CLAUDE_JSON=link");
    drop(server.run(&["sync"]).success());
    assert!(is_link("usera") && is_link("userb"));
    assert_eq!(row(&server, "usera")["needs_care"], false);
    edit(&server, "CLAUDE_JSON=link", "CLAUDE_JSON=merge");
    drop(server.run(&["sync"]).success());
    assert!(!is_link("usera") && !is_link("userb"));
    wait_until("what is shared in a file of his own", LIMIT, || {
        server
            .host
            .read_text("/home/userb/.claude.json")
            .contains("hasCompletedOnboarding")
    });
}

#[test]
fn users_named_there_are_adopted() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    server.host.add_user("gustav");
    edit(
        &server,
        "MANAGED_USERS=usera\n",
        "MANAGED_USERS=\"usera gustav\"\n",
    );
    drop(server.run(&["sync"]).success());
    server.wait_for_view("gustav");
    edit(
        &server,
        "MANAGED_USERS=\"usera gustav\"\n",
        "MANAGED_USERS=usera\n",
    );
    let ran = server.run(&["sync"]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("remove-user"), "{said}");
    assert!(
        server.shown_to("gustav").is_some(),
        "nobody is taken off by an edit"
    );
}

#[test]
fn what_cannot_be_read_is_told_with_its_line_and_nothing_is_changed() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    let good = server.host.read_text(CONFIG);
    let state = server.host.read_text("/var/lib/claude-share/state.json");
    for bad in [
        "SHARE_SETTINGS_LOCAL=perhaps",
        "SHARED_DIR=$(id)",
        "CLAUDE_JSON=\"merge",
        "SHARED_DIR=/",
    ] {
        server.host.write(CONFIG, format!("{good}{bad}\n"), 0o644);
        let ran = server.run(&["sync"]);
        assert!(!ran.status.success(), "{bad} was taken");
        assert!(ran.stderr.contains("hint:"), "{bad}: {}", ran.stderr);
    }
    assert_eq!(
        server.host.read_text("/var/lib/claude-share/state.json"),
        state
    );
}
