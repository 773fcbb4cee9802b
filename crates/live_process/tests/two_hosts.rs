//! Daemon and agent as they are started, on two machines, over the real ssh and sshd.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use common::{LIMIT, Pair, USER, pair_or_skip};
use testkit::wait_until;

/// A session for `/root/project`, and where that is mounted.
fn session(pair: &Pair) -> (String, String) {
    pair.laptop.make_directory("/root/project", 0o755);
    pair.laptop
        .write("/root/project/file", "from the laptop", 0o644);
    let session = pair.start(&["/root/project"]);
    assert_eq!(session, "project-20260102-030405");
    let place = pair.mounted(&session);
    assert_eq!(
        place,
        format!("/home/{USER}/.claude-share/mounts/{session}")
    );
    (session, place)
}

#[test]
fn a_session_from_its_beginning_to_its_end() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    let file = format!("{place}/file");
    assert_eq!(pair.read_there(&file).as_deref(), Some("from the laptop"));
    pair.laptop
        .write("/root/project/file", "changed on the laptop", 0o644);
    wait_until("the change", LIMIT, || {
        pair.read_there(&file).as_deref() == Some("changed on the laptop")
    });
    let script = "pwd; cat file; echo from the server > made";
    let ran = pair.here(&["run", &session, "sh", "-c", script]).success();
    assert_eq!(ran.stdout, format!("{place}\nchanged on the laptop"));
    assert_eq!(
        pair.laptop.read_text("/root/project/made"),
        "from the server\n"
    );
    let ran = pair.here(&["run", &session, "sh", "-c", "exit 7"]);
    assert_eq!(ran.status.code(), Some(7), "{}", ran.stderr);

    let status = pair.status(&session);
    assert!(status["link"]["Up"].is_object(), "{status}");
    assert!(status["bytes_sent"].as_u64() > Some(0));
    assert_eq!(
        pair.here(&["list"]).success().stdout,
        format!("{session} true\n")
    );
    let living = pair.there(&["agent", "list"]).success().json();
    assert_eq!(living["session"], session.as_str());

    pair.start_main(&session, "echo begun; exec sleep 1000");
    wait_until("the program", LIMIT, || {
        Pair::processes(&pair.server, &["sleep", "1000"]).len() == 1
    });
    let stopped = pair.here(&["stop", &session]).success();
    assert_eq!(stopped.stdout, "Stopped { note: None }\n");
    assert!(!pair.is_mounted(&place));
    assert_eq!(pair.here(&["list"]).success().stdout, "");
    wait_until("the end of the program", LIMIT, || {
        Pair::processes(&pair.server, &["sleep", "1000"]).is_empty()
    });
    pair.assert_clean();
}

#[test]
fn directories_come_and_go() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, _) = session(&pair);
    pair.laptop.make_directory("/root/other/inner", 0o755);
    pair.laptop.write("/root/other/file", "other", 0o644);
    let extras = format!("/home/{USER}/.claude-share/extras/{session}");
    let added = pair.here(&["add", &session, "/root/other"]).success();
    assert_eq!(added.stdout, format!("{extras}/1-other\n"));
    let there = format!("{extras}/1-other/file");
    assert_eq!(pair.read_there(&there).as_deref(), Some("other"));
    for (directory, words) in [
        ("/root/other", "published already"),
        ("/root/other/inner", "overlaps"),
        ("/root", "home directory"),
        ("/", "home directory"),
        ("/root/.ssh", "no server may see"),
    ] {
        let refused = pair.here(&["add", &session, directory]).code(1);
        assert!(refused.stdout.contains(words), "{}", refused.stdout);
    }
    pair.here(&["remove", &session, "/root/other"]).success();
    assert!(!pair.is_mounted(&format!("{extras}/1-other")));
    assert_eq!(pair.read_there(&there), None);
    // Numbers are not given twice.
    let added = pair
        .here(&["add", &session, "/root/other", "read-only"])
        .success();
    assert_eq!(added.stdout, format!("{extras}/2-other\n"));
    let touch = ["touch", &format!("{extras}/2-other/new")];
    let touched = pair.server.run_quickly_as(USER, &touch);
    assert!(touched.stderr.contains("Read-only"), "{}", touched.stderr);
    let refused = pair.here(&["remove", &session, "/root/project"]).code(1);
    assert!(refused.stdout.contains("cs stop"), "{}", refused.stdout);
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn a_lost_connection_is_taken_up_again() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    let agents = pair.agents();
    pair.start_main(&session, "echo begun; exec sleep 1000");
    for turn in 0..3 {
        let ssh = Pair::processes(&pair.laptop, &["ssh", "-T"]);
        assert_eq!(ssh.len(), 1);
        Pair::kill(&pair.laptop, ssh[0]);
        let words = format!("after cut {turn}");
        pair.laptop.write("/root/project/file", &words, 0o644);
        // Waits for the connection, and does not fail.
        let read = || pair.read_there(&format!("{place}/file"));
        wait_until("the file", LIMIT, || read().unwrap() == words);
        pair.here(&["wake", &session]).success();
    }
    assert_eq!(pair.agents(), agents, "it is still the same");
    assert_eq!(Pair::processes(&pair.server, &["sleep", "1000"]).len(), 1);
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn an_agent_that_was_killed_is_begun_anew() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    let agents = pair.agents();
    assert_eq!(agents.len(), 1);
    Pair::kill(&pair.server, agents[0]);
    pair.here(&["wake", &session]).success();
    wait_until("another agent", LIMIT, || {
        pair.read_there(&format!("{place}/file")).is_some()
    });
    assert_ne!(pair.agents(), agents);
    let ran = pair.here(&["run", &session, "cat", "file"]).success();
    assert_eq!(ran.stdout, "from the laptop");
    let attached = pair.here(&["attach", &session]).code(1);
    assert!(
        attached.stdout.starts_with("refused: "),
        "{}",
        attached.stdout
    );
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

