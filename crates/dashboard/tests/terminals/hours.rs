//! What ends by itself after minutes, an hour or a month: the time passes when a test says so.
//!
//! All runs in one thread, so that the clock moves while nothing waits for anything else.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::server::{Server, eventually};
use crate::socket::Socket;

const MINUTE: Duration = Duration::from_secs(60);

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_session_that_has_ended_can_be_looked_at_for_an_hour() {
    let server = Server::start().await;
    let directory = server.running("project", "printf shown");
    let mut socket = Socket::connect(&server).await;
    let session = socket.start(&server.account, &directory).await;
    socket.wait_for("terminal_exit").await;
    let is_noted = async || {
        let audit = server.get("/api/audit").await.ok();
        let mut entries = audit["entries"].as_array().unwrap().iter();
        entries
            .find(|entry| entry["action"] == "terminal ended")
            .cloned()
    };
    eventually(is_noted).await;
    pass(59 * MINUTE).await;
    let mut late = Socket::connect(&server).await;
    late.emit("start_terminal", json!({"session": session}))
        .await;
    late.wait_for("terminal_started").await;
    late.output_until("shown").await;
    pass(MINUTE).await;
    eventually(async || server.session(&session).await.is_none().then_some(())).await;
    let mut later = Socket::connect(&server).await;
    let answer = later
        .ask("start_terminal", json!({"session": session}))
        .await;
    assert!(
        answer["hint"].as_str().unwrap().contains("for an hour"),
        "{answer}"
    );
}

#[tokio::test]
async fn who_watches_by_a_link_does_so_until_it_expires() {
    let server = Server::start().await;
    let directory = server.running("project", "printf ready; exec cat");
    let mut owner = Socket::connect(&server).await;
    let session = owner.start(&server.account, &directory).await;
    let links = format!("/api/sessions/{session}/links");
    let link = server.post(&links, &json!({"minutes": 5})).await.json();
    let auth = json!({"watch": link["token"]}).to_string();
    let mut watcher = Socket::with(&server, &[], &auth).await.unwrap();
    watcher.emit("start_terminal", json!({})).await;
    watcher.output_until("ready").await;
    pass(4 * MINUTE).await;
    owner.type_text("seen\r").await;
    watcher.output_until("seen").await;
    pass(MINUTE).await;
    let told = watcher.wait_for("terminal_error").await;
    assert_eq!(told["error"], "this link has expired");
    while watcher.event().await.is_some() {}
    let told = server.session(&session).await.unwrap();
    assert_eq!(told["ended_at"], json!(null), "it goes on running");
}

#[tokio::test]
async fn a_recording_goes_after_thirty_days() {
    let server = Server::start().await;
    let directory = server.home.vault_dir().join("recordings");
    fs::create_dir_all(&directory).unwrap();
    let [old, new] = ["a", "b"].map(|digit| directory.join(format!("{}.cast", digit.repeat(32))));
    let days = |count: u32| SystemTime::now() - count * 24 * 60 * MINUTE;
    for (path, written) in [(&old, days(31)), (&new, days(29))] {
        fs::File::create(path)
            .unwrap()
            .set_modified(written)
            .unwrap();
    }
    pass(60 * MINUTE).await;
    eventually(async || (!old.exists()).then_some(())).await;
    assert!(new.exists());
}
