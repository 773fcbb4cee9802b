//! The session's terminal: it outlives whoever looks at it, and the connection.

use end_to_end::LIMIT;
use testkit::wait_until;

use end_to_end::machines::Machines;

/// As they are typed.
const DETACH: &str = "\u{1d}d";

#[test]
fn claude_code_runs_there_and_its_end_is_the_sessions() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    let mut terminal = machines.cs_terminal(&["live", "--no-proxy"]);
    terminal.wait_for("  stop cs stop", LIMIT);
    terminal.wait_for("  detach Ctrl-] d (come back: cs attach)", LIMIT);
    // The stand-in client says so.
    terminal.wait_for("ready", LIMIT);
    terminal.type_text("\u{4}");
    assert_eq!(terminal.wait(LIMIT).code(), Some(0));
    terminal.wait_for("stopped project-", LIMIT);
    // The summary, and what was in the terminal before, stay there.
    let shown = terminal.shown();
    assert!(
        !shown.contains("\u{1b}c") && !shown.contains("3J") && !shown.contains("2J"),
        "{shown:?}"
    );
    machines.wait_until_only(&before);
    let mut terminal = machines.cs_terminal(&["live", "--no-proxy", "--", "--exit-status", "7"]);
    assert_eq!(terminal.wait(LIMIT).code(), Some(7));
    machines.wait_until_only(&before);
}

#[test]
fn who_detaches_finds_everything_again() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let script = "echo first line; while read line; do echo \"got $line\"; done";
    let mut terminal = machines.cs_terminal(&["live", "--no-proxy", "--command", script]);
    terminal.wait_for("first line", LIMIT);
    terminal.type_text("one\r");
    terminal.wait_for("got one", LIMIT);
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(LIMIT).code(), Some(0));
    terminal.wait_for("come back: cs attach", LIMIT);
    let mut again = machines.cs_terminal(&["attach"]);
    again.wait_for("first line", LIMIT);
    again.wait_for("got one", LIMIT);
    again.type_text("two\r");
    again.wait_for("got two", LIMIT);
    // Somebody who only looks sees it too, and types nothing.
    let mut looking = machines.cs_terminal(&["attach", "--read-only"]);
    looking.wait_for("got two", LIMIT);
    looking.type_text("three\r");
    again.type_text("four\r");
    looking.wait_for("got four", LIMIT);
    assert!(!looking.shown().contains("three"), "{}", looking.shown());
    looking.type_text(DETACH);
    assert_eq!(looking.wait(LIMIT).code(), Some(0));
    again.type_text("\u{4}");
    assert_eq!(again.wait(LIMIT).code(), Some(0));
    again.wait_for("stopped project-", LIMIT);
}

#[test]
fn a_session_that_is_kept_outlives_its_program() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    let command = "echo begun; read line; exit 7";
    let ends_alone = |arguments: &[&str]| {
        let mut terminal = machines.cs_terminal(arguments);
        terminal.wait_for("begun", LIMIT);
        let name = machines.session()["session"].as_str().unwrap().to_owned();
        terminal.type_text("\r");
        assert_eq!(terminal.wait(LIMIT).code(), Some(7));
        terminal.wait_for(&format!("{name} still runs; end it: cs stop"), LIMIT);
        assert_eq!(machines.session()["session"], name);
        drop(machines.cs(&["run", "true"]).success());
        drop(machines.cs(&["stop"]).success());
    };
    ends_alone(&["live", "--no-proxy", "--keep", "--command", command]);
    drop(machines.live(command));
    ends_alone(&["attach", "--keep"]);
    machines.wait_until_only(&before);
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(machines.live("printf '\\033[?1049h\\033[?2004h\\033[?1000hdrawn'; sleep 1000"));
    let script = "cd project && before=$(stty -g) && cs attach; [ \"$before\" = \"$(stty -g)\" ] && echo as before";
    let mut terminal = machines
        .laptop
        .terminal_as_user("dev", "sh", &["-c", script]);
    terminal.wait_for("drawn", LIMIT);
    terminal.type_text(DETACH);
    terminal.wait_for("as before", LIMIT);
    let shown = terminal.shown();
    let left = shown.rsplit("drawn").next().unwrap();
    assert!(
        left.contains("\u{1b}[?1049l") && left.contains(";1000;") && left.contains(";2004;"),
        "{left:?}"
    );
    terminal.wait(LIMIT);
    // A signal does the same.
    let terminal = machines
        .laptop
        .terminal_as_user("dev", "sh", &["-c", script]);
    terminal.wait_for("drawn", LIMIT);
    let killed = "for each in /proc/[0-9]*; do [ \"$(cat $each/comm)\" = cs ] && tr '\\0' ' ' < $each/cmdline | grep -q attach && kill -TERM ${each#/proc/}; done 2>/dev/null; true";
    drop(machines.on_laptop(killed).success());
    terminal.wait_for("as before", LIMIT);
}

#[test]
fn a_lost_connection_shows_in_the_title_and_nowhere_else() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let script = "echo first line; while read line; do echo \"got $line\"; done";
    let mut terminal = machines.cs_terminal(&["live", "--no-proxy", "--command", script]);
    terminal.wait_for("first line", LIMIT);
    machines
        .server
        .run(&["sh", "-c", "kill -STOP $(cat /run/testkit-sshd/pid)"])
        .success();
    machines.kill_on_laptop("ssh");
    terminal.wait_for("\u{1b}[22;0t\u{1b}]2;", LIMIT);
    terminal.type_text("typed meanwhile\r");
    machines
        .server
        .run(&["sh", "-c", "kill -CONT $(cat /run/testkit-sshd/pid)"])
        .success();
    terminal.wait_for("got typed meanwhile", LIMIT);
    terminal.wait_for("\u{1b}[23;0t", LIMIT);
    let shown = terminal.shown();
    let after = shown.split("first line").nth(1).unwrap();
    let meanwhile = after.split("typed meanwhile").next().unwrap();
    let other = meanwhile
        .replace("\u{1b}[22;0t", "")
        .replace("\u{1b}[23;0t", "");
    let mut parts = other.split("\u{1b}]2;");
    assert_eq!(parts.next().unwrap().trim(), "", "{meanwhile:?}");
    assert!(
        parts.all(|part| part.ends_with("\u{1b}\\") && part.contains("dev@server")),
        "{meanwhile:?}"
    );
    wait_until("a connection", LIMIT, || {
        machines.session()["link"]["state"] == "up"
    });
}

#[test]
fn one_can_detach_while_the_connection_is_down() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let mut terminal =
        machines.cs_terminal(&["live", "--no-proxy", "--command", "echo ready; cat"]);
    terminal.wait_for("ready", LIMIT);
    machines
        .server
        .run(&["sh", "-c", "kill -STOP $(cat /run/testkit-sshd/pid)"])
        .success();
    machines.kill_on_laptop("ssh");
    terminal.wait_for("\u{1b}]2;", LIMIT);
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(LIMIT).code(), Some(0));
}
