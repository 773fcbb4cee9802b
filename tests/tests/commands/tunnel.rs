//! A directory that is mounted by hand: in a shell that has read its `env.sh`, commands run on the laptop, too.

use end_to_end::LIMIT;
use end_to_end::machines::{Machines, PROJECT, USER};
use testkit::{Process, wait_until};

use crate::scene::{WHERE, agreed_or_skip};

const SESSION: &str = "project-20260418-120000";

/// Offers the project, and waits until that is said.
fn serve(machines: &Machines, more: &[&str]) -> Process {
    let mut command = machines.laptop.command_as_user(USER, "claude-share");
    command.args(["tunnel", "serve", "--workspace", PROJECT]);
    command.args(["--server", "server", "--session", SESSION]);
    command.args(more);
    let serve = Process::spawn_talking(command);
    wait_until("what to type", LIMIT, || {
        serve.lines().iter().any(|line| line == "Ctrl-C ends it.")
    });
    serve
}

/// What a line says that is typed in the mounted directory by somebody who has read `env.sh`.
fn typed_there(machines: &Machines, line: &str) -> String {
    let script = format!(
        ". ~/.claude-share/remote/{SESSION}/env.sh && cd ~/.claude-share/mounts/{SESSION} && {line}"
    );
    machines.on_server(&script).success().stdout
}

#[test]
fn a_shell_that_has_read_the_environment() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    let before = machines.traces();
    let mut served = serve(&machines, &[]);
    drop(
        machines
            .on_server(&format!("claude-share tunnel mount --session {SESSION}"))
            .success(),
    );
    assert_eq!(typed_there(&machines, WHERE), "laptop\n");
    let line = "echo 'print(6 * 7)' > made.py && python3 made.py > out && cat out && (cd /tmp && uname -n)";
    assert_eq!(typed_there(&machines, line), "42\nserver\n");
    // Elsewhere nothing has changed.
    assert_eq!(machines.on_server(WHERE).success().stdout, "server\n");
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    assert!(served.wait(LIMIT).success());
    drop(machines.on_laptop("rm project/*").success());
    machines.wait_until_only(&before);
}

#[test]
fn without_proxying_they_are_the_servers() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    let _served = serve(&machines, &["--no-proxy"]);
    drop(
        machines
            .on_server(&format!("claude-share tunnel mount --session {SESSION}"))
            .success(),
    );
    assert_eq!(typed_there(&machines, WHERE), "server\n");
}
