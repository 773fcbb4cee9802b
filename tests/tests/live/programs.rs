//! `cs run`: programs on the server, in the mount.

use std::process::{Command, Stdio};

use end_to_end::LIMIT;
use rustix::process::Signal;
use testkit::{Process, Ran, wait_until};

use end_to_end::machines::{Machines, USER};
use end_to_end::wait_until_stalled;

#[test]
fn a_program_has_the_three_pipes_and_its_status_comes_back() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    let mount = machines.main_mount();
    let script = "pwd; echo to stderr >&2; tr a-z A-Z; exit 37";
    let command = machines.cs_command(&["run", "sh", "-c", script]);
    let ran = Ran::with_input(command, b"through the pipe\n").code(37);
    assert_eq!(ran.stdout, format!("{mount}\nTHROUGH THE PIPE\n"));
    assert_eq!(ran.stderr, "to stderr\n");
    drop(machines.cs(&["run", "--", "true"]).success());
    drop(machines.cs(&["run", "sh", "-c", "kill -TERM $$"]).code(143));
    drop(machines.cs(&["run", "no-such-program"]).code(127));
    // Words are words, whatever a shell would make of them.
    let words = machines
        .cs(&["run", "printf", "%s|", "a b", "$HOME", "'", "--x"])
        .success();
    assert_eq!(words.stdout, "a b|$HOME|'|--x|");
    // It starts where its caller is.
    drop(machines.on_laptop("mkdir -p project/deep/er").success());
    let deep = machines
        .on_laptop("cd project/deep/er && cs run pwd")
        .success();
    assert_eq!(deep.stdout, format!("{mount}/deep/er\n"));
}

#[test]
fn much_goes_through_the_pipes_whole() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    large_input(&machines);
    let sum = |path: &str| format!("sha256sum < {path} | cut -c1-64");
    let sent = machines.on_laptop(&sum("input")).success().stdout;
    let there = machines
        .on_laptop("cd project && cs run sha256sum < ../input | cut -c1-64")
        .success();
    assert_eq!(there.stdout, sent);
    let back = machines
        .on_laptop("cd project && cs run cat < ../input | sha256sum | cut -c1-64")
        .success();
    assert_eq!(back.stdout, sent);
    // Whoever reads may go: so does the program.
    let gone = machines
        .on_laptop("cd project && cs run yes | head -1")
        .success();
    assert_eq!((gone.stdout.as_str(), gone.stderr.as_str()), ("y\n", ""));
}

/// A file of the laptop's that is larger than all that may be on its way.
fn large_input(machines: &Machines) {
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    machines.laptop.write("/home/dev/input", &bytes, 0o644);
}

#[test]
fn what_is_read_late_holds_up_nothing_for_good() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    large_input(&machines);
    let sent = machines.on_laptop("sha256sum < input").success();
    let script = "cd project && cs run cat < ../input |
        (until test -e ../go; do sleep 0.05; done; sha256sum)";
    let command = machines.laptop.command_as_user(USER, "sh");
    let mut process = talking(command, script);
    wait_until_stalled(&machines.laptop, |words| words.starts_with(b"cs\0run\0"));
    machines.laptop.write("/home/dev/go", b"", 0o644);
    assert_eq!(process.wait_for_line(0, LIMIT), sent.stdout.trim());
    assert!(process.wait(LIMIT).success());
}

#[test]
fn signals_reach_a_program_that_reads_nothing() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    large_input(&machines);
    let program = "trap 'exit 7' INT; echo ready; while :; do sleep 0.1; done";
    let script = format!("cd project && exec cs run sh -c \"{program}\" < ../input");
    let command = machines.laptop.command_as_user(USER, "sh");
    let mut process = talking(command, &script);
    assert_eq!(process.wait_for_line(0, LIMIT), "ready");
    wait_until_stalled(&machines.laptop, |words| words.starts_with(b"cs\0run\0"));
    machines.laptop.signal(&process, Signal::INT);
    assert_eq!(process.wait(LIMIT).code(), Some(7));
}

/// A shell's script whose lines are collected.
fn talking(mut shell: Command, script: &str) -> Process {
    shell.args(["-c", script]).stderr(Stdio::inherit());
    Process::spawn_talking(shell)
}

#[test]
fn signals_reach_the_program() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    for (signal, name) in [(Signal::INT, "INT"), (Signal::TERM, "TERM")] {
        let script = format!(
            "trap 'echo got {name}; exit 5' {name}; echo ready; while :; do sleep 0.1; done"
        );
        let mut command = machines.cs_command(&["run", "sh", "-c", &script]);
        command.stderr(Stdio::inherit());
        let mut process = Process::spawn_talking(command);
        assert_eq!(process.wait_for_line(0, LIMIT), "ready");
        machines.laptop.signal(&process, signal);
        assert_eq!(process.wait_for_line(1, LIMIT), format!("got {name}"));
        assert_eq!(process.wait(LIMIT).code(), Some(5));
    }
}

/// Who is refused tries again after minutes, not to be shut out.
#[test]
fn who_waits_for_the_server_has_it_tried_at_once() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    drop(
        machines
            .on_server("cd .ssh && mv authorized_keys kept")
            .success(),
    );
    machines.kill_on_laptop("ssh");
    wait_until("a long wait", LIMIT, || {
        let retry_in = &machines.session()["link"]["retry_in_ms"];
        retry_in.as_u64().is_some_and(|retry_in| retry_in > 100_000)
    });
    drop(
        machines
            .on_server("cd .ssh && mv kept authorized_keys")
            .success(),
    );
    let ran = machines.cs(&["run", "uname", "-n"]).success();
    assert_eq!(ran.stdout, "server\n");
}

#[test]
fn on_a_terminal_a_program_gets_one() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    let script = "stty size; test -t 0 && echo a terminal; trap 'stty size; exit 3' WINCH; while :; do sleep 0.1; done";
    let mut terminal = machines.cs_terminal(&["run", "sh", "-c", script]);
    terminal.wait_for("30 100", LIMIT);
    terminal.wait_for("a terminal", LIMIT);
    // Another program changes the size of the same terminal, as a window does.
    let tty = machines.on_laptop("for each in /proc/[0-9]*; do [ \"$(cat $each/comm)\" = cs ] && readlink $each/fd/0; done 2>/dev/null | grep pts | head -1");
    let tty = tty.stdout.trim().to_owned();
    drop(
        machines
            .laptop
            .run(&["stty", "-F", &tty, "rows", "40", "cols", "120"])
            .success(),
    );
    terminal.wait_for("40 120", LIMIT);
    assert_eq!(terminal.wait(LIMIT).code(), Some(3));
    // Ctrl-C is a key there.
    let mut terminal = machines.cs_terminal(&["run", "sh", "-c", "echo ready; sleep 1000"]);
    terminal.wait_for("ready", LIMIT);
    terminal.type_text(testkit::terminal::CONTROL_C);
    assert_eq!(terminal.wait(LIMIT).code(), Some(130));
}
