//! Commands through `examples/shim.rs`, with an agent that says what a test wants.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

mod machinery;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use bytes::Bytes;
use live::commands::{End, WINDOW};
use live::programs::Stream;
use rustix::process::Signal;
use shim::protocol::{FromShim, ToShim, Typed};

use machinery::{Session, output};

/// What is told of a line of a shell with one command in it.
fn told(session: &Session, command: &mut Command) -> Typed {
    let (tell, told) = mpsc::channel();
    let agent = session.agent(move |mut agent| {
        tell.send(agent.started()).unwrap();
        agent.exited(0);
    });
    assert!(command.status().unwrap().success());
    agent.join().unwrap();
    told.recv().unwrap()
}

#[test]
fn what_was_typed_is_told() {
    let session = Session::new();
    let line =
        r#"umask 027; cd "$HOME/work"; TERM=x NODE_OPTIONS=y npm run 'a b' "" $(printf '\377')"#;
    let typed = told(&session, &mut session.line(line));
    assert_eq!(typed.name, "npm");
    assert_eq!(
        typed.arguments,
        [&b"run"[..], b"a b", b"", b"\xff"].map(Bytes::from_static)
    );
    let work = session.path("work").into_os_string().into_encoded_bytes();
    assert_eq!(typed.directory, work);
    let mut environment = typed.environment;
    environment.sort();
    let expected = [("LC_ALL", "C"), ("TERM", "x")];
    assert_eq!(
        environment,
        expected.map(|(name, value)| (name.into(), value.into()))
    );
    assert_eq!((typed.umask, typed.size), (0o027, None));
}

#[test]
fn what_its_streams_are_is_told() {
    use End::{AsOutput, Nothing, Pipe};
    let session = Session::new();
    // With the descriptors of pipes, which the agent can open once more.
    for (line, expected, are_sent) in [
        (
            "npm < /dev/null > /dev/null 2> /dev/null",
            [Nothing; 3],
            [0, 0, 0],
        ),
        ("npm <&- >&- 2>&-", [Nothing; 3], [0, 0, 0]),
        ("echo x | npm > a 2> b", [Pipe, Pipe, Pipe], [1, 0, 0]),
        (
            "npm < /dev/zero > a 2>&1",
            [Pipe, Pipe, AsOutput],
            [0, 0, 0],
        ),
        ("npm 2>&1 | cat", [Nothing, Pipe, AsOutput], [0, 1, 0]),
        (
            "npm 2> /dev/null | cat",
            [Nothing, Pipe, Nothing],
            [0, 1, 0],
        ),
        (
            "(echo x | npm 2>&3 | cat) 3>&1 | cat",
            [Pipe, Pipe, Pipe],
            [1, 1, 1],
        ),
        ("npm > /dev/null 2>&1", [Nothing; 3], [0, 0, 0]),
    ] {
        let typed = told(&session, &mut session.line(line));
        assert_eq!(typed.streams, expected, "{line}");
        assert_eq!(typed.are_sent, are_sent.map(|sent| sent == 1), "{line}");
    }
}

#[test]
fn what_the_agent_reads_and_writes_itself_is_left_to_it() {
    let session = Session::new();
    let line = "echo typed | { npm; echo $?; cat; }";
    let ran = session.ran(line, |mut agent| {
        agent.typed();
        agent.say(&ToShim::Started { reads_input: true });
        agent.exited(3);
        assert_eq!(agent.next(), None);
    });
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "3\ntyped\n");
}

#[test]
fn that_nobody_reads_is_told_once_and_what_becomes_of_it_is_the_commands() {
    let session = Session::new();
    let output = |stream| ToShim::Output {
        stream,
        bytes: "text\n".into(),
    };
    // A pipe that nobody reads any more.
    let line = "mkfifo unread; exec 3<> unread 4> unread 3<&-; npm 2>&1 >&4; echo $?";
    let ran = session.ran(line, move |mut agent| {
        agent.typed();
        agent.say(&ToShim::Started { reads_input: true });
        agent.say(&output(Stream::Out));
        assert_eq!(agent.next(), Some(FromShim::Unread(Stream::Out)));
        // It is dropped, and nothing is said of it again.
        agent.say(&output(Stream::Out));
        agent.say(&output(Stream::Err));
        agent.exited(3);
        assert_eq!(agent.next(), None);
    });
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "text\n3\n");
}

