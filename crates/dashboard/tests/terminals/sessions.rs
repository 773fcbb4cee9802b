//! `/api/sessions`, and the life of a session.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::server::{Server, eventually};
use crate::socket::Socket;

const CAT: &str = "printf ready; exec cat";

#[tokio::test(flavor = "multi_thread")]
async fn they_are_listed_renamed_ended_and_forgotten() {
    let server = Server::start().await;
    let directory = server.running("project", CAT);
    let mut socket = Socket::connect(&server).await;
    let session = socket.start(&server.account, &directory).await;
    socket.output_until("ready").await;
    let told = server.session(&session).await.unwrap();
    assert_eq!(told["id"].as_str().unwrap().len(), 32);
    assert_eq!(
        (&told["title"], &told["account"]),
        (&json!("work"), &json!("work"))
    );
    assert_eq!(
        (&told["ended_at"], &told["exit"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        (&told["recording"], &told["bytes"]),
        (&json!(false), &json!(5))
    );
    assert!(told["last_output_at"].as_i64() >= told["started_at"].as_i64());
    let path = format!("/api/sessions/{session}");
    for title in ["", "  ", "two\nlines", &"x".repeat(201)] {
        assert_eq!(
            server.put(&path, &json!({"title": title})).await.status,
            400,
            "{title}"
        );
    }
    assert_eq!(
        server
            .put(&path, &json!({"title": " <b>🦀</b> "}))
            .await
            .ok(),
        json!({"status": "updated"})
    );
    assert_eq!(
        server.session(&session).await.unwrap()["title"],
        "<b>🦀</b>"
    );
    assert_eq!(server.get(&format!("{path}/recording")).await.status, 404);
    assert_eq!(server.delete(&path).await.ok(), json!({"status": "ended"}));
    let exited = socket.wait_for("terminal_exit").await;
    let ended = server
        .session_that(&session, |session| session["ended_at"].is_i64())
        .await;
    assert_eq!(ended["exit"], json!({"code": null, "signal": 1}));
    assert_eq!(exited["signal"], 1);
    // What it has shown can still be looked at.
    let mut later = Socket::connect(&server).await;
    later
        .emit("start_terminal", json!({"session": session}))
        .await;
    later.wait_for("terminal_started").await;
    assert!(
        later.wait_for("terminal_output").await["data"]
            .as_str()
            .unwrap()
            .contains("ready")
    );
    later.wait_for("terminal_exit").await;
    let answer = later
        .ask("terminal_input", json!({"session": session, "data": "x"}))
        .await;
    assert!(answer["error"].is_string(), "{answer}");
    server.delete(&path).await.ok();
    assert_eq!(server.session(&session).await, None);
    for (method, path) in [
        ("DELETE", path.clone()),
        ("GET", format!("{path}/recording")),
    ] {
        assert_eq!(
            server
                .ask(
                    method,
                    &path,
                    &format!("X-Auth-Token: {}\r\n", server.token),
                    ""
                )
                .await
                .status,
            404
        );
    }
    assert_eq!(server.put(&path, &json!({"title": "x"})).await.status, 404);
    assert_eq!(
        server
            .post(&format!("{path}/links"), &json!({"minutes": 1}))
            .await
            .status,
        404
    );
    let audit = server.get("/api/audit").await.ok();
    let actions: Vec<&str> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert!(
        actions.contains(&"launch") && actions.contains(&"terminal ended"),
        "{actions:?}"
    );
    for entry in audit["entries"].as_array().unwrap() {
        if ["launch", "terminal ended"].contains(&entry["action"].as_str().unwrap()) {
            let who = (&entry["who"], &entry["address"], &entry["account"]);
            let wanted = (&json!("token first"), &json!("127.0.0.1"), &json!("work"));
            assert_eq!(who, wanted, "{entry}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_are_for_those_who_may() {
    let server = Server::start().await;
    let (_, read) = server.new_token("read").await;
    let (_, launch) = server.new_token("launch").await;
    let routes = [
        ("GET", "/api/sessions", "", 200),
        ("PUT", "/api/sessions/x", "{\"title\":\"x\"}", 404),
        ("DELETE", "/api/sessions/x", "", 404),
        ("GET", "/api/sessions/x/recording", "", 404),
        ("POST", "/api/sessions/x/links", "{\"minutes\":1}", 403),
    ];
    for (method, path, body, with_launch) in routes {
        for (token, status) in [
            ("cat_FAKE", 401),
            (read.as_str(), 403),
            (launch.as_str(), with_launch),
        ] {
            let headers = format!("X-Auth-Token: {token}\r\nContent-Type: application/json\r\n");
            let answer = server.ask(method, path, &headers, body).await;
            assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        }
        assert_eq!(
            server
                .ask(method, path, "Content-Type: application/json\r\n", body)
                .await
                .status,
            401
        );
        let headers = format!(
            "X-Auth-Token: {launch}\r\nContent-Type: application/json\r\nOrigin: https://evil.example\r\n"
        );
        let foreign = server.ask(method, path, &headers, body).await;
        assert_eq!(
            foreign.status == 403,
            method != "GET",
            "{method} {path}: {foreign:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_can_be_downloaded_and_goes_with_its_session() {
    let server = Server::start().await;
    let directory = server.running(
        "project",
        "printf 'one\\r\\n'; read line; printf two; read line",
    );
    let mut socket = Socket::connect(&server).await;
    let start = json!({"account_id": server.account, "cwd": directory, "rows": 10, "cols": 40, "record": true});
    socket.emit("start_terminal", start).await;
    let session = socket.wait_for("terminal_started").await["session"]
        .as_str()
        .unwrap()
        .to_owned();
    socket.output_until("one").await;
    socket
        .emit("terminal_input", json!({"session": session, "data": "\r"}))
        .await;
    socket.output_until("two").await;
    assert_eq!(server.session(&session).await.unwrap()["recording"], true);
    socket
        .emit("stop_terminal", json!({"session": session}))
        .await;
    socket.wait_for("terminal_exit").await;
    let file = server
        .home
        .vault_dir()
        .join(format!("recordings/{session}.cast"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let path = format!("/api/sessions/{session}");
    let recording = eventually(async || {
        let answer = server.get(&format!("{path}/recording")).await;
        answer.body.contains("two").then_some(answer)
    })
    .await;
    assert!(
        recording
            .head
            .to_ascii_lowercase()
            .contains("content-type: application/x-asciicast"),
        "{}",
        recording.head
    );
    let lines: Vec<Value> = recording
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (
            &lines[0]["version"],
            &lines[0]["width"],
            &lines[0]["height"]
        ),
        (&json!(2), &json!(40), &json!(10))
    );
    assert!(
        lines[1..].iter().all(|event| event[1].is_string()),
        "{lines:?}"
    );
    // Whoever may launch may do all this: the owner sees who did.
    let (_, launch) = server.new_token("launch").await;
    let headers = format!("X-Auth-Token: {launch}\r\n");
    let removed = server.ask("DELETE", &path, &headers, "").await;
    assert_eq!(removed.status, 200, "{removed:?}");
    assert!(!file.exists());
    let log = server.get("/api/audit").await.ok();
    let entries = log["entries"].as_array().unwrap();
    let has = |action: &str, who: &str| {
        entries.iter().any(|entry| {
            entry["action"] == action && entry["who"] == who && entry["detail"] == session
        })
    };
    assert!(
        has("terminal stopped", "token first")
            && has("recording read", "token first")
            && has("recording removed", "token launch"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_run_at_once_and_no_more() {
    let server = Server::start().await;
    let directory = server.running("project", CAT);
    let mut socket = Socket::connect(&server).await;
    let most = server.get("/api/settings").await.ok()["max_sessions"]
        .as_u64()
        .unwrap();
    let mut sessions = Vec::new();
    for _ in 0..most {
        sessions.push(socket.start(&server.account, &directory).await);
    }
    let start = json!({"account_id": server.account, "cwd": directory, "rows": 24, "cols": 80});
    let answer = socket.ask("start_terminal", start).await;
    assert!(
        answer["error"].as_str().unwrap().contains("as many as may"),
        "{answer}"
    );
    assert!(answer["hint"].is_string(), "{answer}");
    socket.wait_for("terminal_error").await;
    server
        .delete(&format!("/api/sessions/{}", sessions[0]))
        .await
        .ok();
    server
        .session_that(&sessions[0], |session| session["ended_at"].is_i64())
        .await;
    socket.start(&server.account, &directory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_have_ended_are_kept_in_bounds() {
    let server = Server::start().await;
    let directory = server.running("project", "exit 0");
    let mut socket = Socket::connect(&server).await;
    let mut first = None;
    for _ in 0..70 {
        let session = socket.start(&server.account, &directory).await;
        socket.wait_for("terminal_exit").await;
        first.get_or_insert(session);
    }
    let first = first.unwrap();
    eventually(async || server.session(&first).await.is_none().then_some(())).await;
    let kept = server.get("/api/sessions").await.ok();
    assert!(kept.as_array().unwrap().len() <= 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_leaves_no_process() {
    let mut server = Server::start().await;
    // One that a hang-up does not end.
    let deaf = server.running(
        "deaf",
        "trap '' HUP; echo $$ >pid; printf ready; while :; do sleep 1; done",
    );
    let directory = server.running("project", "echo $$ >pid; printf ready; exec cat");
    let mut socket = Socket::connect(&server).await;
    for directory in [&deaf, &directory] {
        socket.start(&server.account, directory).await;
        socket.output_until("ready").await;
    }
    server.stop().await;
    for directory in [&deaf, &directory] {
        let pid = fs::read_to_string(format!("{directory}/pid")).unwrap();
        let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
        eventually(async || (!process.exists()).then_some(())).await;
    }
}
