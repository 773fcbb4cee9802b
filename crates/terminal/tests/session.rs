//! A program's session: what it is given, what it outputs, how it ends.

mod common;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use common::{PATIENCE, Watching, shell, start};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use terminal::{Ended, Event, InputError, Size, Terminal, TerminalError, WINDOW};
use testkit::TestHome;
use tokio::time::timeout;

#[tokio::test]
async fn a_program_finds_exactly_what_it_was_given() {
    let home = TestHome::new();
    let script =
        "stty size; pwd; env; echo \"I am $0\"; grep -E 'SigBlk|SigIgn' /proc/self/status; exit 3";
    let mut start = shell(&home, script);
    start.name = "another name".into();
    start.size = Size::clamped(33, 111);
    start.arguments = vec!["-c".into(), script.into(), "called".into()];
    let terminal = Terminal::start(start).unwrap();
    let mut watching = Watching::from_start(&terminal);
    let ended = watching.until_the_end().await;
    assert_eq!((ended.code, ended.signal), (Some(3), None));
    assert_eq!(terminal.ended(), Some(ended));
    assert_eq!(watching.next().await, None);
    let text = watching.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["33 111", home.home().to_str().unwrap()]);
    let mut environment: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.contains('='))
        .collect();
    environment.sort_unstable();
    let directory = format!("PWD={}", home.home().display());
    // PWD is the shell's own.
    assert_eq!(
        environment,
        ["PATH=/usr/bin:/bin", &directory, "TERM=xterm-256color"]
    );
    assert!(lines.contains(&"I am called"), "{text}");
    for name in ["SigBlk:", "SigIgn:"] {
        let set = lines
            .iter()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let set = u64::from_str_radix(set.trim(), 16).unwrap();
        // 32 and 33 are the C library's own, which lets nobody change them.
        assert_eq!(set & !(0b11 << 31), 0, "{text}");
    }
}

#[tokio::test]
async fn a_program_has_its_terminal_and_the_descriptor_it_was_given_and_no_other() {
    let home = TestHome::new();
    let mut given = tempfile::tempfile_in(home.root()).unwrap();
    given.write_all(b"what was given\n").unwrap();
    given.rewind().unwrap();
    // As a library might do it: without close-on-exec.
    let careless = rustix::fs::open("/dev/zero", OFlags::RDONLY, Mode::empty()).unwrap();
    let script = "cat <&3; cd /proc/self/fd; echo *; tty; ls -l 0 1 2 | wc -l";
    let mut with = shell(&home, script);
    with.descriptor = Some(given.into());
    let without = shell(&home, "cd /proc/self/fd; echo *");
    for (start, expected) in [(with, "what was given\r\n0 1 2 3"), (without, "0 1 2")] {
        let terminal = Terminal::start(start).unwrap();
        let mut watching = Watching::from_start(&terminal);
        watching.until_the_end().await;
        let text = watching.text();
        let (found, rest) = text.split_at(expected.len().min(text.len()));
        assert_eq!(found, expected);
        // The shell may have one for the directory that it lists.
        assert!(!rest.starts_with(" 5"), "{text}");
    }
    drop(careless);
}

#[tokio::test]
async fn what_cannot_be_run_is_said() {
    let home = TestHome::new();
    let nothing = start(&home, "/nonexistent/program", &[]);
    let error = Terminal::start(nothing).map(drop).unwrap_err();
    assert!(
        matches!(&error, TerminalError::Program { source, .. } if source.kind() == std::io::ErrorKind::NotFound),
        "{error}"
    );
    let mut nowhere = shell(&home, "true");
    nowhere.directory = "/nonexistent".into();
    nowhere.descriptor = Some(File::open("/dev/null").unwrap().into());
    assert!(matches!(
        Terminal::start(nowhere),
        Err(TerminalError::Program { .. })
    ));
}

#[tokio::test]
async fn characters_are_never_cut() {
    let home = TestHome::new();
    let script = "stty raw -echo; printf 'a\\303'; head -c 1 >/dev/null; printf '\\251b\\360\\237'; head -c 1 >/dev/null; printf '\\221\\215'; printf 'end\\342\\202'";
    let terminal = Terminal::start(shell(&home, script)).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("a").await;
    assert_eq!(watching.bytes, b"a");
    terminal.input("x".into()).unwrap();
    watching.until("b").await;
    assert_eq!(watching.text(), "aéb");
    terminal.input("x".into()).unwrap();
    watching.until_the_end().await;
    // What never became whole is told as it was.
    assert_eq!(watching.bytes, b"a\xc3\xa9b\xf0\x9f\x91\x8dend\xe2\x82");
}