#[test]
fn what_a_killed_daemon_left_is_cleaned_up() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    pair.start_main(&session, "echo begun; exec sleep 1000");
    let refused = pair.here(&["clean", &session]).code(1);
    assert!(refused.stderr.contains("is running"), "{}", refused.stderr);
    let daemons = pair.daemons();
    assert_eq!(daemons.len(), 1);
    Pair::kill(&pair.laptop, daemons[0]);
    assert_eq!(
        pair.here(&["list"]).success().stdout,
        format!("{session} false\n")
    );
    let asked = pair.here(&["status", &session]).code(1);
    assert!(
        asked.stderr.contains("not running any more"),
        "{}",
        asked.stderr
    );
    assert!(pair.is_mounted(&place));
    assert_eq!(pair.here(&["clean", &session]).success().stdout, "None\n");
    assert!(!pair.is_mounted(&place));
    pair.assert_clean();
}

#[test]
fn a_killed_agent_s_mounts_are_cleaned_up_and_nothing_else() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    // With neither end left.
    Pair::kill(&pair.laptop, pair.daemons()[0]);
    Pair::kill(&pair.server, pair.agents()[0]);
    assert!(pair.is_mounted(&place));
    pair.there(&["agent", "clean", "--session", &session])
        .success();
    assert!(!pair.is_mounted(&place) && !pair.server.exists(&place));
    let script = "umask 077 && mkdir -p \"$1\" && echo precious > \"$1/file\"";
    let words = ["sh", "-c", script, "sh", &place];
    pair.server.run_quickly_as(USER, &words).success();
    let cleaned = pair
        .there(&["agent", "clean", "--session", &session])
        .code(1);
    assert!(
        cleaned.stderr.contains("there are files in it"),
        "{}",
        cleaned.stderr
    );
    let again = pair.start(&["/root/project"]);
    assert_ne!(
        again, session,
        "the name is taken as long as what is left is there"
    );
    assert_eq!(
        pair.read_there(&format!("{place}/file")).as_deref(),
        Some("precious\n")
    );
    pair.mounted(&again);
    pair.here(&["stop", &again]).success();
    let cleaned = pair.here(&["clean", &session]).success();
    assert!(
        cleaned.stdout.contains("there are files in it"),
        "{}",
        cleaned.stdout
    );
    pair.server.run(&["rm", "-r", &place]).success();
    pair.assert_clean();
}

#[test]
fn a_server_that_cannot_be_reached_holds_nothing_up_here() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    let listening = pair.server.read_text("/run/testkit-sshd/pid");
    Pair::kill(&pair.server, listening.trim().parse().unwrap());
    Pair::kill(
        &pair.laptop,
        Pair::processes(&pair.laptop, &["ssh", "-T"])[0],
    );
    wait_until("the loss", LIMIT, || {
        pair.status(&session)["link"]["Down"]["error"]
            .as_str()
            .is_some_and(|error| error.contains("nothing listens on that port"))
    });
    let stopped = pair.here(&["stop", &session, "500"]).success();
    assert!(
        stopped.stdout.contains("did not answer in time"),
        "{}",
        stopped.stdout
    );
    assert_eq!(pair.here(&["list"]).success().stdout, "");
    // The agent goes on until its grace is over, or it is told to end.
    assert!(pair.is_mounted(&place));
    pair.there(&["agent", "clean", "--session", &session])
        .success();
    pair.assert_clean();
}

#[test]
fn two_who_connect_at_once_have_the_same_agent() {
    let Some(pair) = pair_or_skip() else { return };
    let id = "0".repeat(32);
    let words = ["agent", "connect", "--session", "twice", "--id", &id];
    let connecting: Vec<_> = (0..4)
        .map(|_| {
            let mut command = pair.server.command_as_user(USER, "/opt/ends");
            command.args(words);
            testkit::Process::spawn_talking(command)
        })
        .collect();
    // It is a process before it says what it is.
    wait_until("an agent", LIMIT, || {
        let listed = pair.there(&["agent", "list"]).success();
        !listed.stdout.is_empty()
    });
    let living = pair.there(&["agent", "list"]).success().json();
    assert_eq!(living["session"], "twice");
    assert_eq!(pair.agents().len(), 1);
    drop(connecting);
    pair.there(&["agent", "clean", "--session", "twice"])
        .success();
    pair.assert_clean();
}

