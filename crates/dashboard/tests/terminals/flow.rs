//! Much at once: pastes, floods, clients that read nothing.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::server::{Server, eventually};
use crate::socket::Socket;

#[tokio::test(flavor = "multi_thread")]
async fn two_megabytes_are_pasted_and_the_socket_stays() {
    let server = Server::start().await;
    let script = "stty raw -echo; printf ready; head -c 2000000 | cksum; printf end; exec cat";
    let directory = server.running("project", script);
    let mut socket = Socket::connect(&server).await;
    socket.start(&server.account, &directory).await;
    socket.output_until("ready").await;
    let text: String = ('a'..='z').cycle().take(2_000_000).collect();
    assert_eq!(
        socket.ask("terminal_input", json!({"data": text})).await,
        json!({})
    );
    fs::write(server.home.home().join("pasted"), &text).unwrap();
    let mut command = server.home.command("cksum");
    let file = fs::File::open(server.home.home().join("pasted")).unwrap();
    let sum = String::from_utf8(command.stdin(file).output().unwrap().stdout).unwrap();
    let output = socket.output_until("end").await;
    assert!(output.contains(sum.trim()), "{sum}: {output}");
    socket.type_text("still here").await;
    socket.output_until("still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paste_that_nobody_reads_is_bounded_and_the_end_still_comes() {
    let server = Server::start().await;
    let directory = server.running("project", "stty raw -echo; printf ready; sleep 1000");
    let mut socket = Socket::connect(&server).await;
    let session = socket.start(&server.account, &directory).await;
    socket.output_until("ready").await;
    let text = "x".repeat(8 << 20);
    for _ in 0..5 {
        socket.type_text(&text).await;
    }
    let answer = socket.ask("terminal_input", json!({"data": text})).await;
    assert!(
        answer["error"].as_str().unwrap().contains("no more input"),
        "{answer}"
    );
    socket
        .emit("stop_terminal", json!({"session": session}))
        .await;
    socket.wait_for("terminal_exit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_held_back_and_control_c_ends_it() {
    let server = Server::start().await;
    // Gigabytes were to come: the prompt can only be there because they were not.
    let script = "trap : INT; printf ready; head -c 100000000000 /dev/zero | tr '\\0' x; printf PROMPT; read line";
    let directory = server.running("project", script);
    let mut socket = Socket::connect(&server).await;
    let session = socket.start(&server.account, &directory).await;
    socket.output_until("xxxxxxxx").await;
    let before = server.session(&session).await.unwrap()["bytes"]
        .as_u64()
        .unwrap();
    socket.type_text("\u{3}").await;
    socket.output_until("PROMPT").await;
    let after = server.session(&session).await.unwrap()["bytes"]
        .as_u64()
        .unwrap();
    // What was on its way: a window at each end, and the kernel's buffers.
    assert!(after - before < 100 << 20, "{} more bytes", after - before);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_outputs_to_a_stalled_client_do_not_end_its_connection() {
    let server = Server::start().await;
    let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done; printf done; read line; exit 7";
    let directory = server.running("project", script);
    let mut socket = Socket::connect_narrow(&server).await;
    let session = socket.start_as_older(&server.account, &directory).await;
    server
        .session_that(&session, |session| {
            session["bytes"].as_u64() > Some(200_000)
        })
        .await;
    socket.output_until("done").await;
    socket.type_text("\r").await;
    assert_eq!(socket.wait_for("terminal_exit").await["code"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_for_good_holds_up_neither_others_nor_the_end() {
    let mut server = Server::start().await;
    let directory = server.running("project", "printf ready; yes");
    let mut stalled = Socket::connect_narrow(&server).await;
    let session = stalled.start(&server.account, &directory).await;
    let mut other = Socket::connect(&server).await;
    other
        .emit("start_terminal", json!({"session": session}))
        .await;
    other.wait_for("terminal_started").await;
    let mut last = 0;
    for _ in 0..200 {
        last = other.wait_for("terminal_output").await["after"]
            .as_u64()
            .unwrap();
    }
    assert!(last > 0);
    eventually(async || (server.session(&session).await?["viewers"] == 2).then_some(())).await;
    drop(other);
    tokio::time::timeout(Duration::from_secs(30), server.stop())
        .await
        .unwrap();
    drop(stalled);
}
