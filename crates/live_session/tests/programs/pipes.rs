//! Programs without terminal.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use live::files::Root;
use live::programs::{Directory, Input, Output, Viewer, What};
use live::{Bytes, RelativePath};

use live_session::laptop::Viewing;

use crate::ends::{both, bounded, hear_all, hear_rest, hear_until, script, words};

#[tokio::test(flavor = "multi_thread")]
async fn streams_stay_apart_and_the_exit_status_comes_through() {
    let (_cable, _home, _server, laptop) = both();
    let (program, mut viewing) = laptop
        .on_pipes(script("read line; echo \"got $line\"; echo no >&2; exit 7"))
        .await;
    bounded(viewing.input.send(Input::Typed("a word\n".into())))
        .await
        .unwrap();
    let heard = hear_all(&mut viewing).await;
    assert_eq!(
        (&*heard.out, &*heard.err),
        (&b"got a word\n"[..], &b"no\n"[..])
    );
    assert_eq!(heard.ended, Some((Some(7), None)));
    let reports = bounded(laptop.programs.list()).await.unwrap();
    let ended = reports[0].ended.expect("it has ended");
    assert_eq!(
        (reports[0].program, ended.code, ended.signal),
        (program, Some(7), None)
    );
    assert_eq!(reports[0].viewers, 0);
    // What has ended is forgotten when asked.
    bounded(laptop.programs.end(program)).await.unwrap();
    assert_eq!(bounded(laptop.programs.list()).await.unwrap(), []);
    bounded(laptop.programs.end(program)).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_group_and_death_by_one_is_told() {
    let (_cable, _home, _server, laptop) = both();
    // It is what the shell waits for that says so: else the signal might come before that is there.
    let wait = r#"while :; do sh -c "echo ready; exec sleep 600"; done"#;
    let trap = &format!("trap 'echo caught; exit 5' INT; {wait}");
    let (_, mut viewing) = laptop.on_pipes(script(trap)).await;
    hear_until(&mut viewing, "ready").await;
    // `sleep` has to get it too.
    bounded(viewing.input.send(Input::Signal(2))).await.unwrap();
    let heard = hear_all(&mut viewing).await;
    assert_eq!(
        (heard.text().as_str(), heard.ended),
        ("caught\n", Some((Some(5), None)))
    );
    let (_, mut viewing) = laptop.on_pipes(script("echo ready; exec sleep 600")).await;
    hear_until(&mut viewing, "ready").await;
    for nonsense in [0, -1, 9_999, i32::MIN] {
        bounded(viewing.input.send(Input::Signal(nonsense)))
            .await
            .unwrap();
    }
    bounded(viewing.input.send(Input::Signal(15)))
        .await
        .unwrap();
    assert_eq!(hear_all(&mut viewing).await.ended, Some((None, Some(15))));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_pass_both_ways_while_the_connection_breaks_again_and_again() {
    const LENGTH: usize = 10_000_000;
    let (cable, _home, _server, laptop) = both();
    let (_, viewing) = laptop.on_pipes(words(&["cat"])).await;
    let bytes: Vec<u8> = (0..LENGTH as u64).map(|i| ((i * i) >> 7) as u8).collect();
    let sent = Bytes::from(bytes);
    let Viewing { input, mut output } = viewing;
    let typed = sent.clone();
    let typing = async {
        input.send(Input::Typed(typed)).await.unwrap();
        input.send(Input::InputEnded).await.unwrap();
    };
    let both = async { tokio::join!(typing, hear_rest(&mut output)).1 };
    let heard = tokio::select! {
        heard = both => heard,
        () = cable.keep_cutting(Duration::from_millis(5)) => unreachable!(),
    };
    assert_eq!(heard.out.len(), LENGTH);
    assert!(heard.out == sent, "as they were sent");
    assert_eq!(heard.ended, Some((Some(0), None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_told_as_they_are() {
    let (_cable, _home, _server, laptop) = both();
    let hostile: [&[u8]; 14] = [
        b"",
        b"it's",
        b"\\",
        b"\\'",
        b"$HOME `id` $(id)",
        b"a  b\tc\nd",
        b"*?[a]{1,2}~",
        b"\"; exit 1; \"",
        b"!!",
        b"\xff\xfe\x80",
        "žluťoučký".as_bytes(),
        b"-n",
        b"#x",
        b"\x01\x7f\x1b[0m\r",
    ];
    let fixed = ["printf", "%s\\0"].map(Bytes::from);
    let all = fixed.into_iter().chain(hostile.map(Bytes::from_static));
    let (_, mut viewing) = laptop.on_pipes(What::Words(all.collect())).await;
    let heard = hear_all(&mut viewing).await;
    let told: Vec<u8> = hostile
        .iter()
        .flat_map(|word| [word, &[0][..]].concat())
        .collect();
    assert_eq!(heard.out, told);
    for bad in [What::Words(Vec::new()), What::Words(vec!["a\0".into()])] {
        let started = laptop
            .programs
            .start(bad, Directory::Home, Vec::new(), None);
        assert!(bounded(started).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_the_agents_without_its_own() {
    let (_cable, home, _server, laptop) = both();
    let added = vec![
        ("ADDED".into(), "a=b\nc".into()),
        ("TERM".into(), "vt100".into()),
    ];
    let started = laptop
        .programs
        .start(words(&["env", "-0"]), Directory::Home, added, None);
    let mut viewing = bounded(started).await.unwrap().1.unwrap();
    let heard = hear_all(&mut viewing).await.text();
    let variables: Vec<&str> = heard.split('\0').collect();
    let own = format!("HOME={}", home.path().display());
    let wanted = [
        "ADDED=a=b\nc",
        "TERM=vt100",
        "LANG=C.UTF-8",
        &own,
        "GIT_CONFIG_COUNT=2",
        "GIT_CONFIG_KEY_0=core.checkStat",
        "GIT_CONFIG_VALUE_0=minimal",
    ];
    for wanted in wanted {
        assert!(variables.contains(&wanted), "{wanted} in {variables:?}");
    }
    let left_out =
        |variable: &&str| variable.starts_with("SSH_C") || variable.contains("CLAUDE_SHARE_");
    assert!(!variables.iter().any(left_out), "{variables:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_starts_where_it_is_to_or_not_at_all() {
    let (_cable, home, _server, laptop) = both();
    let (_, mut viewing) = laptop.on_pipes(words(&["pwd", "-P"])).await;
    let heard = hear_all(&mut viewing).await;
    let there = heard.out.strip_suffix(b"\n").unwrap();
    assert_eq!(
        there,
        home.path().canonicalize().unwrap().as_os_str().as_bytes()
    );
    let unmounted = Directory::Mount(Root(9), RelativePath::root());
    let started = laptop
        .programs
        .start(words(&["pwd"]), unmounted, Vec::new(), None);
    let failure = bounded(started).await.err().expect("a failure");
    assert!(failure.message.contains("not mounted") && !failure.hint.is_empty());
    assert_eq!(bounded(laptop.programs.list()).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_waited_for_and_who_ended_is_not() {
    let (_cable, _home, _server, laptop) = both();
    let (program, viewing) = laptop.on_pipes(words(&["sleep", "600"])).await;
    let typing = async {
        let typed = Input::Typed(vec![b'x'; 8 << 20].into());
        viewing.input.send(typed).await
    };
    let ending = async {
        bounded(laptop.programs.end(program)).await.unwrap();
    };
    let (typed, ()) = bounded(async { tokio::join!(typing, ending) }).await;
    assert!(typed.is_err(), "nobody has read all of it");
    // Nobody reads the output either: it waits on the server, and the end behind it.
    let (_, mut viewing) = laptop
        .on_pipes(words(&["head", "-c", "5000000", "/dev/zero"]))
        .await;
    let reports = bounded(laptop.programs.list()).await.unwrap();
    assert!(reports.iter().any(|report| report.ended.is_none()));
    let heard = hear_all(&mut viewing).await;
    assert_eq!(
        (heard.out.len(), heard.ended),
        (5_000_000, Some((Some(0), None)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_goes_closes_the_pipes() {
    let (_cable, home, _server, laptop) = both();
    let mark = home.path().join("mark");
    let text = format!(
        "echo ready; cat >/dev/null; echo over > '{}'",
        mark.display()
    );
    let (_, mut viewing) = laptop.on_pipes(script(&text)).await;
    hear_until(&mut viewing, "ready").await;
    drop(viewing);
    until_written(&mark).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_holds_the_pipes_is_not_waited_for() {
    let (_cable, _home, _server, laptop) = both();
    let (_, mut viewing) = laptop.on_pipes(script("sleep 600 & echo $!; exit 4")).await;
    let heard = hear_all(&mut viewing).await;
    assert_eq!(heard.ended, Some((Some(4), None)));
    let child: i32 = heard.text().trim().parse().unwrap();
    let child = rustix::process::Pid::from_raw(child).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_is_to_say_is_ignored() {
    let (_cable, _home, _server, laptop) = both();
    let (_, mut viewing) = laptop.on_pipes(words(&["cat"])).await;
    for viewer in [0, 1, u64::MAX] {
        for input in [
            Input::Typed("x".into()),
            Input::InputEnded,
            Input::Seen(u64::MAX),
            Input::Signal(9),
        ] {
            let said = live::message::ToServer::Program(Viewer(viewer), input);
            laptop.connection.send(&said).unwrap();
        }
    }
    for after in [u64::MAX, 0, 7] {
        bounded(viewing.input.send(Input::Seen(after)))
            .await
            .unwrap();
    }
    bounded(viewing.input.send(Input::Typed("all".into())))
        .await
        .unwrap();
    bounded(viewing.input.send(Input::InputEnded))
        .await
        .unwrap();
    bounded(viewing.input.send(Input::InputEnded))
        .await
        .unwrap();
    let heard = hear_all(&mut viewing).await;
    assert_eq!(
        (heard.text().as_str(), heard.ended),
        ("all", Some((Some(0), None)))
    );
    assert_eq!(viewing.output.next().await, None::<Output>);
}

async fn until_written(path: &Path) {
    bounded(async {
        while std::fs::read(path).map_or(true, |bytes| bytes.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