#[test]
fn an_agent_that_nobody_connects_to_ends() {
    let Some(pair) = pair_or_skip() else { return };
    let id = "0".repeat(32);
    let words = [
        "agent",
        "serve",
        "--session",
        "lonely",
        "--id",
        &id,
        "--grace",
        "0",
    ];
    pair.there(&words).success();
    pair.assert_clean();
}

#[test]
fn another_user_of_the_server_gets_nothing() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    pair.server.add_user("other");
    let socket = format!("/tmp/claude-share-1000/live/{session}.sock");
    assert!(pair.server.exists(&socket));
    for script in [
        format!("cat {place}/file"),
        format!("ls {place}"),
        format!("ls /home/{USER}/.claude-share/mounts"),
        "ls /tmp/claude-share-1000".to_owned(),
        format!("test -e {socket}"),
    ] {
        let ran = pair.server.run_quickly_as("other", &["sh", "-c", &script]);
        assert!(!ran.status.success(), "{script}: {}", ran.stdout);
    }
    // Not even root, by the path: it is another user's socket and mount.
    let root = pair.server.run(&["cat", &format!("{place}/file")]);
    assert!(!root.status.success());
    pair.here(&["stop", &session]).success();
    pair.assert_clean();
}

/// Writes to memory only, which is the mount's, and goes on.
const MAPPED: &str = "import mmap, time
file = open('file', 'r+b')
memory = mmap.mmap(file.fileno(), 0)
memory[:6] = b'MAPPED'
open('ready', 'w').close()
time.sleep(1000)
";

#[test]
fn what_was_written_to_memory_is_here_when_a_session_has_ended() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, _) = session(&pair);
    let words = ["main", &session, "python3", "-c", MAPPED];
    pair.here(&words).success();
    wait_until("the program", LIMIT, || {
        pair.laptop.exists("/root/project/ready")
    });
    pair.here(&["stop", &session]).success();
    let text = pair.laptop.read_text("/root/project/file");
    assert_eq!(text, "MAPPEDhe laptop");
    pair.assert_clean();
}

#[test]
fn processes_that_are_told_to_end_leave_nothing() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, place) = session(&pair);
    let agents = pair.agents();
    let terminate = |number: u32| ["kill".to_owned(), "-TERM".to_owned(), number.to_string()];
    let words = terminate(agents[0]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    pair.server.run(&words).success();
    wait_until("its end", LIMIT, || !pair.agents().contains(&agents[0]));
    pair.here(&["wake", &session]).success();
    wait_until("another agent", LIMIT, || {
        pair.read_there(&format!("{place}/file")).is_some()
    });
    // A hang-up means nothing to either.
    for (host, number) in [
        (&pair.laptop, pair.daemons()[0]),
        (&pair.server, pair.agents()[0]),
    ] {
        host.run(&["kill", "-HUP", &number.to_string()]).success();
    }
    assert!(pair.status(&session)["link"]["Up"].is_object());
    let words = terminate(pair.daemons()[0]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    pair.laptop.run(&words).success();
    pair.assert_clean();
    assert!(!pair.is_mounted(&place));
}

/// Connects in several ways that no program of ours does, and stays.
const STRANGE: &str = "import socket, sys, time
kept = []
for words in [b'', b'GET / HTTP/1.1\\r\\n\\r\\n', b'\\xff' * 100, b'\\0\\0\\0\\2\\0\\1' + b'\\0\\0\\0\\1\\1' * 20000]:
    for _ in range(4):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(sys.argv[1])
        connection.settimeout(0.2)
        try:
            connection.sendall(words)
        except OSError:
            pass
        kept.append(connection)
print('ready', flush=True)
time.sleep(1000)
";

#[test]
fn whoever_speaks_strangely_or_reads_nothing_holds_nobody_up() {
    let Some(pair) = pair_or_skip() else { return };
    let (session, _) = session(&pair);
    let mut command = pair.laptop.command("python3");
    let socket = format!("/tmp/claude-share-0/{session}.sock");
    command.args(["-c", STRANGE, &socket]);
    let strange = testkit::Process::spawn_talking(command);
    assert_eq!(strange.wait_for_line(0, LIMIT), "ready");
    assert!(pair.status(&session)["link"]["Up"].is_object());
    let ran = pair.here(&["run", &session, "cat", "file"]).success();
    assert_eq!(ran.stdout, "from the laptop");
    pair.here(&["stop", &session]).success();
    drop(strange);
    pair.assert_clean();
}