#[test]
fn what_is_not_for_the_laptop_is_the_servers_own() {
    let session = Session::new();
    session.program("npm", r#"cat; echo "$(basename "$0") $*"; exit 7"#);
    session.program("own", "echo own");
    let ours = || {
        session.agent(|mut agent| {
            agent.typed();
            agent.say(&ToShim::Here);
            assert_eq!(agent.next(), None);
        })
    };
    let line = "echo typed | npm a 'b  c'";
    let agent = ours();
    let ran = session.line(line).output().unwrap();
    agent.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "typed\nnpm a b  c\n");
    assert_eq!(ran.status.code(), Some(7));
    // By its path, through a script's first line, and from a directory of another session.
    let other = Session::new();
    let agent = ours();
    let path = format!("PATH={}:$PATH; {line}", other.bin().display());
    let line = format!("{path}; {}/npm x < /dev/null", session.bin().display());
    let others = other.agent(|mut agent| {
        agent.typed();
        agent.say(&ToShim::Here);
    });
    let ran = session.line(&line).output().unwrap();
    agent.join().unwrap();
    others.join().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(text, "typed\nnpm a b  c\nnpm x\n");
    // Nobody listens; there is no session at all.
    session.link("own");
    fs::remove_file(session.bin().join("../socket")).unwrap();
    let ran = session.line("own").output().unwrap();
    assert_eq!(ran.stdout, b"own\n");
    std::os::unix::fs::symlink("nothing", session.bin().join("../socket")).unwrap();
    let ran = session.line("own").output().unwrap();
    assert_eq!(ran.stdout, b"own\n");
}

#[test]
fn what_the_server_has_not_cannot_be_run() {
    let session = Session::new();
    session.link("not-there");
    fs::remove_file(session.path("agent")).unwrap();
    let ran = session.line("not-there").output().unwrap();
    assert_eq!(ran.status.code(), Some(127));
    assert_eq!(ran.stderr, b"not-there: command not found\n");
    fs::write(session.path("programs/not-there"), "").unwrap();
    let ran = session.line("not-there").output().unwrap();
    assert_eq!(ran.status.code(), Some(126));
    assert!(
        ran.stderr
            .ends_with(b"/programs/not-there: Permission denied\n")
    );
}

#[test]
fn under_its_own_name_or_without_a_session_it_is_itself() {
    let session = Session::new();
    session.link("shim");
    session.link("not-there");
    fs::remove_file(session.bin().join("../socket")).unwrap();
    for name in ["shim", "not-there"] {
        let status = session.line(name).status().unwrap();
        assert_eq!(status.code(), Some(99), "{name}");
    }
}

#[test]
fn every_exit_status_comes_through() {
    let session = Session::new();
    let agent = session.agents(256, |index, mut agent| {
        agent.started();
        agent.exited(i32::try_from(index).unwrap());
    });
    for code in 0..256 {
        let status = session.command(session.bin().join("npm")).status().unwrap();
        assert_eq!(status.code(), Some(code));
    }
    agent.join().unwrap();
}

#[test]
fn so_does_every_signal_that_kills() {
    let session = Session::new();
    // Without those that stop, go on, or do nothing.
    let signals: Vec<i32> = (1..32)
        .filter(|signal| !(17..24).contains(signal) && *signal != 28)
        .collect();
    let killing = signals.clone();
    let agent = session.agents(signals.len(), move |index, mut agent| {
        agent.started();
        agent.ended(None, Some(killing[index]), 0);
    });
    for signal in signals {
        let status = session.command(session.bin().join("npm")).status().unwrap();
        assert_eq!(status.signal(), Some(signal));
        assert!(!status.core_dumped());
    }
    agent.join().unwrap();
    // One that was to be ignored, one of the realtime signals, and one that no system has.
    let killed = |line: &str, signal| {
        let ran = session.ran(line, move |mut agent| {
            agent.started();
            agent.ended(None, Some(signal), 0);
        });
        ran.status
    };
    let status = killed("trap '' TERM; exec npm", 15);
    assert_eq!(status.signal(), Some(15));
    assert_eq!(killed("exec npm", 50).signal(), Some(50));
    assert_eq!(killed("exec npm", 100).code(), Some(228));
}

