//! `claude-share tunnel`: offered on the laptop, mounted by hand on the server.

use end_to_end::LIMIT;
use rustix::process::Signal;
use serde_json::Value;
use testkit::{Process, Ran, wait_until};

use end_to_end::machines::{Machines, PROJECT, SERVER, USER};

const SESSION: &str = "project-20260418-120000";
const MOUNT: &str = "/home/dev/.claude-share/mounts/project-20260418-120000";
const ENVIRONMENT: &str = "/home/dev/.claude-share/remote/project-20260418-120000/env.sh";

/// Offers the project, and waits until that is said.
fn serve(machines: &Machines, more: &[&str]) -> Process {
    let mut command = machines.laptop.command_as_user(USER, "claude-share");
    command.args(["tunnel", "serve", "--workspace", PROJECT]);
    command.args(["--server", SERVER, "--session", SESSION]);
    command.args(more);
    let serve = Process::spawn_talking(command);
    assert_eq!(serve.wait_for_line(8, LIMIT), "Ctrl-C ends it.");
    serve
}

/// A verb on the server, about the session.
#[must_use = "check .success() or .code(n)"]
fn tunnel(machines: &Machines, verb: &str) -> Ran {
    machines.on_server(&format!("claude-share tunnel {verb} --session {SESSION}"))
}

fn server_status(machines: &Machines) -> Value {
    let status = tunnel(machines, "status --json").success().json();
    assert_eq!(status["laptop"], Value::Array(Vec::new()));
    status["server"][0].clone()
}

/// Of the main directory, as the laptop knows it.
fn laptop_directory(machines: &Machines) -> Value {
    let script = format!("claude-share tunnel status --json --session {SESSION}");
    let status = machines.on_laptop(&script).success().json();
    assert_eq!(status["server"], Value::Array(Vec::new()));
    status["laptop"][0]["directories"][0].clone()
}

#[test]
fn the_documented_flow_works_word_for_word() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let write = "echo from the laptop > project/laptop.txt";
    drop(machines.on_laptop(write).success());
    let before = machines.traces();
    let mut serve = serve(&machines, &[]);
    assert_eq!(
        serve.lines()[1..8],
        [
            "[claude-share] /home/dev/project is offered to dev@server",
            &format!("  session {SESSION}"),
            "Type there:",
            &format!("  claude-share tunnel mount --session {SESSION}"),
            &format!("  . ~/.claude-share/remote/{SESSION}/env.sh"),
            &format!("  cd ~/.claude-share/mounts/{SESSION}"),
            "  claude",
        ]
    );
    // Nothing is mounted before somebody asks.
    drop(machines.on_server(&format!("! test -e {MOUNT}")).success());
    assert_eq!(laptop_directory(&machines)["offered"], true);
    let run = machines.cs(&["run", "true"]).code(255);
    assert!(
        run.stderr.contains("nobody on the server has asked"),
        "{run:?}"
    );

    let told = tunnel(&machines, "mount").success().stdout;
    assert_eq!(
        told,
        format!("[claude-share] mounted {MOUNT}\n  environment {ENVIRONMENT}\n")
    );
    let work = "cat laptop.txt; echo from the server > server.txt; pwd
        echo \"$CLAUDE_SHARE_SESSION $CLAUDE_SHARE_WORKSPACE\"; echo \"${PATH%%:*}\"
        echo \"$GIT_CONFIG_KEY_0 $GIT_CONFIG_VALUE_0\"";
    let expected = format!(
        "from the laptop\n{MOUNT}\n{SESSION} {MOUNT}\n/home/dev/.claude-share/remote/{SESSION}/bin\ncore.checkStat minimal\n"
    );
    let by_hand = format!(
        "source ~/.claude-share/remote/{SESSION}/env.sh && cd ~/.claude-share/mounts/{SESSION}\n{work}"
    );
    let ran = machines
        .server
        .run_quickly_as(USER, &["bash", "-euc", &by_hand]);
    assert_eq!(ran.success().stdout, expected);
    let read = machines.on_laptop("cat project/server.txt").success();
    assert_eq!(read.stdout, "from the server\n");
    let typed = serve.lines()[5..7].join("\n");
    let ran = machines.on_server(&format!("{typed}\n{work}")).success();
    assert_eq!(ran.stdout, expected);
    let ran = machines.cs(&["run", "cat", "laptop.txt"]).success();
    assert_eq!(ran.stdout, "from the laptop\n");
    let modes = format!(
        "cd ~/.claude-share/remote && stat -c '%a %n' . {SESSION} {SESSION}/bin {SESSION}/env.sh"
    );
    assert_eq!(
        machines.on_server(&modes).success().stdout,
        format!("700 .\n700 {SESSION}\n700 {SESSION}/bin\n600 {SESSION}/env.sh\n")
    );

    machines.laptop.signal(&serve, Signal::INT);
    assert_eq!(serve.wait(LIMIT).code(), Some(0), "{:?}", serve.lines());
    // It has ended, and what it said may still be on its way.
    let last = Some(format!("[claude-share] stopped {SESSION}"));
    wait_until("its last line", LIMIT, || serve.lines().pop() == last);
    // But what the server wrote on the laptop.
    drop(machines.on_laptop("rm project/server.txt").success());
    machines.wait_until_only(&before);
}

