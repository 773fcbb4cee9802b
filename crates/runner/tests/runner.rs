//! Commands under a runner: `examples/runner.rs`.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use runner::{Descriptors, Limits, Report, Runner, Spec};
use rustix::process::{Pid, Signal, test_kill_process};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use tempfile::TempDir;
use testkit::wait_until;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/runner")
}

fn spec(script: &str, words: &[&str]) -> Spec {
    let words = words.iter().map(|word| (*word).to_owned());
    let arguments = ["-c".to_owned(), script.to_owned(), "sh".to_owned()]
        .into_iter()
        .chain(words);
    Spec {
        program: Bytes::from_static(b"/bin/sh"),
        name: Bytes::from_static(b"sh"),
        arguments: arguments.map(Bytes::from).collect(),
        environment: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("SAID".into(), "yes".into()),
        ],
        umask: 0o022,
        limits: Limits::default(),
        sandbox: None,
    }
}

/// A runner and our ends of what its command has open.
struct Started {
    runner: Runner,
    directory: TempDir,
    output: Option<File>,
}

impl Started {
    /// With a pipe for its output and errors.
    async fn piped(spec: Spec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (reads, writes) = std::io::pipe().unwrap();
        let writes = OwnedFd::from(writes);
        let streams = [null(), writes.try_clone().unwrap(), writes];
        let runner = start(&directory, streams, None, spec).await;
        let output = Some(File::from(OwnedFd::from(reads)));
        Self {
            runner,
            directory,
            output,
        }
    }

    /// On a terminal.
    async fn on_terminal(spec: Spec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ioctl_tiocgptpeer(&master, flags).unwrap();
        let stream = || terminal.try_clone().unwrap();
        let streams = [stream(), stream(), stream()];
        let runner = start(&directory, streams, Some(terminal), spec).await;
        Self {
            runner,
            directory,
            output: Some(File::from(master)),
        }
    }

    async fn next(&mut self) -> Option<Report> {
        timeout(LIMIT, self.runner.next()).await.unwrap().unwrap()
    }

    async fn ended(&mut self) -> (Option<i32>, Option<i32>) {
        assert_eq!(self.next().await, Some(Report::Started));
        match self.next().await {
            Some(Report::Ended { code, signal }) => (code, signal),
            other => panic!("{other:?}"),
        }
    }