#[test]
fn what_goes_wrong_is_said() {
    let session = Session::new();
    let refused = ToShim::Refused {
        message: "not there".to_owned(),
        hint: "Go elsewhere.".to_owned(),
    };
    let lost = ToShim::Lost("no connection to the laptop for 10 minutes".to_owned());
    for (said, code, expected) in [
        (Some(refused), 126, "npm: not there\nGo elsewhere.\n"),
        (
            Some(lost),
            255,
            "npm: no connection to the laptop for 10 minutes\n",
        ),
        (None, 255, "npm: the session has ended\n"),
    ] {
        let ran = session.ran("npm", move |mut agent| {
            agent.typed();
            if let Some(said) = said {
                agent.say(&said);
            }
        });
        assert_eq!(ran.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), expected);
    }
    let ran = session.ran("npm", |mut agent| agent.say(&ToShim::Version(4711)));
    assert_eq!(ran.status.code(), Some(126));
}

#[test]
fn output_and_errors_are_apart() {
    let session = Session::new();
    let ran = session.ran("npm", |mut agent| {
        agent.started();
        for _ in 0..100 {
            agent.output("out\r\n");
            agent.say(&output(Stream::Err, "err\n"));
        }
        agent.exited(3);
    });
    assert_eq!(ran.stdout, "out\r\n".repeat(100).as_bytes());
    assert_eq!(ran.stderr, "err\n".repeat(100).as_bytes());
    assert_eq!(ran.status.code(), Some(3));
}

#[test]
fn input_stays_within_the_window() {
    let session = Session::new();
    let agent = session.agent(|mut agent| {
        agent.started();
        let mut come = 0;
        for _ in 0..3 {
            let window = come + WINDOW;
            while come < window {
                match agent.next() {
                    Some(FromShim::Input(bytes)) => come += bytes.len() as u64,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(come, window);
            // What would have come is before this.
            agent.signal(Signal::USR1);
            agent.wait_for_signal(Signal::USR1);
            agent.say(&ToShim::Taken(come));
        }
        agent.exited(0);
    });
    let status = session.line("exec npm < /dev/zero").status().unwrap();
    assert!(status.success());
    agent.join().unwrap();
}

#[test]
fn what_a_command_has_not_read_of_a_file_is_left_to_the_next() {
    let session = Session::new();
    let text: String = (0..1000).map(|number| format!("{number}\n")).collect();
    fs::write(session.path("work/lines"), &text).unwrap();
    let all = |mut agent: machinery::Agent, read: u64| {
        agent.started();
        while agent.next() != Some(FromShim::InputEnded) {}
        agent.ended(Some(0), None, read);
    };
    let agent = session.agents(1000, move |_, agent| all(agent, 0));
    let line = "while read -r line; do npm; echo $line; done < lines";
    let ran = session.line(line).output().unwrap();
    agent.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), text);
    // One that has read some.
    let ran = session.ran("(npm; cat) < lines", move |agent| all(agent, 10));
    assert_eq!(ran.stdout, &text.as_bytes()[10..]);
    let length = text.len() as u64;
    let ran = session.ran("(npm; cat) < lines", move |agent| all(agent, length));
    assert_eq!(ran.stdout, b"");
}

