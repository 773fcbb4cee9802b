//! `.claude.json`: what the users share of it, and what comes back when it is damaged.

use std::path::Path;

use end_to_end::LIMIT;
use end_to_end::server::{Server, who};
use serde_json::json;
use testkit::{skip, wait_until};

const USERS: [&str; 3] = ["anna", "bert", "carol"];

/// As the client writes it: by a rename, as the user.
fn write(server: &Server, user: &str, path: &str, text: &str) {
    let script = "mkdir -p \"${1%/*}\" && printf %s \"$2\" > \"$1.new\" && mv \"$1.new\" \"$1\"";
    let ran = server
        .host
        .run_quickly_as(user, &["sh", "-c", script, "sh", path, text]);
    drop(ran.success());
}

/// Takes the client's lock, reads again, and renames, as the client does.
const CHANGE: &str = r#"
import json, os, sys, time
path = os.path.join(os.environ['HOME'], '.claude.json')
while True:
    try:
        os.mkdir(path + '.lock')
        break
    except FileExistsError:
        time.sleep(0.005)
with open(path) as whole:
    file = json.load(whole)
exec(sys.argv[1])
with open(path + '.tmp', 'w') as whole:
    json.dump(file, whole)
os.rename(path + '.tmp', path)
os.rmdir(path + '.lock')
"#;

/// Has a client of `user` carry out a statement of Python about `file`.
fn change(server: &Server, user: &str, statement: &str) {
    let words = ["python3", "-c", CHANGE, statement];
    drop(server.host.run_quickly_as(user, &words).success());
}

#[test]
fn servers_are_carried_and_projects_are_not() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    for user in USERS {
        server.wait_for_good_home(user);
        assert!(!server.about(user).to_string().contains("secret-project"));
    }
    if !server.host.exists("/usr/bin/python3") {
        return skip("needs python3");
    }
    let tool = json!({"type": "stdio", "command": "tool"});
    let add = "file['mcpServers'] = {'tool': {'type': 'stdio', 'command': 'tool'}}
file['projects'] = {'/home/anna/mine': {'history': ['of anna']}}
file['numStartups'] = 7";
    change(&server, "anna", add);
    change(
        &server,
        "bert",
        "file['projects'] = {'/home/bert/mine': {'mcpServers': {'private': {}}}}",
    );
    for user in USERS {
        wait_until("the server in every file", LIMIT, || {
            server.about(user)["mcpServers"]["tool"] == tool
        });
    }
    // Every user adds one in the same moment.
    for user in USERS {
        let add = "name = os.environ['USER']; file['mcpServers'][name] = {'type': 'stdio', 'command': name}";
        change(&server, user, add);
    }
    for user in USERS {
        wait_until("all servers in every file", LIMIT, || {
            USERS
                .iter()
                .all(|other| server.about(user)["mcpServers"][other]["command"] == *other)
        });
    }
    change(&server, "carol", "del file['mcpServers']['tool']");
    for user in USERS {
        wait_until("the server in no file", LIMIT, || {
            let file = server.about(user);
            file["mcpServers"].get("tool").is_none() && file["mcpServers"]["anna"].is_object()
        });
    }
    let text = |user| server.about(user).to_string();
    assert!(text("anna").contains("of anna") && text("anna").contains("\"numStartups\":7"));
    assert!(text("bert").contains("private"));
    for (user, others) in [
        ("anna", "/home/bert"),
        ("bert", "of anna"),
        ("carol", "/mine"),
    ] {
        assert!(!text(user).contains(others), "{user}");
    }
}

#[test]
fn the_newest_good_backup_comes_back() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    for user in USERS {
        server.wait_for_good_home(user);
    }
    let backup = |number: u32, text: &str| {
        let path = format!("/home/anna/.claude/backups/.claude.json.backup.{number}");
        write(&server, "anna", &path, text);
        let at = format!("2026-01-0{number}");
        drop(server.host.run(&["touch", "-d", &at, &path]).success());
    };
    let good =
        |name: &str| json!({"projects": {name: {}}, "oauthAccount": who("shared")}).to_string();
    backup(1, &good("/oldest"));
    backup(2, &good("/newest"));
    backup(3, "{\"projects\": {\"/half");
    for (round, damage) in ["garbage", "", "{\"projects\": {\"/half"]
        .into_iter()
        .enumerate()
    {
        write(&server, "anna", "/home/anna/.claude.json", damage);
        wait_until("the newest good backup", LIMIT, || {
            server.about("anna")["projects"]["/newest"].is_object()
        });
        server.wait_for_good_home("anna");
        // Without one there is what all share, and what was there stays beside.
        write(
            &server,
            "bert",
            "/home/bert/.claude.json",
            &format!("{damage} of bert"),
        );
        server.wait_for_good_home("bert");
        let found = server.host.run(&[
            "sh",
            "-c",
            "grep -l 'of bert' /home/bert/.claude.json.claude-share-backup-20* | wc -l",
        ]);
        assert_eq!(found.success().stdout.trim(), (round + 1).to_string());
    }
    assert!(
        Path::new(
            &server
                .host
                .path("/home/anna/.claude/backups/.claude.json.backup.2")
        )
        .exists()
    );
    server.wait_for_good_home("carol");
}
