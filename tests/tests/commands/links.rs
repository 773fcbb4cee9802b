//! A part of a session is lost while commands run: nothing of what they say is, unless it takes too long; and nothing of
//! them is left on the laptop that nobody waits for any more.

use std::process::Stdio;
use std::time::Duration;

use end_to_end::LIMIT;
use end_to_end::machines::{Machines, USER};
use testkit::{Process, wait_until};

use crate::scene::{
    agreed_or_skip, assert_goes_on, begin, begin_with, processes_with, server_file, typed,
    wait_until_gone, wait_until_there,
};

/// What does not come at once: the silence of the other end has to be noticed, and a server called again.
const RETURN: Duration = Duration::from_secs(120);
/// Says how far it has come, here and there, until it is told something; and then what.
const TICKS: &str = r#"
import os, select, sys
number = 0
while not select.select([0], [], [], 0.02)[0]:
    number += 1
    print("tick", number, flush=True)
    open(os.environ["HOME"] + "/ticks", "w").write(str(number))
print("heard", sys.stdin.readline().strip(), flush=True)
print("of", number, file=sys.stderr, flush=True)
sys.exit(3)
"#;
/// Has it run with what is written into `/tmp/told`.
const RUNS_TICKS: &str = "mkfifo /tmp/told; exec 3<> /tmp/told
    python3 -SEu ticks.py <&3 > /tmp/out 2> /tmp/err; echo $? > /tmp/status";
/// A command, a child of it, and one that has become nobody's and has a session of its own.
const FAMILY: &str = "import os, time
for number in 1, 2:
    if os.fork() == 0:
        if number == 2:
            os.setsid()
            if os.fork(): os._exit(0)
        time.sleep(1234)
print('family', flush=True)
time.sleep(1234)";
const MEMBERS: &str = "time.sleep(1234)";

#[track_caller]
fn write_ticks(machines: &Machines) {
    machines
        .laptop
        .write("/home/dev/project/ticks.py", TICKS, 0o644);
}

/// How far it has come on the laptop, and what of that was said on the server.
fn come_so_far(machines: &Machines) -> (usize, usize) {
    let here = machines.on_laptop("cat ticks").stdout.parse().unwrap_or(0);
    let there = server_file(machines, "/tmp/out");
    (
        here,
        there
            .lines()
            .filter(|line| line.starts_with("tick "))
            .count(),
    )
}

#[test]
fn a_command_runs_on_while_there_is_no_connection() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    write_ticks(&machines);
    begin_with(&machines, RUNS_TICKS);
    wait_until("ticks on the server", LIMIT, || {
        come_so_far(&machines).1 > 10
    });
    machines.cut();
    let (here, there) = come_so_far(&machines);
    wait_until("more ticks on the laptop", LIMIT, || {
        come_so_far(&machines).0 > here + 100
    });
    // What was on its way at the cut.
    let arrived = come_so_far(&machines).1;
    assert!(arrived < there + 50, "the wire is cut: {there}, {arrived}");
    drop(machines.on_server("echo hello > /tmp/told").success());
    machines.mend();
    wait_until("its end", RETURN, || {
        server_file(&machines, "/tmp/status") == "3\n"
    });
    let said = server_file(&machines, "/tmp/out");
    let mut lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.pop(), Some("heard hello"), "{said}");
    let expected: Vec<String> = (1..=lines.len())
        .map(|number| format!("tick {number}"))
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(
        server_file(&machines, "/tmp/err"),
        format!("of {}\n", lines.len())
    );
    machines.wait_until_up();
    assert_goes_on(&machines);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

