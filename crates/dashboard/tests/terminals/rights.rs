//! Who may connect, and when that ends.

use serde_json::json;
use vault::{NoPassphrase, Vault, VaultPaths};

use crate::server::{PASSWORD, Server};
use crate::socket::Socket;

const CAT: &str = "printf ready; exec cat";

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_launch_connect() {
    let server = Server::start().await;
    let (_, read) = server.new_token("read").await;
    let (_, launch) = server.new_token("launch").await;
    let cookie = server.sign_in().await;
    for (headers, auth, refusal) in [
        (vec![], String::new(), Some("not signed in")),
        (
            vec![],
            json!({"token": "cat_FAKE"}).to_string(),
            Some("not signed in"),
        ),
        (
            vec![],
            json!({"watch": "FAKE"}).to_string(),
            Some("this link has expired, or never was one"),
        ),
        (
            vec![("X-Auth-Token", "cat_FAKE")],
            String::new(),
            Some("not signed in"),
        ),
        (
            vec![("X-Auth-Token", &read)],
            String::new(),
            Some("this needs the scope `launch`"),
        ),
        (vec![("X-Auth-Token", &launch)], String::new(), None),
        (vec![], json!({"token": launch}).to_string(), None),
        (vec![("Cookie", &cookie)], String::new(), None),
    ] {
        let connected = Socket::with(&server, &headers, &auth).await;
        assert_eq!(connected.err().as_deref(), refusal, "{auth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_cannot_connect() {
    let server = Server::start().await;
    let cookie = server.sign_in().await;
    let ours = format!("http://{}", server.address);
    for (origin, may) in [
        ("https://evil.example", false),
        ("null", false),
        (&ours, true),
    ] {
        let headers = [("Cookie", cookie.as_str()), ("Origin", origin)];
        assert_eq!(
            Socket::open(&server, &headers).await.is_ok(),
            may,
            "{origin}"
        );
        let headers = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\n");
        let polled = server
            .ask("GET", "/socket.io/?EIO=4&transport=polling", &headers, "")
            .await;
        assert_eq!(polled.status, if may { 200 } else { 403 }, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_with_the_rights_that_they_came_with() {
    let server = Server::start().await;
    let directory = server.running("project", CAT);
    let (id, launch) = server.new_token("launch").await;
    let cookie = server.sign_in().await;
    let mut by_token = Socket::with(&server, &[("X-Auth-Token", &launch)], "")
        .await
        .unwrap();
    let mut by_cookie = Socket::with(&server, &[("Cookie", &cookie)], "")
        .await
        .unwrap();
    let session = by_token.start(&server.account, &directory).await;
    by_token.output_until("ready").await;
    server.delete(&format!("/api/auth/tokens/{id}")).await.ok();
    while by_token.event().await.is_some() {}
    assert_eq!(
        server.session(&session).await.unwrap()["ended_at"],
        json!(null),
        "it goes on running"
    );
    let path = format!("/api/sessions/{session}/links");
    let link = server.post(&path, &json!({"minutes": 5})).await.json();
    let mut by_link = Socket::with(&server, &[], &json!({"watch": link["token"]}).to_string())
        .await
        .unwrap();
    // A sign-in ends with a change of the password, and every link; so does what was opened with the cookie of who
    // changes it, of which somebody may have a copy.
    let body = json!({"current_password": PASSWORD, "new_password": "FAKE another battery staple"});
    let other = server.sign_in().await;
    let mut by_copy = Socket::with(&server, &[("Cookie", &other)], "")
        .await
        .unwrap();
    let headers = format!(
        "Cookie: {other}\r\nContent-Type: application/json\r\nOrigin: http://{}\r\n",
        server.address
    );
    let changed = server
        .ask(
            "POST",
            "/api/auth/change-password",
            &headers,
            &body.to_string(),
        )
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    while by_cookie.event().await.is_some() {}
    while by_copy.event().await.is_some() {}
    while by_link.event().await.is_some() {}
    assert!(
        Socket::with(&server, &[("Cookie", &cookie)], "")
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_whose_sign_in_was_as_short_as_could_be() {
    let server = Server::start().await;
    let vault = VaultPaths::new(server.home.vault_dir());
    let vault = Vault::open(&vault, Box::new(NoPassphrase)).unwrap();
    let before = vault.password_hash().unwrap();
    let cookie = server.sign_in().await;
    let mut socket = Socket::with(&server, &[("Cookie", &cookie)], "")
        .await
        .unwrap();
    // Another process sets another password, as `claude-accounts dashboard reset-password` does.
    let replaced = vault.replace_password_hash(before.as_deref(), Some("another"));
    assert!(replaced.unwrap());
    while socket.event().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_watching_one_session_alone() {
    let server = Server::start().await;
    let directory = server.running("project", CAT);
    let mut owner = Socket::connect(&server).await;
    let session = owner.start(&server.account, &directory).await;
    owner.output_until("ready").await;
    let other = owner.start(&server.account, &directory).await;
    let path = format!("/api/sessions/{session}/links");
    for minutes in [json!(0), json!(1441), json!(-1), json!("1")] {
        assert_eq!(
            server
                .post(&path, &json!({"minutes": minutes}))
                .await
                .status,
            400
        );
    }
    let link = server.post(&path, &json!({"minutes": 5})).await;
    assert_eq!(link.status, 201);
    let link = link.json();
    let token = link["token"].as_str().unwrap();
    assert_eq!(link["url"], json!(format!("/watch#{token}")));
    let mut watcher = Socket::with(&server, &[], &json!({"watch": token}).to_string())
        .await
        .unwrap();
    watcher.emit("start_terminal", json!({})).await;
    let started = watcher.wait_for("terminal_started").await;
    assert_eq!(
        (&started["session"], &started["read_only"]),
        (&json!(session), &json!(true))
    );
    assert!(watcher.output_until("ready").await.contains("ready"));
    for (event, payload) in [
        (
            "terminal_input",
            json!({"session": session, "data": "typed\r"}),
        ),
        (
            "resize_terminal",
            json!({"session": session, "rows": 5, "cols": 5}),
        ),
        ("stop_terminal", json!({"session": session})),
        ("start_terminal", json!({"session": other})),
        (
            "terminal_input",
            json!({"session": other, "data": "typed\r"}),
        ),
    ] {
        let answer = watcher.ask(event, payload).await;
        assert!(answer["error"].is_string(), "{event}: {answer}");
        if event == "start_terminal" {
            let told = watcher.wait_for("terminal_error").await;
            assert_eq!(told["error"], answer["error"]);
        }
    }
    let answer = watcher
        .ask(
            "start_terminal",
            json!({"account_id": server.account, "cwd": directory}),
        )
        .await;
    assert_eq!(
        answer,
        json!({}),
        "whatever it asks for, it gets its session"
    );
    let sessions = server.get("/api/sessions").await.ok();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let told = server.session(&session).await.unwrap();
    assert_eq!((&told["rows"], &told["cols"]), (&json!(24), &json!(80)));
    owner
        .emit(
            "terminal_input",
            json!({"session": session, "data": "seen\r"}),
        )
        .await;
    let seen = watcher.output_until("seen").await;
    assert!(!seen.contains("typed"), "{seen}");
    // It ends when its session is forgotten.
    server
        .delete(&format!("/api/sessions/{session}"))
        .await
        .ok();
    watcher.wait_for("terminal_exit").await;
    server
        .session_that(&session, |session| session["ended_at"].is_i64())
        .await;
    server
        .delete(&format!("/api/sessions/{session}"))
        .await
        .ok();
    while watcher.event().await.is_some() {}
    assert!(
        Socket::with(&server, &[], &json!({"watch": token}).to_string())
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_send_little_and_are_few() {
    let server = Server::start().await;
    let mut stranger = Socket::open(&server, &[]).await.unwrap();
    stranger
        .send_in_vain(&format!("40{}", json!({"token": "x".repeat(100_000)})))
        .await;
    assert_eq!(stranger.packet().await, None);
    let mut strangers = Vec::new();
    while let Ok(stranger) = Socket::open(&server, &[]).await {
        strangers.push(stranger);
        assert!(strangers.len() < 1_000);
    }
    assert!(strangers.len() >= 16, "{}", strangers.len());
    // Nobody else is kept out by them, and their places are free again when they go.
    Socket::connect(&server).await;
    drop(strangers);
    crate::server::eventually(async || Socket::open(&server, &[]).await.ok()).await;
}
