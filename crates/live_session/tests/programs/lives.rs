//! What outlives what.

use live::Bytes;
use live::programs::{Directory, Input};

use crate::ends::{
    Cable, both, bounded, hear_all, hear_until, lives, script, start_agent, start_laptop, type_in,
    words,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_started_anew_knows_of_no_program() {
    let (cable, home, server, laptop) = both();
    let program = laptop.on_terminal(words(&["cat"])).await;
    let mut viewing = laptop.attach(program).await;
    let (_, mut piped) = laptop.on_pipes(words(&["cat"])).await;
    type_in(&viewing, "here\n").await;
    hear_until(&mut viewing, "here").await;
    cable.unplug();
    server.agent.stop();
    bounded(server.running).await.unwrap();
    let _server = start_agent(&cable, home.path());
    for viewing in [&mut viewing, &mut piped] {
        let heard = hear_all(viewing).await;
        assert_eq!(heard.ended, Some((None, None)));
        assert!(viewing.input.send(Input::InputEnded).await.is_err());
    }
    let failure = bounded(laptop.programs.attach(program, None, false))
        .await
        .err()
        .unwrap();
    assert!(failure.message.contains("no such program"), "{failure:?}");
    bounded(laptop.programs.end(program)).await.unwrap_err();
    assert_eq!(bounded(laptop.programs.list()).await.unwrap(), []);
    let (_, mut piped) = laptop.on_pipes(words(&["echo", "on"])).await;
    assert_eq!(hear_all(&mut piped).await.text(), "on\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_that_was_started_anew_finds_what_runs() {
    let (cable, _home, _server, laptop) = both();
    let program = laptop.on_terminal(words(&["cat"])).await;
    let mut viewing = laptop.attach(program).await;
    type_in(&viewing, "before\n").await;
    hear_until(&mut viewing, "before").await;
    let (piped, other) = laptop.on_pipes(words(&["cat"])).await;
    drop(laptop);
    drop((viewing, other));
    let laptop = start_laptop(&cable);
    let reports = bounded(laptop.programs.list()).await.unwrap();
    let numbers: Vec<_> = reports.iter().map(|report| report.program).collect();
    assert_eq!(numbers, [program, piped]);
    // Its numbers begin at 1 again, which is taken.
    let (new, mut viewing) = laptop.on_pipes(words(&["echo", "new"])).await;
    assert!(new != program && new != piped);
    assert_eq!(hear_all(&mut viewing).await.text(), "new\n");
    let mut viewing = laptop.attach(program).await;
    hear_until(&mut viewing, "before").await;
    // Nobody can hold the pipes of the other again: its input has ended, and it with that.
    bounded(async {
        let ended = async || {
            let reports = laptop.programs.list().await.unwrap();
            let report = reports.iter().find(|report| report.program == piped);
            report.is_some_and(|report| report.ended.is_some())
        };
        while !ended().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_on_when_the_session_has_ended() {
    let (_cable, _home, server, laptop) = both();
    let stubborn = "trap '' TERM HUP; sleep 600 & echo pids $$ $! .; wait; sleep 600";
    let program = laptop.on_terminal(script(stubborn)).await;
    let mut on_terminal = laptop.attach(program).await;
    let (_, mut on_pipes) = laptop.on_pipes(script(stubborn)).await;
    let mut processes = Vec::new();
    for viewing in [&mut on_terminal, &mut on_pipes] {
        let text = hear_until(viewing, " .").await.text();
        let told = text.split("pids ").nth(1).unwrap();
        processes.extend(told.split(' ').take(2).map(str::to_owned));
    }
    assert!(
        processes.iter().all(|process| lives(process)),
        "{processes:?}"
    );
    laptop.connection.say_goodbye("over");
    let reason = bounded(server.running).await.unwrap();
    assert_eq!(reason.as_deref(), Some("over"));
    let left: Vec<_> = processes.iter().filter(|process| lives(process)).collect();
    assert_eq!(left, Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_dropped_leaves_nothing() {
    let (_cable, _home, server, laptop) = both();
    let (_, mut viewing) = laptop.on_pipes(script("echo $$; exec sleep 600")).await;
    let process = hear_until(&mut viewing, "\n").await.text();
    server.running.abort();
    drop(server.running.await);
    drop((server.agent, server.connection));
    bounded(async {
        while lives(process.trim()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_before_there_is_a_connection_waits() {
    let home = tempfile::tempdir().unwrap();
    let cable = Cable::new();
    let laptop = start_laptop(&cable);
    let programs = laptop.programs.clone();
    let asked = tokio::spawn(async move {
        let what = words(&["echo", "at last"]);
        programs
            .start(what, Directory::Home, Vec::new(), None)
            .await
    });
    tokio::task::yield_now().await;
    let _server = start_agent(&cable, home.path());
    let (_, viewing) = bounded(asked).await.unwrap().unwrap();
    assert_eq!(hear_all(&mut viewing.unwrap()).await.text(), "at last\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_so_many() {
    let (_cable, _home, _server, laptop) = both();
    let mut last = None;
    for _ in 0..64 {
        last = Some(laptop.on_terminal(words(&["cat"])).await);
    }
    let what = words(&["cat"]);
    let environment = vec![(Bytes::from_static(b"A"), Bytes::from_static(b"B"))];
    let more = laptop
        .programs
        .start(what, Directory::Home, environment, None);
    let failure = bounded(more).await.err().expect("a failure");
    assert!(failure.message.contains("64"), "{failure:?}");
    let mut viewing = laptop.attach(last.unwrap()).await;
    bounded(laptop.programs.end(last.unwrap())).await.unwrap();
    assert_eq!(hear_all(&mut viewing).await.ended, Some((None, Some(1))));
    laptop.on_pipes(words(&["true"])).await;
}