/// What it says waits where it runs, and no more than there is room for.
#[test]
fn output_without_end_waits_for_the_connection() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    begin_with(
        &machines,
        "python3 -SE -c 'import os
for number in range(3000): os.write(1, b\"%08d\" % number * 1000)' | sha256sum > /tmp/sum; echo > /tmp/status",
    );
    wait_until_there(&machines.laptop, "range(3000)");
    machines.cut();
    wait_until("a connection that is down", LIMIT, || {
        machines.session()["link"]["state"] != "up"
    });
    machines.mend();
    wait_until("its end", RETURN, || {
        server_file(&machines, "/tmp/status") == "\n"
    });
    let expected = machines.on_laptop(
        "python3 -SE -c 'import os
for number in range(3000): os.write(1, b\"%08d\" % number * 1000)' | sha256sum",
    );
    assert_eq!(
        server_file(&machines, "/tmp/sum"),
        expected.success().stdout
    );
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

#[test]
fn whoever_waits_for_a_command_is_told_in_the_end() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    machines.have_agents_told("--patience 2");
    write_ticks(&machines);
    begin_with(&machines, RUNS_TICKS);
    wait_until("ticks on the server", LIMIT, || {
        come_so_far(&machines).1 > 10
    });
    machines.cut();
    wait_until("its end", LIMIT, || {
        server_file(&machines, "/tmp/status") == "255\n"
    });
    let told = server_file(&machines, "/tmp/err");
    assert!(told.contains("laptop"), "{told}");
    machines.mend();
    wait_until("the connection", RETURN, || {
        machines.session()["link"]["state"] == "up"
    });
    wait_until_gone(&machines.laptop, "ticks.py");
    assert_goes_on(&machines);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

/// Starts a family of processes on the laptop. Whoever waits for the first of them on the server is returned.
#[track_caller]
fn family(machines: &Machines) -> Process {
    let mut command = machines.cs_command(&["run", "python3", "-SEu", "-c", FAMILY]);
    command.stderr(Stdio::null());
    let process = Process::spawn_talking(command);
    assert_eq!(process.wait_for_line(0, LIMIT), "family");
    wait_until_there(&machines.laptop, MEMBERS);
    process
}

#[test]
fn nothing_is_left_when_a_session_is_stopped() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    let before = machines.traces();
    begin(&machines, &[]);
    let mut first = family(&machines);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    first.wait(LIMIT);
    drop(first);
    machines.wait_until_only(&before);
}

#[test]
fn nothing_is_left_of_a_command_whose_shim_is_killed() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    begin(&machines, &[]);
    let first = family(&machines);
    kill_on_server(&machines, MEMBERS);
    wait_until_gone(&machines.laptop, MEMBERS);
    drop(first);
    assert_goes_on(&machines);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

/// A command that has ended leaves what it has started in the background running, as it would on the server; the end of
/// the session is the end of that.
#[test]
fn what_a_command_leaves_behind_ends_with_the_session() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    let before = machines.traces();
    begin(&machines, &[]);
    let leaves = "python3 -SE -c 'import os, time
if os.fork() == 0:
    null = os.open(\"/dev/null\", os.O_RDWR)
    for number in range(3): os.dup2(null, number)
    os.setsid(); time.sleep(1234)'; echo $?";
    assert_eq!(typed(&machines, leaves).success().stdout, "0\n");
    assert_goes_on(&machines);
    wait_until_there(&machines.laptop, MEMBERS);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    machines.wait_until_only(&before);
}

#[test]
fn nothing_is_left_when_the_agent_is_killed() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    begin(&machines, &[]);
    let first = family(&machines);
    drop(
        machines
            .on_server(&format!("kill -KILL {}", machines.agent()))
            .success(),
    );
    wait_until_gone(&machines.laptop, MEMBERS);
    drop(first);
    wait_until("the session", RETURN, || {
        typed(&machines, "true").status.success()
    });
    assert_goes_on(&machines);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

#[test]
fn nothing_is_left_when_the_daemon_is_killed() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    machines.have_agents_told("--patience 2");
    begin(&machines, &[]);
    let first = family(&machines);
    let daemon = machines.session()["daemon"].as_u64().unwrap();
    drop(
        machines
            .on_laptop(&format!("kill -KILL {daemon}"))
            .success(),
    );
    wait_until_gone(&machines.laptop, MEMBERS);
    drop(first);
    // Whoever waits on the server is told so, too.
    wait_until_gone(&machines.server, MEMBERS);
    drop(machines.cs(&["stop", "--all"]));
}

/// Every process of the server's with these words in its command line; at least one.
#[track_caller]
fn kill_on_server(machines: &Machines, words: &str) {
    let found = processes_with(&machines.server, words);
    assert!(!found.is_empty(), "{words}");
    for process in found {
        let process = process.to_string();
        drop(
            machines
                .server
                .run_quickly_as(USER, &["kill", "-KILL", &process])
                .success(),
        );
    }
}
