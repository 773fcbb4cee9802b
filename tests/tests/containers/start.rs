//! `start.sh`, and what it has started: from nothing to Claude Code in a terminal in the browser, and away again.

use std::time::{Duration, Instant};

use end_to_end::KEY;
use end_to_end::dashboard::PASSWORD;
use serde_json::json;

use crate::scene::{Scene, USER, ask, set_up, terminals};

#[test]
fn from_nothing_to_claude_code_in_a_terminal_and_away_again() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let options = Scene::build_options();
    let started = [&["--archive", "--no-browser", "--"], &options[..]].concat();
    let said = scene.start(&started).success().stdout;
    let code = said
        .lines()
        .find_map(|line| line.strip_prefix("set-up code, for the first visit: "))
        .unwrap_or_else(|| panic!("no code in: {said}"));
    assert!(said.contains("dashboard: http://localhost:5111/"), "{said}");
    is_confined(&scene);
    is_private(&scene);

    let (status, refused) = ask(
        &scene.host,
        "",
        "POST",
        "/api/auth/setup",
        &json!({"password": PASSWORD}),
    );
    assert_eq!(status, 403, "without the code: {refused}");
    let token = set_up(&scene.host, Some(code));
    let account = json!({"name": "work", "api_key": KEY});
    let (status, added) = ask(&scene.host, &token, "POST", "/api/accounts", &account);
    assert_eq!(status, 201, "{added}");
    shows_claude_code(&scene, &token);

    let stopping = Instant::now();
    scene.start(&["--stop"]).success();
    assert!(
        stopping.elapsed() < Duration::from_secs(10),
        "{:?}",
        stopping.elapsed()
    );
    assert_eq!(scene.start(&["--stop"]).code(6).stdout, "");

    // A new container of the same image has what the old one left on the host.
    let said = scene.start(&started).success().stdout;
    assert!(!said.contains("set-up code"), "{said}");
    let (status, accounts) = ask(&scene.host, &token, "GET", "/api/accounts", &json!(null));
    assert_eq!((status, &accounts[0]["name"]), (200, &json!("work")));
    let (status, _) = ask(
        &scene.host,
        "",
        "POST",
        "/api/auth/login",
        &json!({"password": PASSWORD}),
    );
    assert_eq!(status, 200);
}

/// Not root, no capabilities, nothing that can be written but what is meant to be, and an init.
fn is_confined(scene: &Scene) {
    let inside = |script: &str| {
        let words = ["exec", "claude-accounts", "sh", "-c", script];
        scene.podman(&words).success().stdout
    };
    let uid = scene.host.uid_of(USER);
    assert_eq!(inside("id -u").trim(), uid.to_string());
    let status =
        inside("grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/1/status | tr -s '[:space:]' ' '");
    let expected = "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1";
    assert_eq!(status.trim(), expected);
    assert_eq!(inside("cat /proc/1/comm").trim(), "tini");
    let places = "for place in / /usr/local/bin /tmp /run ~ ~/.claude ~/.claude-accounts; do
        touch $place/probe 2>/dev/null && rm $place/probe && echo $place; done; :";
    let expected =
        "/tmp\n/run\n/home/claude\n/home/claude/.claude\n/home/claude/.claude-accounts\n";
    assert_eq!(inside(places), expected);
    assert_eq!(inside("claude --version").trim(), "2.1.330 (Claude Code)");
    // Views are in memory.
    assert_eq!(
        inside("stat -f -c %T $XDG_RUNTIME_DIR; stat -c %a $XDG_RUNTIME_DIR"),
        "tmpfs\n700\n"
    );
    // Docker gives its empty tmpfs the mode of the image's directory.
    let image = ["run", "--rm", "--network", "none", "--entrypoint", "stat"];
    let mode = scene.podman(&[&image[..], &["claude-accounts", "-c", "%a", "/run"]].concat());
    assert_eq!(mode.success().stdout.trim(), "1777");
    assert_eq!(
        inside("cp /bin/true /tmp/probe && /tmp/probe && rm /tmp/probe && echo started"),
        "started\n"
    );
    // The settings that npm was lent for the build.
    assert_eq!(inside("find / -xdev -name npmrc 2>/dev/null; :"), "");
}

/// Reachable from this machine alone, with directories that nobody else can look into.
fn is_private(scene: &Scene) {
    let ports = scene.podman(&["port", "claude-accounts"]).success().stdout;
    assert_eq!(ports.trim(), "5111/tcp -> 127.0.0.1:5111");
    for directory in [".claude", ".claude-accounts"] {
        let path = format!("/home/{USER}/{directory}");
        let found = scene.host.run(&["stat", "-c", "%a %U", &path]).success();
        assert_eq!(found.stdout.trim(), format!("700 {USER}"));
    }
}

fn shows_claude_code(scene: &Scene, token: &str) {
    let (_, accounts) = ask(&scene.host, token, "GET", "/api/accounts", &json!(null));
    let mut terminals = terminals(&scene.host, token);
    let start =
        json!({"account_id": accounts[0]["id"], "cwd": "/home/claude", "rows": 40, "cols": 120});
    terminals.emit("start_terminal", &start);
    let started = terminals.wait_for("terminal_started");
    assert_eq!(started["account"], "work", "{started}");
    terminals.read_until(|shown| shown.contains("Claude") && shown.contains("Code"));
}
