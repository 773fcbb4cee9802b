//! Ten thousand sessions, and nothing left of them. Alone in its program: it counts the program's descriptors.

mod common;

use std::time::Duration;

use common::start;
use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};
use terminal::Terminal;
use testkit::TestHome;
use tokio::task::JoinSet;

const SESSIONS: usize = 10_000;
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sessions_leave_no_descriptor_and_no_zombie() {
    let home = TestHome::new();
    let run = || {
        let terminal = Terminal::start(start(&home, "/bin/true", &[])).unwrap();
        async move {
            let ended = terminal.wait().await;
            assert_eq!(ended.code, Some(0));
        }
    };
    let before = descriptors();
    let mut running = JoinSet::new();
    for _ in 0..SESSIONS {
        if running.len() == AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(run());
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    testkit::wait_until(
        "all descriptors are closed",
        Duration::from_secs(10),
        || descriptors() == before,
    );
    assert_eq!(
        wait(WaitOptions::NOHANG).unwrap_err(),
        Errno::CHILD,
        "no child, ended or not"
    );
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("its own descriptors")
        .count()
}
