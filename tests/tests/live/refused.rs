//! What cannot be done is said, with what to do, and leaves nothing.

use end_to_end::LIMIT;
use testkit::terminal::CONTROL_C;

use end_to_end::machines::Machines;

#[test]
fn without_a_server_it_is_said_how_to_get_one() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(
        machines
            .on_laptop("rm ~/.claude-share/client.json")
            .success(),
    );
    let ran = machines.cs(&["live"]).code(3);
    assert!(
        ran.stderr.contains("claude-share client init USER@HOST"),
        "{ran:?}"
    );
    let status = machines.cs(&["status"]).success().stdout;
    assert!(
        status.contains("claude-share client init USER@HOST"),
        "{status}"
    );
    assert!(machines.cs(&["where"]).code(3).stderr.contains("cs live"));
    assert!(
        machines
            .cs(&["run", "true"])
            .code(255)
            .stderr
            .contains("cs live")
    );
}

#[test]
fn a_session_that_cannot_be_had_leaves_nothing() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    // The home, with the keys in it.
    drop(machines.cs(&["live", "--no-claude", ".."]).code(9));
    drop(
        machines
            .cs(&["live", "--no-claude", "--server", "none"])
            .code(3),
    );
    // Nobody listens at that port.
    let ran = machines
        .cs(&["live", "--no-claude", "--server", "closed"])
        .code(8);
    assert!(
        ran.stderr.contains("dev@server cannot be reached"),
        "{ran:?}"
    );
    machines.wait_until_only(&before);
}

#[test]
fn control_c_while_it_starts_ends_it() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    // It accepts connections and says nothing.
    let sshd = |signal: &str| {
        let script = format!("kill -{signal} $(cat /run/testkit-sshd/pid)");
        drop(machines.server.run(&["sh", "-c", &script]).success());
    };
    sshd("STOP");
    let mut terminal = machines.cs_terminal(&["live", "--no-proxy"]);
    terminal.wait_for("connecting to dev@server", LIMIT);
    terminal.type_text(CONTROL_C);
    assert_eq!(
        terminal.wait(LIMIT).code(),
        Some(11),
        "{}",
        terminal.shown()
    );
    sshd("CONT");
    machines.wait_until_only(&before);
}
