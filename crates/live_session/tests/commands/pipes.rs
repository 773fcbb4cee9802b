//! Commands without a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use live::Bytes;
use live::commands::{End, LARGEST_PIECE, News, Order, Start, WINDOW};
use live::programs::Stream;
use live_session::laptop::Outcome;
use rustix::process::Signal;

use crate::ends::{Laptop, MOUNT, bytes, reading, script, start};

#[tokio::test(flavor = "multi_thread")]
async fn what_it_outputs_and_how_it_ends() {
    let (laptop, mut server) = Laptop::both().await;
    let heard = server
        .run(script(r"printf 'a\000\377'; printf e >&2; exit 7"))
        .await;
    assert_eq!(
        (heard.output, heard.errors),
        (b"a\0\xff".to_vec(), b"e".to_vec())
    );
    assert_eq!((heard.code, heard.signal), (Some(7), None));
    for signal in [Signal::KILL, Signal::SEGV, Signal::HUP] {
        let heard = server
            .run(script(&format!("kill -{} $$", signal.as_raw())))
            .await;
        assert_eq!((heard.code, heard.signal), (None, Some(signal.as_raw())));
    }
    let heard = server.run(script("head -c 30000000 /dev/zero")).await;
    assert_eq!(heard.output.len(), 30_000_000);
    let log = laptop.log.0.lock().unwrap();
    let last = log.last().unwrap();
    assert_eq!((last.line.name.as_str(), last.output), ("run", 30_000_000));
    assert_eq!(last.line.arguments, ["-c", "head -c 30000000 /dev/zero"]);
    assert_eq!(last.line.directory, laptop.project());
    let ended = Outcome::Ended {
        code: Some(0),
        signal: None,
    };
    assert_eq!(last.outcome, ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_are_the_output_come_in_order() {
    let (_laptop, mut server) = Laptop::both().await;
    let lines = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done";
    let start = Start {
        streams: [End::Nothing, End::Pipe, End::AsOutput],
        ..script(lines)
    };
    let heard = server.run(start).await;
    let expected: String = (0..500).map(|i| format!("o{i}\ne{i}\n")).collect();
    assert_eq!(heard.text(), expected);
    assert!(heard.errors.is_empty());
    let start = Start {
        streams: [End::Nothing; 3],
        ..script("echo nobody; echo hears >&2; cat; exit 3")
    };
    let heard = server.run(start).await;
    assert_eq!((heard.output.len(), heard.code), (0, Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn input_is_read_to_its_end_and_within_the_window() {
    let (_laptop, mut server) = Laptop::both().await;
    let length = 3 * WINDOW;
    let command = server.begin(reading("cksum | cut -d' ' -f2")).await;
    let (mut said, mut taken) = (0, 0);
    while taken < length {
        let piece = Bytes::from(vec![b'x'; LARGEST_PIECE]);
        while said < length && said + LARGEST_PIECE as u64 <= taken + WINDOW {
            server.say(command, Order::Input(piece.clone()));
            said += LARGEST_PIECE as u64;
        }
        match server.next_of(command).await {
            News::Taken(now) => taken = now,
            news => panic!("{news:?}"),
        }
    }
    server.say(command, Order::InputEnded);
    let heard = server.finish(command).await;
    assert_eq!(heard.text(), format!("{length}\n"));
    assert_eq!(heard.read, length);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_it_learns_as_of_any_pipe() {
    let (_laptop, mut server) = Laptop::both().await;
    let unread = |stream| Order::Unread(stream);
    // By a signal, by an error, and not at all.
    let command = server.begin(script("exec yes")).await;
    server.say(command, unread(Stream::Out));
    let heard = server.finish(command).await;
    assert_eq!(heard.signal, Some(Signal::PIPE.as_raw()));
    let caught = "trap '' PIPE; until ! echo x; do :; done 2> /dev/null; echo caught >&2; exit 5";
    let command = server.begin(script(caught)).await;
    server.say(command, unread(Stream::Out));
    let heard = server.finish(command).await;
    assert_eq!((heard.code, heard.errors), (Some(5), b"caught\n".to_vec()));
    let command = server.begin(reading("cat > /dev/null; echo out")).await;
    server.say(command, unread(Stream::Err));
    server.say(command, Order::InputEnded);
    let heard = server.finish(command).await;
    assert_eq!((heard.text().as_str(), heard.code), ("out\n", Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_has_not_read_of_its_input_is_known() {
    let (laptop, mut server) = Laptop::both().await;
    // A shell reads single bytes up to the end of a line.
    for has_ended in [false, true] {
        let command = server
            .begin(reading("read line; echo $line; read go < go"))
            .await;
        let go = laptop.project().join("go");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&go)
                .status()
                .unwrap()
                .success()
        );
        server.type_in(command, "first\nsecond\nthird\n");
        if has_ended {
            server.say(command, Order::InputEnded);
        }
        let heard = server.hear_until(command, "first\n").await;
        let fifo = go.clone();
        let writing = tokio::task::spawn_blocking(move || fs::write(fifo, "go\n"));
        let after = server.finish(command).await;
        writing.await.unwrap().unwrap();
        assert_eq!(after.read, 6);
        assert_eq!(heard.taken.max(after.taken), 19);
        fs::remove_file(go).unwrap();
    }
    // One that never reads, and one that has closed it.
    let command = server
        .begin(reading("exec <&-; echo closed; sleep 1000"))
        .await;
    server.hear_until(command, "closed\n").await;
    server.say(command, Order::Input(vec![0; 1 << 20].into()));
    while server.next_of(command).await != News::Taken(1 << 20) {}
    server.say(command, Order::Signal(Signal::TERM.as_raw()));
    let heard = server.finish(command).await;
    assert_eq!((heard.signal, heard.read), (Some(Signal::TERM.as_raw()), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_is_given_is_the_laptops() {
    let (laptop, mut server) = Laptop::both().await;
    fs::create_dir_all(laptop.project().join("sub/dir")).unwrap();
    let mut start = start(
        "run",
        &["-c", "umask; pwd; echo $0 $1; env | sort; echo > made"],
    );
    start
        .arguments
        .extend([bytes("zero"), bytes(&format!("--to={MOUNT}/x"))]);
    start.directory = live::RelativePath::new(b"sub/dir").unwrap();
    start.umask = 0o077;
    let smuggled = [
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "RUSTC_WRAPPER",
        "GIT_SSH",
        "PATH",
        "LAPTOP",
        "PWD",
    ];
    let smuggled = smuggled.map(|name| (bytes(name), bytes("smuggled")));
    start.environment = smuggled.into();
    start.environment.push((bytes("CI"), bytes("1")));
    let heard = server.run(start).await;
    let project = laptop.project();
    let project = project.display();
    let expected = format!(
        "0077\n{project}/sub/dir\nzero --to={project}/x\nCI=1\nLAPTOP=own\nPATH={}/bin:/usr/bin:/bin\nPWD={project}/sub/dir\n",
        laptop.home.path().display(),
    );
    let text = heard.text();
    // What the shell itself adds.
    let told: String = text
        .lines()
        .filter(|line| {
            !["_=", "SHLVL=", "OLDPWD="]
                .iter()
                .any(|own| line.starts_with(own))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(told, expected);
    let made = fs::metadata(laptop.project().join("sub/dir/made")).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_in_output_are_the_servers_if_that_is_wanted() {
    let laptop = Laptop::with(|options| options.map_output = true);
    let mut server = laptop.connect().await;
    let project = laptop.project();
    let project = project.display();
    let heard = server
        .run(script(&format!(
            "pwd; printf '%s' 'error in {project}'; echo {project}/x >&2"
        )))
        .await;
    assert_eq!(heard.text(), format!("{MOUNT}\nerror in {MOUNT}"));
    assert_eq!(heard.errors, format!("{MOUNT}/x\n").as_bytes());
    // What may be the beginning of a path is not held back for ever.
    let command = server
        .begin(reading(&format!("printf 'at {project}'; cat")))
        .await;
    server.hear_until(command, &format!("at {MOUNT}")).await;
    server.say(command, Order::InputEnded);
    server.finish(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_is_not_seen_waits_within_the_window() {
    let (_laptop, mut server) = Laptop::both().await;
    let command = server
        .begin(script("head -c 20000000 /dev/zero; echo done >&2"))
        .await;
    let mut unseen = 0;
    while unseen < WINDOW {
        match server.next_of(command).await {
            News::Output { bytes, .. } => unseen += bytes.len() as u64,
            news => panic!("{news:?}"),
        }
    }
    assert_eq!(unseen, WINDOW);
    // Others go on.
    let other = server.begin(script("head -c 1000000 /dev/zero")).await;
    let heard = server.finish(other).await;
    assert_eq!(heard.output.len(), 1_000_000);
    server.say(command, Order::Seen(unseen));
    let mut told = unseen;
    loop {
        match server.next_of(command).await {
            News::Output { bytes, .. } => {
                told += bytes.len() as u64;
                server.say(command, Order::Seen(told));
            }
            News::Ended { code, .. } => break assert_eq!(code, Some(0)),
            News::Settled => {}
            news => panic!("{news:?}"),
        }
    }
    assert_eq!(told, 20_000_005);
}
