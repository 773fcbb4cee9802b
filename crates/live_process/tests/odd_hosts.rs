//! Hosts that are not as they usually are: limits, a directory for sockets that is somebody else's, no connection for long.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use common::{LIMIT, Pair, USER, pair_or_skip};
use testkit::{Host, wait_until};

/// How much a wait for the next attempt is at least, in milliseconds, after a sign-in that was refused: longer than anything
/// here is waited for.
const LONG: u64 = 2 * LIMIT.as_millis() as u64;

fn prepare(pair: &Pair) {
    pair.laptop.make_directory("/root/project", 0o755);
    pair.laptop
        .write("/root/project/file", "from the laptop", 0o644);
}

/// Has the program of `host` be started by a shell that does `first` and adds `arguments`.
fn through_shell(host: &Host, first: &str, arguments: &str) {
    host.run(&["cp", "/opt/ends", "/opt/ends-itself"]).success();
    // Else the shell would stand in the outer machine's file.
    host.unmount("/opt/ends");
    let script = format!("#!/bin/sh\n{first}\nexec /opt/ends-itself \"$@\" {arguments}\n");
    host.write("/opt/ends", &script, 0o755);
}

#[test]
fn a_file_beyond_the_laptops_limit_is_an_error_to_who_writes_it() {
    let Some(pair) = pair_or_skip() else { return };
    prepare(&pair);
    // In units of 512 or 1024 bytes.
    through_shell(&pair.laptop, "ulimit -f 64", "");
    let session = pair.start(&["/root/project"]);
    let place = pair.mounted(&session);
    let script = "dd if=/dev/zero of=\"$1/large\" bs=4096 count=100";
    let words = ["sh", "-c", script, "sh", &place];
    let written = pair.server.run_quickly_as(USER, &words);
    assert!(!written.status.success());
    assert!(
        written.stderr.contains("File too large"),
        "{}",
        written.stderr
    );
    let status = pair.status(&session);
    assert!(status["link"]["Up"].is_object(), "{status}");
    let read = pair.read_there(&format!("{place}/file"));
    assert_eq!(read.as_deref(), Some("from the laptop"));
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn programs_have_the_limits_of_a_login() {
    let Some(pair) = pair_or_skip() else { return };
    prepare(&pair);
    through_shell(&pair.server, "ulimit -S -n 300", "");
    let session = pair.start(&["/root/project"]);
    pair.mounted(&session);
    let script = "ulimit -S -n; test $(ulimit -H -n) -gt 300";
    let ran = pair.here(&["run", &session, "sh", "-c", script]).success();
    assert_eq!(ran.stdout, "300\n");
    let script = "ulimit -S -n > limit; mv limit told; exec sleep 1000";
    pair.begin_main(&session, script, "told");
    assert_eq!(pair.laptop.read_text("/root/project/told"), "300\n");
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn a_laptop_that_goes_on_connects_at_once() {
    let Some(pair) = pair_or_skip() else { return };
    prepare(&pair);
    let session = pair.start(&["/root/project"]);
    pair.mounted(&session);
    let keys = format!("/home/{USER}/.ssh/authorized_keys");
    let away = format!("{keys}-away");
    pair.server.run(&["mv", &keys, &away]).success();
    let ssh = Pair::processes(&pair.laptop, &["ssh", "-T"]);
    Pair::kill(&pair.laptop, ssh[0]);
    wait_until("the refusal", LIMIT, || {
        let status = pair.status(&session);
        status["link"]["Down"]["retry_in_ms"].as_u64() > Some(LONG)
    });
    pair.server.run(&["mv", &away, &keys]).success();
    let daemon = pair.daemons()[0].to_string();
    pair.laptop.run(&["kill", "-CONT", &daemon]).success();
    wait_until("a connection", LIMIT, || {
        pair.status(&session)["link"]["Up"].is_object()
    });
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn an_agent_whose_laptop_does_not_come_back_ends_with_all_it_has() {
    let Some(pair) = pair_or_skip() else { return };
    prepare(&pair);
    through_shell(&pair.server, "", "--grace 3");
    let session = pair.start(&["/root/project"]);
    let place = pair.mounted(&session);
    pair.begin_main(&session, "touch begun; exec sleep 1000", "begun");
    Pair::kill(&pair.laptop, pair.daemons()[0]);
    wait_until("the agent's end", LIMIT, || pair.agents().is_empty());
    assert!(Pair::processes(&pair.server, &["sleep", "1000"]).is_empty());
    assert!(!pair.is_mounted(&place));
    // Here it is for whoever comes back.
    pair.here(&["clean", &session]).success();
    pair.assert_clean();
}

#[test]
fn a_directory_for_sockets_that_is_another_users_is_not_used() {
    let Some(pair) = pair_or_skip() else { return };
    prepare(&pair);
    pair.laptop.add_user("other");
    let directory = "/tmp/claude-share-0";
    let made = ["install", "-d", "-o", "other", "-m", "0700", directory];
    pair.laptop.run(&made).success();
    let words = ["/opt/ends", "start", "dev@nowhere", "", "/root/project"];
    let refused = pair.laptop.run(&words).code(1);
    assert!(
        refused.stderr.contains("is another user's") && refused.stderr.contains("XDG_RUNTIME_DIR"),
        "{}",
        refused.stderr
    );
    assert!(pair.daemons().is_empty());
    // With one of the user's own, it works.
    pair.laptop.make_directory("/root/run", 0o700);
    let own = ["env", "XDG_RUNTIME_DIR=/root/run"];
    let started = pair.laptop.run(&[&own[..], &words].concat()).success();
    let session = started.stdout.trim();
    assert!(
        pair.laptop
            .exists(&format!("/root/run/claude-share/{session}.sock"))
    );
    let stop = ["/opt/ends", "stop", session, "1"];
    pair.laptop.run(&[&own[..], &stop].concat()).success();
    wait_until("its end", LIMIT, || pair.daemons().is_empty());
    assert!(!pair.laptop.exists("/root/run/claude-share"));
}
