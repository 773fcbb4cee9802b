//! Each event, as older and new clients use it.

use std::fmt::Write as _;

use serde_json::json;

use crate::server::{Server, eventually};
use crate::socket::Socket;

const CAT: &str = "stty raw -echo; printf ready; exec cat";

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_has_its_terminal() {
    let server = Server::start().await;
    let directory = server.running(
        "project",
        "echo in $PWD; read line; echo got $line; read line; exit 3",
    );
    let mut socket = Socket::connect(&server).await;
    socket
        .emit(
            "start_terminal",
            json!({"account_id": server.account, "cwd": directory}),
        )
        .await;
    // Without waiting: what is typed goes to the terminal that is being started.
    socket.type_text("hello\r").await;
    let started = socket.wait_for("terminal_started").await;
    assert_eq!(started["account_id"], json!(server.account));
    assert_eq!(
        (&started["account"], &started["cwd"]),
        (&json!("work"), &json!(directory))
    );
    assert_eq!(
        (&started["kind"], &started["read_only"]),
        (&json!("terminal"), &json!(false))
    );
    let output = socket.output_until("got hello").await;
    assert!(output.contains(&format!("in {directory}")), "{output}");
    socket
        .emit("resize_terminal", json!({"rows": 30, "cols": 100}))
        .await;
    socket.type_text("\r").await;
    let ended = socket.wait_for("terminal_exit").await;
    assert_eq!(
        (&ended["code"], &ended["signal"]),
        (&json!(3), &json!(null))
    );
    let session = started["session"].as_str().unwrap();
    let told = server.session(session).await.unwrap();
    assert_eq!((&told["rows"], &told["cols"]), (&json!(30), &json!(100)));
    let vault = server.home.vault_dir();
    let line = format!("--vault {} launch --id={}", vault.display(), server.account);
    assert_eq!(server.started(), [line]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_stopped() {
    let server = Server::start().await;
    let directory = server.running("project", "trap '' INT; printf ready; sleep 1000");
    let mut socket = Socket::connect(&server).await;
    socket.start_as_older(&server.account, &directory).await;
    socket.output_until("ready").await;
    socket.send("42[\"stop_terminal\"]").await;
    let ended = socket.wait_for("terminal_exit").await;
    assert_eq!(
        (&ended["code"], &ended["signal"]),
        (&json!(null), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_end_of_what_starts_and_goes_leaves_nothing_running() {
    let server = Server::start().await;
    let directory = server.running("project", "trap '' INT; printf ready; sleep 1000");
    let header = [("X-Auth-Token", server.token.as_str())];
    for round in 1..=5 {
        let mut socket = Socket::with(&server, &header, "").await.unwrap();
        // Answered: from now on what it asks for is begun when it comes.
        socket.ask("detach_terminal", json!({})).await;
        socket
            .emit(
                "start_terminal",
                json!({"account_id": server.account, "cwd": directory}),
            )
            .await;
        socket.send("42[\"stop_terminal\"]").await;
        socket.send("41").await;
        socket.pull_the_cable();
        eventually(async || {
            let sessions = server.get("/api/sessions").await.ok();
            let ended = |session: &serde_json::Value| session["ended_at"].is_i64();
            let sessions = sessions.as_array().unwrap();
            (sessions.len() == round && sessions.iter().all(ended)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_session_ends_none() {
    let server = Server::start().await;
    let directory = server.running("project", CAT);
    let mut socket = Socket::connect(&server).await;
    let session = socket.start(&server.account, &directory).await;
    socket.output_until("ready").await;
    for event in ["stop_terminal", "detach_terminal"] {
        for payload in [json!({"session": 7}), json!([]), json!("x"), json!(false)] {
            let answer = socket.ask(event, payload.clone()).await;
            let error = answer["error"].as_str().unwrap_or_default();
            assert!(
                error.contains("not what is expected"),
                "{event} {payload}: {answer}"
            );
            let told = socket.wait_for("terminal_error").await;
            assert_eq!(told["error"], answer["error"]);
        }
    }
    let told = server.session(&session).await.unwrap();
    assert_eq!(told["ended_at"], json!(null));
    socket.type_text("still here").await;
    socket.output_until("still here").await;
    // None at all is the one that was started last.
    let answer = socket.ask("stop_terminal", json!(null)).await;
    assert_eq!(answer, json!({}));
    socket.wait_for("terminal_exit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_an_error_with_a_reason() {
    let server = Server::start().await;
    let mut socket = Socket::connect(&server).await;
    for (start, reason) in [
        (json!({}), "account_id"),
        (json!({"account_id": "acc_none"}), "no such account"),
        (
            json!({"account_id": server.account, "cwd": "relative"}),
            "absolute",
        ),
        (
            json!({"account_id": server.account, "cwd": "/nowhere/at/all"}),
            "cannot be used",
        ),
        (
            json!({"account_id": server.account, "cwd": "/etc/passwd"}),
            "no directory",
        ),
        (
            json!({"account_id": server.account, "cwd": "/\u{0}"}),
            "absolute",
        ),
        (
            json!({"account_id": server.account, "attach_only": true}),
            "nothing runs",
        ),
        (
            json!({"session": "0".repeat(32)}),
            "no such terminal session",
        ),
        (json!({"account_id": 7}), "not what is expected"),
        (json!("text"), "not what is expected"),
    ] {
        let answer = socket.ask("start_terminal", start.clone()).await;
        assert!(
            answer["error"].as_str().unwrap().contains(reason),
            "{start}: {answer}"
        );
        let told = socket.wait_for("terminal_error").await;
        assert_eq!(told["error"], answer["error"]);
    }
    let answer = socket
        .ask("start_login", json!({"account_id": server.account}))
        .await;
    assert!(
        answer["error"].as_str().unwrap().contains("API key"),
        "{answer}"
    );
    for event in [
        "terminal_input",
        "resize_terminal",
        "stop_terminal",
        "terminal_ack",
    ] {
        let payload = json!({"session": "none", "data": "x", "rows": 1, "cols": 1, "after": 0});
        let answer = socket.ask(event, payload).await;
        assert_eq!(
            answer.get("error").is_some(),
            event != "terminal_ack",
            "{event}: {answer}"
        );
    }
    assert!(server.started().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_tells_what_it_has_brought() {
    let server = Server::start().await;
    let token = "sk-ant-oat01-FAKEaaaaaaaaaaaaaaaaaaaabc123";
    let account = json!({"name": "login", "auth_type": "oauth", "access_token": token,
        "refresh_token": "sk-ant-ort01-FAKE", "expires_at": 4_000_000_000_000_i64});
    let account = server.post("/api/accounts", &account).await.ok();
    let directory = server.running("project", "exit $(cat status)");
    for status in [0, 1] {
        std::fs::write(format!("{directory}/status"), status.to_string()).unwrap();
        let mut socket = Socket::connect(&server).await;
        let start = json!({"account_id": account["id"], "cwd": directory, "rows": 24, "cols": 80});
        assert_eq!(socket.ask("start_login", start).await, json!({}));
        assert_eq!(socket.wait_for("terminal_started").await["kind"], "login");
        if status == 0 {
            let complete = socket.wait_for("login_complete").await;
            assert_eq!(complete["account_id"], account["id"]);
            assert_eq!(
                (&complete["captured"], &complete["has_refresh"]),
                (&json!(true), &json!(true))
            );
            let preview = complete["token_preview"].as_str().unwrap();
            assert!(
                preview.starts_with("sk-ant-oat01-...") && preview.ends_with("abc123"),
                "{preview}"
            );
            assert!(complete["expires_in_min"].as_i64().unwrap() > 1_000);
        }
        assert_eq!(
            socket.wait_for("terminal_exit").await["code"],
            json!(status)
        );
    }
    assert!(
        server.started()[0].ends_with(" --sign-in"),
        "{:?}",
        server.started()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_keys_arrive_in_order_while_another_terminal_floods() {
    let server = Server::start().await;
    let flood = server.running("flood", "yes 0123456789012345678901234567890123456789");
    let echo = server.running("echo", CAT);
    let mut socket = Socket::connect(&server).await;
    socket.start(&server.account, &flood).await;
    socket.output_until("0123").await;
    socket.acknowledges = false;
    let mut typing = Socket::connect(&server).await;
    typing.start_as_older(&server.account, &echo).await;
    typing.output_until("ready").await;
    let mut wanted = String::new();
    for number in 0..10_000 {
        write!(wanted, "{:04},", number % 10_000).unwrap();
        typing.type_text(&format!("{number:04},")).await;
    }
    typing.type_text("end").await;
    let output = typing.output_until("end").await;
    assert_eq!(output, format!("{wanted}end"));
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_are_whole_and_what_is_none_is_replaced() {
    let server = Server::start().await;
    let script =
        "stty raw -echo; printf '\\360\\237'; sleep 0.1; printf '\\246\\200|\\377|end'; exec cat";
    let directory = server.running("project", script);
    let mut socket = Socket::connect(&server).await;
    socket.start(&server.account, &directory).await;
    let output = socket.output_until("end").await;
    assert_eq!(output, "\u{1f980}|\u{fffd}|end");
    let text = "日本語 🦀 é".repeat(20_000);
    socket.type_text(&text).await;
    socket.type_text("END").await;
    assert_eq!(socket.output_until("END").await, format!("{text}END"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_look_at_one_and_it_has_the_size_of_who_typed_last() {
    let server = Server::start().await;
    let script = "printf ready; while read line; do echo got $line; done";
    let directory = server.running("project", script);
    let mut one = Socket::connect(&server).await;
    let session = one.start(&server.account, &directory).await;
    one.output_until("ready").await;
    let mut two = Socket::connect(&server).await;
    two.emit("start_terminal", json!({"session": session}))
        .await;
    let started = two.wait_for("terminal_started").await;
    assert_eq!(
        (&started["rows"], &started["cols"]),
        (&json!(24), &json!(80))
    );
    let picture = two.wait_for("terminal_output").await;
    assert_eq!(picture["reset"], true, "{picture}");
    two.emit(
        "resize_terminal",
        json!({"session": session, "rows": 50, "cols": 200}),
    )
    .await;
    let resized = one.wait_for("terminal_resized").await;
    assert_eq!(
        (&resized["rows"], &resized["cols"]),
        (&json!(50), &json!(200))
    );
    one.emit("terminal_input", json!({"session": session, "data": "x\r"}))
        .await;
    let resized = two.wait_for("terminal_resized").await;
    assert_eq!(
        (&resized["rows"], &resized["cols"]),
        (&json!(24), &json!(80))
    );
    for socket in [&mut one, &mut two] {
        socket.output_until("got x").await;
    }
    // 0 and nonsense are no sizes.
    for (rows, cols) in [(0_u32, 0_u32), (4_000_000_000_u32, 4_000_000_000_u32)] {
        two.ask(
            "resize_terminal",
            json!({"session": session, "rows": rows, "cols": cols}),
        )
        .await;
        let told = server.session(&session).await.unwrap();
        assert!(
            told["rows"].as_u64() > Some(0) && told["rows"].as_u64() < Some(1_001),
            "{told}"
        );
    }
    assert_eq!(server.session(&session).await.unwrap()["viewers"], 2);
    two.ask("detach_terminal", json!({"session": session}))
        .await;
    assert_eq!(server.session(&session).await.unwrap()["viewers"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_breaks_in_the_middle_of_output_and_nothing_is_lost() {
    let server = Server::start().await;
    let script =
        "stty -echo; seq 1 20000; printf go; read line; seq 20001 20100; printf done; read line";
    let directory = server.running("project", script);
    let mut first = Socket::connect(&server).await;
    let session = first.start(&server.account, &directory).await;
    let mut text = String::new();
    let mut after = 0;
    while text.len() < 1_000 {
        let output = first.wait_for("terminal_output").await;
        text.push_str(output["data"].as_str().unwrap());
        after = output["after"].as_u64().unwrap();
    }
    first.pull_the_cable();
    let mut second = Socket::connect(&server).await;
    second
        .emit(
            "start_terminal",
            json!({"session": session, "after": after}),
        )
        .await;
    assert_eq!(second.wait_for("terminal_started").await["after"], after);
    text.push_str(&second.output_until("go").await);
    second
        .emit("terminal_input", json!({"session": session, "data": "\r"}))
        .await;
    text.push_str(&second.output_until("done").await);
    let wanted: String = (1..=20_100).map(|number| format!("{number}\r\n")).collect();
    assert_eq!(text.replace("go", "").replace("done", ""), wanted);
    // A page that was loaded again knows nothing, and gets the picture as it is.
    let mut third = Socket::connect(&server).await;
    third
        .emit("start_terminal", json!({"session": session}))
        .await;
    let picture = third.wait_for("terminal_output").await;
    assert_eq!(picture["reset"], true);
    let picture = picture["data"].as_str().unwrap();
    assert!(
        picture.contains("20100") && picture.contains("done"),
        "{picture}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_that_has_moved_to_another_network_finds_its_terminal() {
    let server = Server::start().await;
    let directory = server.running("project", "printf begun; exec cat");
    let cookie = server.sign_in().await;
    let mut first = Socket::connect_from(&server, "127.0.0.2", &cookie).await;
    let session = first.start_as_older(&server.account, &directory).await;
    first.output_until("begun").await;
    // Another tab, with a terminal of its own.
    let mut tab = Socket::connect_from(&server, "127.0.0.2", &cookie).await;
    let of_tab = tab.start_as_older(&server.account, &directory).await;
    assert_ne!(of_tab, session);
    let path = format!("/api/sessions/{of_tab}");
    server.delete(&path).await.ok();
    tab.wait_for("terminal_exit").await;
    // Another browser is somebody else, wherever it is.
    let other = server.sign_in().await;
    let mut stranger = Socket::connect_from(&server, "127.0.0.3", &other).await;
    assert_ne!(
        stranger.start_as_older(&server.account, &directory).await,
        session
    );
    assert_eq!(server.session(&session).await.unwrap()["viewers"], 1);
    // Nobody has said goodbye at the first address.
    let mut second = Socket::connect_from(&server, "127.0.0.3", &cookie).await;
    assert_eq!(
        second.start_as_older(&server.account, &directory).await,
        session
    );
    second.output_until("begun").await;
    while first.event().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_of_an_older_client_neither_ends_nor_doubles_its_terminal() {
    let server = Server::start().await;
    let directory = server.running(
        "project",
        "echo begun $$; while read line; do echo got $line; done",
    );
    let other = server.running("other", "read line");
    let mut first = Socket::connect(&server).await;
    let session = first.start_as_older(&server.account, &directory).await;
    first.output_until("begun").await;
    first.pull_the_cable();
    server
        .session_that(&session, |session| session["viewers"] == 0)
        .await;
    let mut second = Socket::connect(&server).await;
    assert_eq!(
        second.start_as_older(&server.account, &directory).await,
        session
    );
    let picture = second.wait_for("terminal_output").await;
    let picture = picture["data"].as_str().unwrap();
    assert!(
        picture.starts_with("\u{1b}c") && picture.contains("begun"),
        "{picture:?}"
    );
    second.type_text("again\r").await;
    second.output_until("got again").await;
    // Somewhere else, or while somebody looks at it, it is another one.
    assert_ne!(
        second.start_as_older(&server.account, &other).await,
        session
    );
    let mut third = Socket::connect(&server).await;
    third
        .emit("start_terminal", json!({"session": session}))
        .await;
    third.wait_for("terminal_started").await;
    let mut fourth = Socket::connect(&server).await;
    assert_ne!(
        fourth.start_as_older(&server.account, &directory).await,
        session
    );
    // One that was stopped does not come back.
    fourth.emit("stop_terminal", json!({})).await;
    fourth.wait_for("terminal_exit").await;
    fourth.start_as_older(&server.account, &directory).await;
    let sessions = server.get("/api/sessions").await.ok();
    assert_eq!(sessions.as_array().unwrap().len(), 4);
}
