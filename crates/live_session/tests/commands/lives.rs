//! What outlives what.

use std::fs;
use std::time::Duration;

use live::commands::{News, Order};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::ends::{LIMIT, Laptop, lives, on_terminal, reading, script, wait_gone, wait_running};

const LEFT: &str = "sleep 1000 & echo $!; exit 6";
/// Does not end when it is asked to, nor does what it has started.
const STUBBORN: &str = "trap '' HUP TERM INT; (trap '' HUP TERM; setsid sleep 1000 & echo $!; sleep 1000) & wait; sleep 1000";

#[tokio::test(flavor = "multi_thread")]
async fn what_it_leaves_running_runs_on_and_keeps_nobody_waiting() {
    let (laptop, mut server) = Laptop::both().await;
    let mut left = Vec::new();
    for start in [script(LEFT), on_terminal(LEFT)] {
        let heard = server.run(start).await;
        assert_eq!(heard.code, Some(6));
        left.push(heard.text());
    }
    wait_running(&laptop, 2).await;
    // The commands themselves have ended.
    assert_eq!(laptop.publisher.ongoing_commands(), []);
    assert!(left.iter().all(|pid| lives(pid)), "{left:?}");
    server.connection.say_goodbye("enough");
    timeout(LIMIT, laptop.answering).await.unwrap().unwrap();
    for pid in left {
        assert!(!lives(&pid), "{pid}");
    }
    assert_eq!(laptop.publisher.running_commands(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_may_output_without_end() {
    let (laptop, mut server) = Laptop::both().await;
    let heard = server.run(script("yes & echo $! >&2; exit 0")).await;
    assert_eq!(heard.code, Some(0));
    let pid = String::from_utf8(heard.errors).unwrap();
    assert!(lives(&pid));
    wait_running(&laptop, 1).await;
    laptop.publisher.end_commands().await;
    assert!(!lives(&pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_typed_it_gone_it_ends_with_all_that_it_has_started() {
    let (laptop, mut server) = Laptop::both().await;
    for start in [script(STUBBORN), on_terminal(STUBBORN)] {
        let command = server.begin(start).await;
        let heard = server.hear_until(command, "\n").await;
        let pid = heard.text();
        assert!(lives(&pid));
        let ongoing = laptop.publisher.ongoing_commands();
        let [one] = &ongoing[..] else {
            panic!("{ongoing:?}");
        };
        assert_eq!(one.line.arguments.last().unwrap(), STUBBORN);
        assert_eq!(one.output, heard.output.len() as u64);
        server.say(command, Order::End);
        let heard = server.finish(command).await;
        // It is on the one list or the other.
        assert_eq!(laptop.publisher.ongoing_commands(), []);
        assert_eq!(heard.signal, Some(Signal::KILL.as_raw()));
        wait_gone(&pid).await;
        wait_running(&laptop, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_survived_and_a_long_one_ends_all() {
    let patience = Duration::from_secs(2);
    let laptop = Laptop::with(|options| options.patience = patience);
    let mut server = laptop.connect().await;
    // One process: a shell may end because what it runs has ended, before it is told to end itself.
    let command = server.begin(reading("echo $$; exec cat")).await;
    let heard = server.hear_until(command, "\n").await;
    server.unplug();
    server.plug_in(&laptop);
    server.type_in(command, "after\n");
    server.hear_until(command, "after\n").await;
    assert!(lives(&heard.text()));
    server.unplug();
    wait_gone(&heard.text()).await;
    wait_running(&laptop, 0).await;
    server.plug_in(&laptop);
    let ended = server.finish(command).await;
    assert_eq!(ended.signal, Some(Signal::HUP.as_raw()));
    assert_eq!(server.run(script("exit 8")).await.code, Some(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_started_anew_has_no_commands_but_the_names() {
    let (laptop, mut server) = Laptop::both().await;
    let command = server.begin(script("echo $$; sleep 1000")).await;
    let heard = server.hear_until(command, "\n").await;
    drop(server);
    let mut server = laptop.connect().await;
    wait_gone(&heard.text()).await;
    wait_running(&laptop, 0).await;
    assert!(server.names.as_ref().unwrap().contains(&"run".to_owned()));
    assert_eq!(server.run(script("exit 8")).await.code, Some(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_is_dropped_leaves_nothing() {
    let (laptop, mut server) = Laptop::both().await;
    let command = server.begin(script("echo $$; sleep 1000")).await;
    let heard = server.hear_until(command, "\n").await;
    laptop.answering.abort();
    drop(laptop.answering.await);
    drop(laptop.publisher);
    wait_gone(&heard.text()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once() {
    let (laptop, mut server) = Laptop::both().await;
    let mut open = std::collections::HashMap::new();
    for number in 0..200 {
        let text = format!(
            "echo {number}; read go; echo x > f{number}; exit {}",
            number % 100
        );
        open.insert(server.ask(reading(&text)), (number, Vec::new(), 0));
    }
    let mut running = 0;
    while running < 200 {
        match server.next().await {
            (_, News::Started) => running += 1,
            (command, News::Output { bytes, .. }) => {
                open.get_mut(&command).unwrap().1.extend_from_slice(&bytes);
            }
            news => panic!("{news:?}"),
        }
    }
    assert_eq!(laptop.publisher.running_commands(), 200);
    for command in open.keys() {
        server.type_in(*command, "go\n");
    }
    while !open.is_empty() {
        let (command, news) = server.next().await;
        let (number, output, parts) = open.get_mut(&command).unwrap();
        match news {
            News::Output { bytes, .. } => output.extend_from_slice(&bytes),
            News::Taken(taken) => assert_eq!(taken, 3),
            News::Ended { code, .. } => {
                assert_eq!(code, Some(*number % 100));
                assert_eq!(String::from_utf8_lossy(output), format!("{number}\n"));
                *parts += 1;
            }
            News::Settled => {
                assert!(laptop.project().join(format!("f{number}")).exists());
                *parts += 1;
            }
            news => panic!("{news:?}"),
        }
        if *parts == 2 {
            open.remove(&command);
        }
    }
    wait_running(&laptop, 0).await;
    assert_eq!(fs::read_dir(laptop.project()).unwrap().count(), 200);
}
