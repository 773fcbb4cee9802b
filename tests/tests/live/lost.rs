//! A part of a session is lost: the laptop sleeps, the agent, sshd or the whole server is killed. The session comes back by
//! itself, what was written is on the laptop, and nothing is left when it is stopped.

use std::time::Duration;

use end_to_end::LIMIT;
use testkit::{Process, wait_until};

use crate::work::Work;
use end_to_end::machines::{Machines, Traces, USER};

/// What does not come at once: the silence of the other end has to be noticed, and a server called again.
const RETURN: Duration = Duration::from_secs(120);

#[test]
fn a_laptop_that_has_slept_goes_on() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    let daemon = machines.session()["daemon"].as_u64().unwrap();
    let work = Work::begin(&machines);
    work.wait_until_it_goes_on(LIMIT);
    let everything = |signal: &str| {
        // Its children first, which are `ssh`: it kills those that have lost the connection.
        let script = format!("kill -{signal} $(cat /proc/{daemon}/task/*/children) {daemon}");
        drop(machines.on_laptop(&script).success());
    };
    everything("STOP");
    let connected = || has_process(&machines, "claude-share agent connect");
    wait_until("the agent to give the connection up", RETURN, || {
        !connected()
    });
    let standing = work.written();
    everything("CONT");
    work.wait_until_it_goes_on(RETURN);
    assert!(work.written() > standing);
    work.assert_whole(&machines);
    stop(&machines, &before);
}

#[test]
fn what_a_killed_agent_had_made_durable_is_there() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(
        machines
            .cs(&["live", "--command", "exec sleep 1000"])
            .success(),
    );
    let mount = machines.main_mount();
    let mut holder = write_and_hold(&machines, &mount);
    kill_agent(&machines);
    wait_until("the end of its program", LIMIT, || {
        !has_process(&machines, "sleep 1000")
    });
    // What was open is lost, and says so instead of waiting.
    drop(holder.take_stdin());
    assert_eq!(holder.wait(LIMIT).code(), Some(5), "{:?}", holder.lines());
    comes_back(&machines, &mount);
    let mut terminal = machines.cs_terminal(&["attach"]);
    assert_eq!(
        terminal.wait(LIMIT).code(),
        Some(13),
        "{}",
        terminal.shown()
    );
    stop(&machines, &before);
}

#[test]
fn the_session_goes_on_when_its_agent_is_killed_while_somebody_looks() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    let command = "echo begun; exec sleep 1000";
    let mut terminal = machines.cs_terminal(&["live", "--no-proxy", "--command", command]);
    terminal.wait_for("begun", LIMIT);
    let mount = machines.main_mount();
    let holder = write_and_hold(&machines, &mount);
    kill_agent(&machines);
    assert_eq!(
        terminal.wait(RETURN).code(),
        Some(8),
        "{}",
        terminal.shown()
    );
    for told in ["goes on", "cs attach", "cs stop"] {
        terminal.wait_for(told, LIMIT);
    }
    drop(holder);
    comes_back(&machines, &mount);
    stop(&machines, &before);
}

#[test]
fn a_killed_connection_of_sshd_is_made_again() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    let work = Work::begin(&machines);
    for _ in 0..3 {
        work.wait_until_it_goes_on(RETURN);
        machines.server.kill_ssh_connections();
    }
    work.wait_until_it_goes_on(RETURN);
    work.assert_whole(&machines);
    stop(&machines, &before);
}

#[test]
fn a_session_waits_for_an_sshd_that_is_gone() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    let work = Work::begin(&machines);
    work.wait_until_it_goes_on(LIMIT);
    machines.server.kill_sshd();
    machines.server.kill_ssh_connections();
    wait_until("an attempt in vain", LIMIT, || {
        let session = machines.session();
        let told = session["link"]["error"].as_str().unwrap_or_default();
        told.contains("Connection refused")
    });
    let standing = work.written();
    machines.server.start_sshd();
    work.wait_until_it_goes_on(RETURN);
    assert!(work.written() > standing);
    work.assert_whole(&machines);
    stop_with_new_sshd(&machines, &before);
}

#[test]
fn a_server_that_was_restarted_mounts_again() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(
        machines
            .cs(&["live", "--command", "exec sleep 1000"])
            .success(),
    );
    let mount = machines.main_mount();
    let holder = write_and_hold(&machines, &mount);
    machines.server.reboot_like();
    drop(holder);
    machines.server.start_sshd();
    comes_back(&machines, &mount);
    stop_with_new_sshd(&machines, &before);
}

#[test]
fn mounts_that_nobody_serves_are_no_obstacle() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(
        machines
            .cs(&["live", "--command", "exec sleep 1000"])
            .success(),
    );
    let mount = machines.main_mount();
    let holder = write_and_hold(&machines, &mount);
    // Nothing of what it knew is left but the mounts. Files only: what holds a lock is another session's, too.
    let script = "rm -rf /tmp/claude-share-* /run/user/$(id -u)/claude-share; kill -KILL -1";
    drop(machines.on_server(script));
    drop(holder);
    comes_back(&machines, &mount);
    stop(&machines, &before);
}

/// What is written through the mount and made durable, by a program that keeps a file there open until it is told to end.
/// It ends with 5 if it cannot write any more.
#[track_caller]
fn write_and_hold(machines: &Machines, mount: &str) -> Process {
    let script = "exec 3> \"$1/held\" && echo durable >&3 && sync \"$1/held\" && echo written
        read -r line; { echo more >&3 && sync \"$1/held\"; } 2>&1 && exit 0; exit 5";
    let mut command = machines.server.command_as_user(USER, "sh");
    command.args(["-c", script, "sh", mount]);
    let process = Process::spawn_talking(command);
    assert_eq!(process.wait_for_line(0, LIMIT), "written");
    process
}

/// The session comes back with its directory at the same place, and nothing that was durable is lost.
#[track_caller]
fn comes_back(machines: &Machines, mount: &str) {
    wait_until("the mount again", RETURN, || {
        let read = machines.on_server(&format!("cat {mount}/held"));
        read.stdout == "durable\n"
    });
    machines.wait_until_up();
    assert_eq!(machines.main_mount(), mount);
    let here = machines.on_laptop("cat project/held").success();
    assert_eq!(here.stdout, "durable\n");
    let ran = machines.cs(&["run", "cat", "held"]).success();
    assert_eq!(ran.stdout, "durable\n");
}

/// Every agent of the server's user is gone without having had a word to say.
#[track_caller]
fn kill_agent(machines: &Machines) {
    let script = "found=; for each in /proc/[0-9]*; do
            tr '\\0' ' ' 2>/dev/null < $each/cmdline | grep -q '^[^ ]*claude-share agent serve' || continue
            kill -KILL ${each#/proc/} && found=1
        done; [ \"$found\" ]";
    drop(machines.on_server(script).success());
}

/// Whether the server has a process with these words.
fn has_process(machines: &Machines, words: &str) -> bool {
    machines.server.processes().into_iter().any(|process| {
        let path = machines.server.path(&format!("/proc/{process}/cmdline"));
        let found = std::fs::read_to_string(path).unwrap_or_default();
        found.replace('\0', " ").contains(words)
    })
}

#[track_caller]
fn stop(machines: &Machines, before: &Traces) {
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    drop(machines.on_laptop("rm -r project/*").success());
    machines.wait_until_only(before);
}

/// The same where the sshd that listens is another one than before.
#[track_caller]
fn stop_with_new_sshd(machines: &Machines, before: &Traces) {
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    machines.server.kill_sshd();
    drop(machines.on_laptop("rm -r project/*").success());
    machines.wait_until_only(before);
}
