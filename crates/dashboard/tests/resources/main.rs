//! What terminals cost this process as a whole: so nothing else runs in it at the same time.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    dead_code,
    reason = "tests: they make files that nobody has to recover, and share helpers with others"
)]

#[path = "../terminals/server.rs"]
mod server;
#[path = "../terminals/socket.rs"]
mod socket;

use std::fs;

use serde_json::json;
use tokio::sync::Mutex;

use crate::server::Server;
use crate::socket::Socket;

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Of this process, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_nothing_take_no_memory() {
    let _alone = ALONE.lock().await;
    let server = Server::start().await;
    let directory = server.running("project", "yes 0123456789012345678901234567890123456789");
    let mut stalled = Vec::new();
    for older in [true, false] {
        let mut socket = Socket::connect_narrow(&server).await;
        socket.acknowledges = false;
        let session = match older {
            true => socket.start_as_older(&server.account, &directory).await,
            false => socket.start(&server.account, &directory).await,
        };
        stalled.push((socket, session));
    }
    let before = resident();
    // Long enough for the patience with those who acknowledge nothing to end: it goes on without them.
    let (_, session) = &stalled[0];
    let produced = server
        .session_that(session, |session| {
            session["bytes"].as_u64() > Some(64 << 20)
        })
        .await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 24 << 10, "{grown} KiB more after {produced}");
    // The connection is still there, and so is the way back to what is now.
    let (mut socket, session) = stalled.remove(0);
    socket
        .emit(
            "terminal_input",
            json!({"session": session, "data": "\u{3}"}),
        )
        .await;
    socket.wait_for("terminal_exit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_leave_no_descriptor() {
    let _alone = ALONE.lock().await;
    let server = Server::start().await;
    let directory = server.running("project", "exit 0");
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mut socket = Socket::connect(&server).await;
    let mut counts = Vec::new();
    for _ in 0..2 {
        for _ in 0..30 {
            let session = socket.start(&server.account, &directory).await;
            socket.wait_for("terminal_exit").await;
            server
                .session_that(&session, |session| session["ended_at"].is_i64())
                .await;
        }
        counts.push(open());
    }
    assert!(counts[1] <= counts[0] + 8, "{counts:?}");
}