#[test]
fn it_is_mounted_and_unmounted_as_often_as_one_likes() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.on_laptop("echo 0 > project/file").success());
    let mut serve = serve(&machines, &[]);
    for turn in 1..=3 {
        drop(tunnel(&machines, "mount").success());
        // Twice is once.
        drop(tunnel(&machines, "mount").success());
        assert_eq!(laptop_directory(&machines)["remote"], MOUNT);
        let status = server_status(&machines);
        assert_eq!(status["directories"][0]["remote"], MOUNT, "{status}");
        assert_eq!(status["environment"], ENVIRONMENT);
        assert_eq!(status["connected"], true);
        let read_and_write = format!("cat {MOUNT}/file; echo {turn} > {MOUNT}/file");
        let ran = machines.on_server(&read_and_write).success();
        assert_eq!(ran.stdout, format!("{}\n", turn - 1));
        // What is still in use is no reason not to unmount it.
        let mut busy = machines.server.command_as_user(USER, "env");
        busy.args(["sh", "-c"])
            .arg(format!("cd {MOUNT} && echo there && exec sleep 1000"));
        let busy = Process::spawn_talking(busy);
        assert_eq!(busy.wait_for_line(0, LIMIT), "there");
        let told = tunnel(&machines, "umount").success().stdout;
        assert_eq!(told, format!("[claude-share] unmounted {SESSION}\n"));
        machines.server.signal(&busy, Signal::KILL);
        let read = machines.on_laptop("cat project/file").success();
        assert_eq!(read.stdout, format!("{turn}\n"));
        let gone = format!("! test -e {MOUNT} && ! test -e {ENVIRONMENT}");
        drop(machines.on_server(&gone).success());
        wait_until("the laptop to know", LIMIT, || {
            laptop_directory(&machines)["offered"] == true
        });
        let status = server_status(&machines);
        assert_eq!(status["directories"][0]["remote"], Value::Null);
        let text = tunnel(&machines, "status").success().stdout;
        assert!(text.contains("project not mounted: tunnel mount"), "{text}");
    }
    // What is added is mounted with the rest.
    let added = machines.cs(&["add", "../data"]).success();
    assert!(
        added
            .stdout
            .contains("/home/dev/data is mounted when the server asks for it"),
        "{added:?}"
    );
    drop(tunnel(&machines, "mount").success());
    let extra = format!("~/.claude-share/extras/{SESSION}/1-data");
    drop(machines.on_server(&format!("touch {extra}/made")).success());
    drop(machines.on_laptop("rm data/made project/file").success());
    drop(machines.cs(&["remove", "../data"]).success());
    drop(
        machines
            .on_laptop("rm ~/.claude-share/extras.json ~/.claude-share/settings.lock")
            .success(),
    );
    // Ended by somebody else.
    drop(machines.cs(&["stop"]).success());
    assert_eq!(serve.wait(LIMIT).code(), Some(0), "{:?}", serve.lines());
    machines.wait_until_only(&before);
}