#[tokio::test]
async fn a_program_that_leaves_its_terminal_and_comes_back_is_still_there() {
    let home = TestHome::new();
    let fifo = home.root().join("fifo");
    let script = format!(
        "mkfifo {0}; echo closing; exec 0<&- 1>&- 2>&-; cat {0} >/dev/null; echo back >/dev/tty",
        fifo.display()
    );
    let terminal = Terminal::start(shell(&home, &script)).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("closing").await;
    // Opening waits for the program, which has closed its terminal by then.
    let opened = tokio::task::spawn_blocking(move || File::options().write(true).open(fifo));
    drop(timeout(PATIENCE, opened).await.unwrap().unwrap().unwrap());
    watching.until("back").await;
    assert_eq!(watching.until_the_end().await.code, Some(0));
}

#[tokio::test]
async fn who_holds_the_terminal_after_the_program_has_ended_is_not_waited_for() {
    let home = TestHome::new();
    let file = home.root().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000' & until [ -e {0} ]; do :; done; echo said",
        file.display()
    );
    let terminal = Terminal::start(shell(&home, &script)).unwrap();
    let mut watching = Watching::from_start(&terminal);
    let ended = watching.until_the_end().await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(watching.text(), "said\r\n");
    let pid: i32 = std::fs::read_to_string(file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_arrive_in_order() {
    let home = TestHome::new();
    let terminal = Terminal::start(shell(&home, "stty raw -echo; echo ready; exec cat")).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("ready").await;
    watching.bytes.clear();
    let mut expected = String::new();
    for key in 0..30_000 {
        let text = format!("<{key}>");
        terminal
            .input_when_ready(text.clone().into())
            .await
            .unwrap();
        expected += &text;
    }
    watching.until("<29999>").await;
    assert!(watching.text().trim_start() == expected, "out of order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paste_of_several_megabytes_arrives_whole() {
    const LENGTH: usize = 4 << 20;
    let home = TestHome::new();
    let script = format!("stty raw -echo; echo ready; head -c {LENGTH} | cksum");
    let terminal = Terminal::start(shell(&home, &script)).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("ready").await;
    let paste: Vec<u8> = (0..LENGTH).map(|index| (index * 7 % 251) as u8).collect();
    let file = home.root().join("paste");
    File::create(&file).unwrap().write_all(&paste).unwrap();
    terminal.input_when_ready(paste.into()).await.unwrap();
    watching.until_the_end().await;
    let sum = std::process::Command::new("cksum")
        .stdin(File::open(file).unwrap())
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(
        watching.text().contains(sum.trim()),
        "{sum} {:?}",
        watching.text()
    );
}

#[tokio::test]
async fn a_program_that_does_not_read_holds_nothing_up() {
    let home = TestHome::new();
    let terminal =
        Terminal::start(shell(&home, "stty raw -echo; echo ready; exec sleep 1000")).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("ready").await;
    let piece = bytes::Bytes::from(vec![b'x'; 100 << 10]);
    let taken = (0..100)
        .take_while(|_| terminal.input(piece.clone()).is_ok())
        .count();
    assert!((10..=12).contains(&taken), "{taken} pieces of 100 KiB");
    assert_eq!(terminal.input(piece.clone()), Err(InputError::Full));
    let waiting = tokio::spawn({
        let terminal = terminal.clone();
        async move { terminal.input_when_ready(piece).await }
    });
    terminal.end();
    assert_eq!(
        watching.until_the_end().await.signal,
        Some(Signal::HUP.as_raw())
    );
    assert_eq!(
        timeout(PATIENCE, waiting).await.unwrap().unwrap(),
        Err(InputError::Ended)
    );
    assert_eq!(terminal.input("x".into()), Err(InputError::Ended));
}

#[tokio::test]
async fn the_program_hears_of_a_new_size_once() {
    let home = TestHome::new();
    let script = "trap 'echo size $(stty size)' WINCH; echo ready; while true; do read line && echo \"line $line\"; done";
    let terminal = Terminal::start(shell(&home, script)).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("ready").await;
    let size = Size::clamped(40, 120);
    terminal.resize(Size::DEFAULT);
    terminal.resize(size);
    terminal.resize(size);
    assert_eq!(terminal.size(), size);
    watching.until("size 40 120").await;
    terminal.input("over\n".into()).unwrap();
    watching.until("line over").await;
    assert_eq!(
        watching.text().matches("size 40 120").count(),
        1,
        "{}",
        watching.text()
    );
    let told: Vec<&Event> = watching
        .events
        .iter()
        .filter(|event| matches!(event, Event::Resized(_)))
        .collect();
    assert_eq!(told, [&Event::Resized(size)]);
    terminal.end();
    watching.until_the_end().await;
}

#[tokio::test]
async fn the_last_handle_ends_the_program_and_what_it_runs() {
    let home = TestHome::new();
    let script = "set -m; sh -c 'echo running $$ in the foreground; exec sleep 1000'; echo never";
    let terminal = Terminal::start(shell(&home, script)).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("in the foreground").await;
    let text = watching.text();
    let inner: i32 = text
        .split("running ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    drop(terminal.clone());
    test_kill_process(Pid::from_raw(inner).unwrap()).unwrap();
    drop(terminal);
    assert_eq!(
        watching.until_the_end().await.signal,
        Some(Signal::HUP.as_raw())
    );
    let inner = Pid::from_raw(inner).unwrap();
    testkit::wait_until("the inner program is gone", PATIENCE, || {
        test_kill_process(inner).is_err()
    });
}

#[tokio::test]
async fn who_does_not_hang_up_is_killed() {
    let home = TestHome::new();
    let terminal = Terminal::start(shell(
        &home,
        "trap '' HUP; echo ready; while true; do sleep 0.1; done",
    ))
    .unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("ready").await;
    let begun = Instant::now();
    terminal.end();
    assert_eq!(
        watching.until_the_end().await.signal,
        Some(Signal::KILL.as_raw())
    );
    assert!(begun.elapsed() >= Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_interrupted_at_once() {
    let home = TestHome::new();
    let mut times = Vec::new();
    for _ in 0..5 {
        let terminal = Terminal::start(shell(&home, "exec yes")).unwrap();
        let mut watching = Watching::from_start(&terminal);
        while terminal.output_bytes() < 4 << 20 {
            watching.next().await.unwrap();
            watching.bytes.clear();
        }
        let begun = Instant::now();
        terminal.input("\x03".into()).unwrap();
        assert_eq!(
            watching.until_the_end().await.signal,
            Some(Signal::INT.as_raw())
        );
        times.push(begun.elapsed());
    }
    times.sort();
    assert!(times[2] < Duration::from_millis(100), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fastest_viewer_sets_the_pace_and_a_stalled_one_only_for_a_while() {
    let home = TestHome::new();
    let mut start = shell(&home, "exec yes 'some words, many times over'");
    start.kept = 1 << 20;
    let terminal = Terminal::start(start).unwrap();
    let mut stalled = terminal.attach(None);
    let begun = Instant::now();
    // Without an acknowledgement it gets a window's worth and not much more, and the program waits for it…
    let mut got = 0;
    while let Ok(event) = timeout(Duration::from_secs(1), stalled.next()).await {
        match event.unwrap() {
            Event::Output { after, .. } => got = after,
            Event::Picture { after, .. } => got = after,
            other => panic!("{other:?}"),
        }
    }
    let held = terminal.output_bytes();
    assert!(got <= WINDOW + (64 << 10) + 3, "{got}");
    assert!(held <= WINDOW + (128 << 10), "{held}");
    // …but not while there is another who reads…
    let mut fast = Watching::attached(&terminal, None);
    while fast.after < 8 << 20 {
        fast.next().await.unwrap();
        fast.bytes.clear();
    }
    assert!(begun.elapsed() < Duration::from_secs(5) || fast.after > held);
    drop(fast);
    // …nor for long.
    testkit_wait("the program goes on", || terminal.output_bytes() > 30 << 20).await;
    assert!(
        terminal.kept_bytes() < (1 << 20) + (256 << 10),
        "{}",
        terminal.kept_bytes()
    );
    assert_eq!(terminal.viewers(), 1);
    // Once it acknowledges, it sees how things are by then.
    stalled.acknowledge(got);
    let event = timeout(PATIENCE, stalled.next()).await.unwrap();
    assert!(matches!(event, Some(Event::Picture { after, .. }) if after > 30 << 20));
    terminal.end();
    terminal.wait().await;
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed() {
    let home = TestHome::new();
    let mut start = shell(
        &home,
        "stty -echo; echo one; read line; echo two; read line; seq 100000",
    );
    start.kept = 64 << 10;
    let terminal = Terminal::start(start).unwrap();
    let mut first = Watching::from_start(&terminal);
    first.until("one").await;
    let after = first.after;
    drop(first);
    terminal.input("\n".into()).unwrap();
    let mut second = Watching::attached(&terminal, Some(after));
    second.until("two").await;
    assert!(
        second
            .events
            .iter()
            .all(|event| matches!(event, Event::Output { .. }))
    );
    assert!(!second.text().contains("one"));
    terminal.input("\n".into()).unwrap();
    let ended = second.until_the_end().await;
    // Too long ago, or never: a picture; and how it ended, as often as anybody asks.
    for after in [Some(after), Some(1 << 40), None] {
        let mut late = Watching::attached(&terminal, after);
        assert!(matches!(late.next().await, Some(Event::Picture { .. })));
        assert!(late.text().ends_with("99999\r\n100000\r\n"));
        assert_eq!(late.next().await, Some(Event::Ended(ended)));
        assert_eq!(late.next().await, None);
    }
}

#[tokio::test]
async fn a_descriptor_that_takes_a_closed_ones_number_is_left_alone() {
    let home = TestHome::new();
    let terminal = Terminal::start(shell(&home, "echo said; exec sleep 1000")).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("said").await;
    terminal.end();
    watching.until_the_end().await;
    let output = terminal.output_bytes();
    // Takes all numbers that were given back.
    let mut pipes = Vec::new();
    for _ in 0..50 {
        let (mut reading, mut writing) = std::io::pipe().unwrap();
        writing.write_all(b"secret").unwrap();
        let mut one = [0];
        reading.read_exact(&mut one).unwrap();
        pipes.push((reading, writing));
    }
    terminal.resize(Size::clamped(50, 50));
    assert_eq!(terminal.input("typed".into()), Err(InputError::Ended));
    terminal.end();
    for (mut reading, writing) in pipes {
        drop(writing);
        let mut rest = String::new();
        reading.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "ecret");
    }
    assert_eq!(terminal.output_bytes(), output);
}

#[tokio::test]
async fn a_recording_can_be_played() {
    let home = TestHome::new();
    let path = home.root().join("recording.cast");
    let mut start = shell(
        &home,
        "stty -echo; echo 'première'; read line; printf '\\033[31mred\\033[0m\\n'; seq 20000",
    );
    start.recording = Some(path.clone());
    let terminal = Terminal::start(start).unwrap();
    let mut watching = Watching::from_start(&terminal);
    watching.until("première").await;
    terminal.resize(Size::clamped(30, 90));
    terminal.input("\n".into()).unwrap();
    watching.until_the_end().await;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert_eq!(
        (&header["version"], &header["width"], &header["height"]),
        (&2.into(), &80.into(), &24.into())
    );
    assert!(header["timestamp"].as_u64().unwrap() > 1_700_000_000);
    let (mut output, mut resized, mut time) = (String::new(), Vec::new(), 0.0);
    for line in lines {
        assert!(line[0].as_f64().unwrap() >= time);
        time = line[0].as_f64().unwrap();
        match line[1].as_str().unwrap() {
            "o" => output += line[2].as_str().unwrap(),
            "r" => resized.push(line[2].as_str().unwrap().to_owned()),
            other => panic!("{other}"),
        }
    }
    assert_eq!(output, watching.text());
    assert_eq!(resized, ["90x30"]);
    let mut again = shell(&home, "true");
    again.recording = Some(path);
    assert!(matches!(
        Terminal::start(again),
        Err(TerminalError::Recording { .. })
    ));
}

#[tokio::test]
async fn a_look_that_is_given_up_loses_nothing() {
    let home = TestHome::new();
    let terminal = Terminal::start(shell(&home, "seq 50000")).unwrap();
    let mut watching = Watching::from_start(&terminal);
    let ended: Ended = loop {
        // Given up at once whenever it would wait.
        let event = tokio::select! { biased; event = watching.next() => event, () = tokio::task::yield_now() => continue };
        if let Some(Event::Ended(ended)) = event {
            break ended;
        }
    };
    assert_eq!(ended.code, Some(0));
    let expected: String = (1..=50_000).map(|number| format!("{number}\r\n")).collect();
    assert!(
        watching
            .text()
            .ends_with(&expected[expected.len() - 1000..])
    );
}

async fn testkit_wait(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