#[test]
fn it_ends_as_the_command_does_that_nobody_reads() {
    let session = Session::new();
    let agent = session.agent(|mut agent: machinery::Agent| {
        agent.started();
        // More than a pipe holds.
        let lines = "y\n".repeat(1000);
        for _ in 0..100 {
            agent.say(&output(Stream::Out, &lines));
        }
        while agent.next() != Some(FromShim::Unread(Stream::Out)) {}
        agent.say(&ToShim::Ended {
            code: None,
            signal: Some(Signal::PIPE.as_raw()),
            read: 0,
        });
    });
    let line = "(npm < /proc/self/fd/9; echo $? >&2) 9<>fifo | head -1";
    let ran = session
        .line(&format!("mkfifo fifo; {line}"))
        .output()
        .unwrap();
    agent.join().unwrap();
    assert_eq!(ran.stdout, b"y\n");
    assert!(
        ran.stderr.ends_with(b"141\n"),
        "{:?}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn signals_are_passed_on() {
    let session = Session::new();
    let ran = session.ran("mkfifo fifo; exec npm <> fifo", |mut agent| {
        agent.started();
        testkit::wait_until("signals are caught", machinery::LIMIT, || catches(&agent));
        for signal in [
            Signal::HUP,
            Signal::INT,
            Signal::QUIT,
            Signal::TERM,
            Signal::USR1,
            Signal::USR2,
            Signal::ALARM,
            Signal::VTALARM,
            Signal::PROF,
            Signal::ABORT,
            Signal::IO,
            Signal::POWER,
            Signal::URG,
            Signal::XCPU,
            Signal::STKFLT,
        ] {
            agent.signal(signal);
            agent.wait_for_signal(signal);
        }
        agent.exited(5);
    });
    assert_eq!(ran.status.code(), Some(5));
}

/// Whether it has blocked SIGTERM.
fn catches(agent: &machinery::Agent) -> bool {
    blocked(agent) & (1 << (Signal::TERM.as_raw() - 1)) != 0
}

fn blocked(agent: &machinery::Agent) -> u64 {
    let status = format!("/proc/{}/status", agent.peer().as_raw_nonzero());
    let status = fs::read_to_string(status).unwrap();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    u64::from_str_radix(blocked.unwrap().trim(), 16).unwrap()
}

#[test]
fn what_is_to_be_ignored_is_ignored() {
    let session = Session::new();
    let line = "mkfifo fifo; trap '' HUP INT; exec npm <> fifo";
    let ran = session.ran(line, |mut agent| {
        agent.started();
        testkit::wait_until("signals are caught", machinery::LIMIT, || catches(&agent));
        for signal in [Signal::HUP, Signal::INT, Signal::USR1] {
            agent.signal(signal);
        }
        agent.wait_for_signal(Signal::USR1);
        agent.exited(0);
    });
    assert!(ran.status.success());
}

#[test]
fn before_it_runs_signals_do_what_they_do() {
    let session = Session::new();
    let ran = session.ran("exec npm", |mut agent| {
        agent.typed();
        agent.signal(Signal::INT);
        assert_eq!(agent.next(), None);
    });
    assert_eq!(ran.status.signal(), Some(Signal::INT.as_raw()));
}

/// So much goes through, in pieces of this many bytes.
const MUCH: u64 = 256 << 20;
const PIECE: usize = 64 << 10;
/// No more memory than this is had for it.
const MEMORY: usize = 48 << 20;

#[test]
fn much_output_takes_little_memory() {
    let session = Session::new();
    let agent = session.agent(|mut agent| {
        agent.started();
        let piece = ToShim::Output {
            stream: Stream::Out,
            bytes: vec![7; PIECE].into(),
        };
        for _ in 0..MUCH / PIECE as u64 {
            agent.say(&piece);
        }
        assert!(agent.memory() < MEMORY);
        agent.exited(0);
    });
    let mut command = session.command(session.bin().join("npm"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut come, mut piece) = (0, vec![0; PIECE]);
    loop {
        match stdout.read(&mut piece).unwrap() {
            0 => break,
            count => {
                assert!(piece[..count].iter().all(|byte| *byte == 7));
                come += count as u64;
            }
        }
    }
    assert_eq!(come, MUCH);
    assert!(child.wait().unwrap().success());
    agent.join().unwrap();
}

#[test]
fn so_does_much_input() {
    let session = Session::new();
    let agent = session.agent(|mut agent| {
        agent.started();
        let mut come = 0;
        loop {
            match agent.next() {
                Some(FromShim::Input(bytes)) => {
                    assert!(bytes.iter().all(|byte| *byte == 7));
                    come += bytes.len() as u64;
                    agent.say(&ToShim::Taken(come));
                }
                Some(FromShim::InputEnded) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(come, MUCH);
        assert!(agent.memory() < MEMORY);
        agent.exited(0);
    });
    let mut command = session.command(session.bin().join("npm"));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let piece = vec![7; PIECE];
    for _ in 0..MUCH / PIECE as u64 {
        stdin.write_all(&piece).unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    agent.join().unwrap();
}
