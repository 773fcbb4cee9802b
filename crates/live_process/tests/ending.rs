//! How a session ends with programs that have something to write yet, take no notice, or do not run.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use common::{LIMIT, Pair, pair_or_skip};
use testkit::{Process, wait_until};

fn session(pair: &Pair) -> String {
    pair.laptop.make_directory("/root/project", 0o755);
    let session = pair.start(&["/root/project"]);
    pair.mounted(&session);
    session
}

/// Starts a program on pipes, which goes on; it has begun when it has made the file `begun` in the project.
fn run(pair: &Pair, session: &str, script: &str, begun: &str) -> Process {
    let process = pair.going_on(&["run", session, "sh", "-c", script]);
    let begun = format!("/root/project/{begun}");
    wait_until("the program", LIMIT, || pair.laptop.exists(&begun));
    process
}

/// A program that writes to `name` when it is told to end, at once and again a while later. Then it makes the file
/// `begun-name`, once it would.
fn writes(name: &str) -> (String, String) {
    let begun = format!("begun-{name}");
    let script = format!(
        "trap 'echo one > {name}; sleep 1; echo two >> {name}; exit' HUP TERM; touch {begun}; while :; do sleep 1000 & wait; done"
    );
    (script, begun)
}

#[test]
fn what_a_program_writes_when_it_is_to_end_is_here() {
    let Some(pair) = pair_or_skip() else { return };
    let session = session(&pair);
    let (script, begun) = writes("on-a-terminal");
    pair.begin_main(&session, &script, &begun);
    let (script, begun) = writes("on-pipes");
    let running = run(&pair, &session, &script, &begun);
    pair.here(&["stop", &session]).success();
    for name in ["on-a-terminal", "on-pipes"] {
        let written = pair.laptop.read_text(&format!("/root/project/{name}"));
        assert_eq!(written, "one\ntwo\n", "{name}");
    }
    drop(running);
    pair.assert_clean();
}

#[test]
fn an_agent_that_is_told_to_end_lets_its_programs_write() {
    let Some(pair) = pair_or_skip() else { return };
    let session = session(&pair);
    let (script, begun) = writes("last");
    pair.begin_main(&session, &script, &begun);
    let agent = pair.agents()[0];
    pair.server
        .run(&["kill", "-TERM", &agent.to_string()])
        .success();
    wait_until("its end", LIMIT, || !pair.agents().contains(&agent));
    assert_eq!(pair.laptop.read_text("/root/project/last"), "one\ntwo\n");
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn programs_that_take_no_notice_are_killed() {
    let Some(pair) = pair_or_skip() else { return };
    let session = session(&pair);
    let deaf =
        |begun: &str| format!("trap '' HUP TERM INT; touch {begun}; while :; do sleep 1000; done");
    pair.begin_main(&session, &deaf("one"), "one");
    let running = run(&pair, &session, &deaf("two"), "two");
    // One that is stopped sees nothing either.
    pair.begin_main(&session, "touch three; kill -STOP $$", "three");
    let stopped = pair.here(&["stop", &session]).success();
    assert_eq!(stopped.stdout, "Stopped { note: None }\n");
    wait_until("the end of the programs", LIMIT, || {
        Pair::processes(&pair.server, &["sleep", "1000"]).is_empty()
    });
    drop(running);
    pair.assert_clean();
}

#[test]
fn what_a_program_has_put_apart_holds_nothing_up() {
    let Some(pair) = pair_or_skip() else { return };
    let session = session(&pair);
    let script = "setsid sleep 1000 < /dev/null > /dev/null 2>&1 & touch begun; exec sleep 2000";
    pair.begin_main(&session, script, "begun");
    let apart = || Pair::processes(&pair.server, &["sleep", "1000"]);
    wait_until("it", LIMIT, || !apart().is_empty());
    let stopped = pair.here(&["stop", &session]).success();
    assert_eq!(stopped.stdout, "Stopped { note: None }\n");
    wait_until("the end of the program", LIMIT, || {
        Pair::processes(&pair.server, &["sleep", "2000"]).is_empty()
    });
    // It is not the session's any more, as with `ssh`; the mount that it was started in is gone all the same.
    for number in apart() {
        Pair::kill(&pair.server, number);
    }
    pair.assert_clean();
}

#[test]
fn what_connects_to_an_agent_that_is_stopped_does_not_stay() {
    let Some(pair) = pair_or_skip() else { return };
    let session = session(&pair);
    let agent = pair.agents()[0].to_string();
    pair.server.run(&["kill", "-STOP", &agent]).success();
    let connecting = || Pair::processes(&pair.server, &["agent", "connect"]);
    // Its stream is lost; the next one is to the same agent.
    let ssh = Pair::processes(&pair.laptop, &["ssh", "-T"]);
    Pair::kill(&pair.laptop, ssh[0]);
    wait_until("another stream", LIMIT, || {
        let now = Pair::processes(&pair.laptop, &["ssh", "-T"]);
        !now.is_empty() && now != ssh && !connecting().is_empty()
    });
    pair.here(&["stop", &session, "1"]).success();
    wait_until("the end of all that connects", LIMIT, || {
        connecting().is_empty()
    });
    assert_eq!(pair.agents().len(), 1);
    pair.server.run(&["kill", "-CONT", &agent]).success();
    pair.there(&["agent", "clean", "--session", &session])
        .success();
    pair.assert_clean();
}