#[test]
fn whoever_else_asks_finds_nothing() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    machines.server.add_user("eve");
    let before = machines.traces();
    let none = tunnel(&machines, "mount").code(3);
    assert!(none.stderr.contains("tunnel serve"), "{none:?}");
    drop(tunnel(&machines, "status").code(3));
    let mut serve = serve(&machines, &["--read-only"]);
    let other = machines
        .on_server("claude-share tunnel mount --session other")
        .code(3);
    assert!(
        other.stderr.contains(&format!("There is: {SESSION}")),
        "{other:?}"
    );
    // Another user, also one who says that he is at home in the first one's.
    for script in [
        format!("claude-share tunnel mount --session {SESSION}"),
        format!("HOME=/home/dev claude-share tunnel mount --session {SESSION}"),
        format!(
            "HOME=/home/dev XDG_RUNTIME_DIR=/run/user/$(id -u {USER}) claude-share tunnel umount --session {SESSION}"
        ),
    ] {
        let refused = machines
            .server
            .run_quickly_as("eve", &["sh", "-c", &script]);
        let refused = refused.code(3);
        assert!(refused.stderr.contains("no live session"), "{refused:?}");
    }
    // Not even where it listens.
    let sockets = format!("find /tmp /run -name {SESSION}.control -user {USER} 2>/dev/null");
    let found = machines.server.run(&["sh", "-c", &sockets]).stdout;
    assert_eq!(found.lines().count(), 1, "{found}");
    let ask = format!("test -e {}", found.trim());
    drop(machines.on_server(&ask).success());
    drop(
        machines
            .server
            .run_quickly_as("eve", &["sh", "-c", &ask])
            .code(1),
    );
    drop(tunnel(&machines, "mount").success());
    let write = machines.on_server(&format!("touch {MOUNT}/new"));
    assert!(write.stderr.contains("Read-only"), "{write:?}");
    for path in [MOUNT, ENVIRONMENT] {
        let look = format!("ls {path}");
        let seen = machines.server.run_quickly_as("eve", &["sh", "-c", &look]);
        assert!(!seen.status.success() && seen.stdout.is_empty(), "{seen:?}");
    }
    machines.laptop.signal(&serve, Signal::TERM);
    assert_eq!(serve.wait(LIMIT).code(), Some(0));
    machines.wait_until_only(&before);
}

#[test]
fn a_laptop_that_is_not_there_is_said_to_be_missing() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    let mut serve = serve(&machines, &[]);
    machines.cut();
    wait_until("the end of the connection", LIMIT, || {
        server_status(&machines)["connected"] == false
    });
    let refused = tunnel(&machines, "mount").code(8);
    assert!(
        refused.stderr.contains("is not connected, for"),
        "{refused:?}"
    );
    drop(
        machines
            .on_server(&format!("! test -e {ENVIRONMENT}"))
            .success(),
    );
    machines.mend();
    wait_until("the mount", LIMIT, || {
        tunnel(&machines, "mount").status.success()
    });
    machines.laptop.signal(&serve, Signal::HUP);
    assert_eq!(serve.wait(LIMIT).code(), Some(0));
    machines.wait_until_only(&before);
}

#[test]
fn what_was_killed_leaves_nothing() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    // A server that nobody has set up.
    drop(
        machines
            .on_laptop("rm ~/.claude-share/client.json")
            .success(),
    );
    let before = machines.traces();
    let serve = serve(&machines, &[]);
    drop(tunnel(&machines, "mount").success());
    let agent = r#"sed -n 's/.*"agent": \([0-9]*\),*/\1/p'"#;
    let kill = format!("kill -KILL $(claude-share tunnel status --json | {agent})");
    drop(machines.on_server(&kill).success());
    // Another agent, which is asked anew.
    wait_until("the mount again", LIMIT, || {
        tunnel(&machines, "mount").status.success()
    });
    let read =
        format!(". {ENVIRONMENT} && test -d \"$CLAUDE_SHARE_WORKSPACE\" && mountpoint -q {MOUNT}");
    drop(machines.on_server(&read).success());
    machines.laptop.signal(&serve, Signal::KILL);
    machines.wait_until_only(&before);
}

#[test]
fn what_cannot_be_offered_is_said_and_leaves_nothing() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    let serve =
        |arguments: &str| machines.on_laptop(&format!("claude-share tunnel serve {arguments}"));
    drop(serve("--workspace . --server dev@server").code(9));
    drop(serve("--workspace none --server dev@server").code(9));
    drop(serve("--workspace project --server none").code(3));
    drop(serve("--workspace project --server closed").code(8));
    drop(serve("--workspace project --server dev@server:2").code(8));
    drop(serve("--workspace project --server dev@server --session a/b").code(2));
    drop(serve("--workspace project --server dev@server --identity none").code(9));
    drop(serve("--workspace project --server dev@server --remote-program /none").code(8));
    machines.wait_until_only(&before);
}