    /// Everything that it has output.
    fn output(&mut self) -> String {
        let mut text = String::new();
        self.output
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    /// The process whose number the command has written there.
    fn noted(&self, name: &str) -> Pid {
        let path = self.directory.path().join(name);
        let read = || fs::read_to_string(&path).unwrap_or_default();
        wait_until("the number is written", LIMIT, || read().ends_with('\n'));
        Pid::from_raw(read().trim().parse().unwrap()).unwrap()
    }
}

async fn start(
    directory: &TempDir,
    streams: [OwnedFd; 3],
    terminal: Option<OwnedFd>,
    spec: Spec,
) -> Runner {
    let mut command = Command::new(program());
    command.env_clear().current_dir("/");
    let mut runner = Runner::prepare(command).unwrap();
    let descriptors = Descriptors {
        directory: File::open(directory.path()).unwrap().into(),
        streams,
        terminal,
    };
    runner.start(spec, &descriptors).await.unwrap();
    runner
}

fn null() -> OwnedFd {
    File::open("/dev/null").unwrap().into()
}

fn is_gone(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let is_dead = stat.is_ok_and(|stat| stat.contains(") Z ") || stat.contains(") X "));
    is_dead || test_kill_process(process).is_err()
}

#[tokio::test]
async fn words_environment_directory_and_streams_are_as_told() {
    let script = r#"pwd -P; printf '%s|' "$@"; env | sort; cat; echo to errors >&2; ls -l /proc/self/fd | grep -c socket: || true"#;
    let mut started = Started::piped(spec(script, &["a b", "", "$c"])).await;
    let ended = started.ended().await;
    let here = started.directory.path().canonicalize().unwrap();
    let text = started.output();
    let own = format!("PWD={}", here.display());
    let lines: Vec<&str> = text.lines().filter(|line| *line != own).collect();
    assert_eq!(
        lines,
        [
            &*here.to_string_lossy(),
            "a b||$c|PATH=/usr/bin:/bin",
            "SAID=yes",
            "to errors",
            "0"
        ]
    );
    assert_eq!(ended, (Some(0), None));
    assert_eq!(started.next().await, Some(Report::Gone));
    assert_eq!(started.next().await, None);
}

#[tokio::test]
async fn how_it_ends_is_told() {
    for code in [0, 1, 2, 127, 128, 255] {
        let mut started = Started::piped(spec("exit $1", &[&code.to_string()])).await;
        assert_eq!(started.ended().await, (Some(code), None));
    }
    for signal in [Signal::TERM, Signal::KILL, Signal::SEGV, Signal::INT] {
        let number = signal.as_raw();
        let mut started =
            Started::piped(spec("ulimit -c 0; kill -$1 $$", &[&number.to_string()])).await;
        assert_eq!(started.ended().await, (None, Some(number)));
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_told() {
    let mut nothing = spec("", &[]);
    nothing.program = Bytes::from_static(b"/nothing");
    let mut started = Started::piped(nothing).await;
    assert_eq!(started.next().await, Some(Report::NotStarted(2)));
    assert_eq!(started.next().await, None);
}

#[tokio::test]
async fn as_much_as_the_system_takes_can_be_said() {
    // One word may have 128 KiB, all together some 2 MiB.
    let word = "x".repeat(100_000);
    let words: Vec<&str> = std::iter::repeat_n(word.as_str(), 15).collect();
    let mut started = Started::piped(spec("echo $#", &words)).await;
    assert_eq!(started.ended().await, (Some(0), None));
    assert_eq!(started.output(), "15\n");
    let words: Vec<&str> = std::iter::repeat_n(word.as_str(), 70).collect();
    let mut started = Started::piped(spec("", &words)).await;
    let too_long = rustix::io::Errno::TOOBIG.raw_os_error();
    assert_eq!(started.next().await, Some(Report::NotStarted(too_long)));
}

#[tokio::test]
async fn signals_stop_continue_and_end_it() {
    // Without other programs: a shell that begins one while that is stopped does not stop itself.
    let script = "trap 'echo usr1; trap - USR1' USR1; echo ready; while :; do :; done";
    let mut started = Started::piped(spec(script, &[])).await;
    assert_eq!(started.next().await, Some(Report::Started));
    let mut output = started.output.take().unwrap();
    let mut said = [0; 6];
    output.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"ready\n");
    let runner = &mut started.runner;
    runner.signal(Signal::STOP.as_raw()).await.unwrap();
    let stopped = timeout(LIMIT, runner.next()).await.unwrap().unwrap();
    assert_eq!(stopped, Some(Report::Stopped(Signal::STOP.as_raw())));
    runner.signal(Signal::CONT.as_raw()).await.unwrap();
    let continued = timeout(LIMIT, runner.next()).await.unwrap().unwrap();
    assert_eq!(continued, Some(Report::Continued));
    runner.signal(Signal::USR1.as_raw()).await.unwrap();
    let mut said = [0; 5];
    output.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"usr1\n");
    // Of no signal, and more than there are: nothing happens.
    runner.signal(0).await.unwrap();
    runner.signal(4711).await.unwrap();
    runner.signal(Signal::TERM.as_raw()).await.unwrap();
    let ended = timeout(LIMIT, runner.next()).await.unwrap().unwrap();
    let signal = Some(Signal::TERM.as_raw());
    assert_eq!(ended, Some(Report::Ended { code: None, signal }));
}

fn read_until(keys: &mut impl Read, seen: &mut Vec<u8>, end: &[u8]) {
    while !seen.ends_with(end) {
        let mut byte = [0];
        keys.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
}

#[tokio::test]
async fn on_a_terminal_the_keys_do_what_they_do() {
    let script = "tty; ps -o tpgid= -p $$ | tr -d ' ' > group; echo $$ > main; cat; echo after";
    let mut started = Started::on_terminal(spec(script, &[])).await;
    assert_eq!(started.next().await, Some(Report::Started));
    let main = started.noted("main");
    assert_eq!(started.noted("group"), main, "it is in the foreground");
    let mut keys = started.output.as_ref().unwrap().try_clone().unwrap();
    keys.write_all(b"typed\n").unwrap();
    let mut seen = Vec::new();
    // A key that stops or interrupts drops what nobody has read: it is the terminal's echo, and what `cat` has read.
    read_until(&mut keys, &mut seen, b"typed\r\ntyped\r\n");
    keys.write_all(b"\x1a").unwrap();
    let stopped = Some(Report::Stopped(Signal::TSTP.as_raw()));
    assert_eq!(started.next().await, stopped);
    read_until(&mut keys, &mut seen, b"^Z");
    started.runner.signal(Signal::CONT.as_raw()).await.unwrap();
    assert_eq!(started.next().await, Some(Report::Continued));
    keys.write_all(b"\x03").unwrap();
    let signal = Some(Signal::INT.as_raw());
    assert_eq!(
        started.next().await,
        Some(Report::Ended { code: None, signal })
    );
    // Its end of the terminal is closed: `EIO`, behind all that was output.
    keys.read_to_end(&mut seen).unwrap_err();
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.starts_with("/dev/pts/"), "{seen:?}");
    assert!(!seen.contains("after"), "{seen:?}");
}

#[tokio::test]
async fn it_is_in_the_foreground_before_it_is_executed() {
    for _ in 0..50 {
        let stat = Spec {
            program: Bytes::from_static(b"/bin/cat"),
            arguments: vec![Bytes::from_static(b"/proc/self/stat")],
            ..spec("", &[])
        };
        let mut started = Started::on_terminal(stat).await;
        assert_eq!(started.ended().await, (Some(0), None));
        let mut seen = Vec::new();
        let mut output = started.output.take().unwrap();
        read_until(&mut output, &mut seen, b"\r\n");
        let stat = String::from_utf8(seen).unwrap();
        let fields: Vec<_> = stat.split(' ').collect();
        // Its own process group is the terminal's: the fifth and the eighth field of `proc_pid_stat(5)`.
        assert_eq!((fields[0], fields[4]), (fields[4], fields[7]), "{stat}");
    }
}

#[tokio::test]
async fn a_key_that_stops_is_not_lost_however_early() {
    for _ in 0..50 {
        let mut started = Started::on_terminal(spec("echo ready; read line; exit 3", &[])).await;
        assert_eq!(started.next().await, Some(Report::Started));
        let mut keys = started.output.as_ref().unwrap().try_clone().unwrap();
        read_until(&mut keys, &mut Vec::new(), b"ready\r\n");
        keys.write_all(b"\x1a").unwrap();
        let stopped = Some(Report::Stopped(Signal::TSTP.as_raw()));
        assert_eq!(started.next().await, stopped);
    }
}

#[tokio::test]
async fn all_that_it_has_started_ends_when_nobody_holds_it() {
    // One that has gone to a session of its own by forking twice and ignores what asks it to end; and the command.
    let script = r#"(setsid sh -c 'trap "" HUP TERM; echo $$ > daemon; while :; do sleep 0.1; done' &) ; echo $$ > main
        while :; do sleep 0.1; done"#;
    let mut started = Started::piped(spec(script, &[])).await;
    assert_eq!(started.next().await, Some(Report::Started));
    let (main, daemon) = (started.noted("main"), started.noted("daemon"));
    assert!(!is_gone(main) && !is_gone(daemon));
    drop(started.runner);
    wait_until("all have ended", LIMIT, || is_gone(main) && is_gone(daemon));
}

#[tokio::test]
async fn all_that_it_has_started_ends_when_its_terminal_hangs_up_as_well() {
    // As when whoever holds both is killed.
    let script = r#"(setsid sh -c 'trap "" HUP TERM; echo $$ > daemon; while :; do sleep 0.1; done' &) ; echo $$ > main
        while :; do sleep 0.1; done"#;
    let mut started = Started::on_terminal(spec(script, &[])).await;
    assert_eq!(started.next().await, Some(Report::Started));
    let (main, daemon) = (started.noted("main"), started.noted("daemon"));
    drop(started.output);
    drop(started.runner);
    wait_until("all have ended", LIMIT, || is_gone(main) && is_gone(daemon));
}

#[tokio::test]
async fn what_it_leaves_running_runs_on() {
    let script = "(sh -c 'echo $$ > left; exec sleep 1000' &) ; exit 7";
    let mut started = Started::piped(spec(script, &[])).await;
    assert_eq!(started.ended().await, (Some(7), None));
    let left = started.noted("left");
    assert!(!is_gone(left));
    rustix::process::kill_process(left, Signal::KILL).unwrap();
    assert_eq!(started.next().await, Some(Report::Gone));
}

#[tokio::test]
async fn limits_and_permissions_are_as_told() {
    let script = "umask; ulimit -c; ulimit -Sn; ulimit -Hn; touch made; stat -c %a made";
    let mut spec = spec(script, &[]);
    spec.umask = 0o027;
    spec.limits.open_files = Some(123);
    let mut started = Started::piped(spec).await;
    assert_eq!(started.ended().await, (Some(0), None));
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let hard = hard.map_or("unlimited".to_owned(), |hard| hard.to_string());
    assert_eq!(started.output(), format!("0027\n0\n123\n{hard}\n640\n"));
}

#[tokio::test]
async fn one_that_waits_is_small_and_ends_when_it_is_not_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let noted = directory.path().join("noted");
    let mut command = Command::new("/bin/sh");
    let script = r#"echo $$ > "$1"; exec "$2""#;
    command
        .args(["-c", script, "sh"])
        .arg(&noted)
        .arg(program());
    let runner = Runner::prepare(command).unwrap();
    let read = || fs::read_to_string(&noted).unwrap_or_default();
    wait_until("the number is written", LIMIT, || read().ends_with('\n'));
    let number: i32 = read().trim().parse().unwrap();
    let status = || fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
    // It waits for what it is to run, as a runner.
    wait_until("it waits", LIMIT, || {
        let stat = fs::read_to_string(format!("/proc/{number}/wchan")).unwrap_or_default();
        status().starts_with("Name:\trunner") && (stat.contains("unix") || stat == "0")
    });
    let of_its_own = status();
    let line = of_its_own.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes: u32 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(kilobytes < 1024, "{kilobytes} kB");
    drop(runner);
    let process = Pid::from_raw(number).unwrap();
    wait_until("it has ended", LIMIT, || is_gone(process));
}
