//! How streams and sessions begin and end.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{SESSION, Said, Swallow, end, ends, message, until_up, within};
use connection::{
    Connection, ConnectionError, Ended, GREETING, Happening, INBOX, ROOM, SendError, State,
};
use live::{FrameError, Lane, LinkError, Message, PING_INTERVAL, SILENCE, SessionId, WINDOW};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn who_does_not_listen_neither_fills_the_memory_nor_loses_the_link() {
    let ((one, _one_hears), (other, mut other_hears)) = ends();
    let (left, right) = duplex(100_000);
    let (one_runs, other_runs) = (one.clone(), other.clone());
    let running =
        tokio::spawn(async move { tokio::join!(one_runs.run(left), other_runs.run(right)) });
    let saying = one.clone();
    let said = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = Arc::clone(&said);
    let total = 2 * (INBOX + WINDOW) as u64 / 100_000;
    tokio::spawn(async move {
        for number in 0..total {
            saying.room(Lane::Bulk).await;
            let filler = vec![0; 100_000];
            let message = Said {
                lane: 3,
                number,
                filler,
            };
            saying.send(&message).unwrap();
            count.store(number + 1, Ordering::Relaxed);
        }
    });
    sleep(SILENCE * 30).await;
    let most = INBOX + WINDOW + ROOM + 1_000_000;
    let taken = said.load(Ordering::Relaxed) as usize * 100_000;
    assert!(
        taken < most,
        "{taken} bytes were taken of one who is not listened to"
    );
    assert!(taken > INBOX);
    for end in [&one, &other] {
        assert!(matches!(*end.state().borrow(), State::Up { .. }));
    }
    assert!(!running.is_finished());
    for number in 0..total {
        assert_eq!(message(&mut other_hears).await.number, number);
    }
    assert!(within(one.settled()).await);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_gone_silent_ends_and_the_next_goes_on() {
    let ((one, _one_hears), (other, mut other_hears)) = ends();
    let swallows = Arc::new(AtomicBool::new(false));
    let (left, right) = duplex(1000);
    let inner = left;
    let left = Swallow {
        inner,
        swallows: Arc::clone(&swallows),
    };
    let cut = async {
        until_up(&one).await;
        until_up(&other).await;
        sleep(PING_INTERVAL * 10).await;
        assert!(matches!(
            *one.state().borrow(),
            State::Up {
                round_trip: Some(_),
                ..
            }
        ));
        swallows.store(true, Ordering::Relaxed);
        one.send(&Said::number(7)).unwrap();
        Instant::now()
    };
    let (one_ended, other_ended, at) = tokio::join!(one.run(left), other.run(right), cut);
    assert!(matches!(one_ended, Err(ConnectionError::Silent)));
    assert!(other_ended.is_err());
    let took = at.elapsed();
    assert!(
        took >= SILENCE - PING_INTERVAL && took <= SILENCE + PING_INTERVAL,
        "{took:?}"
    );
    assert!(matches!(*one.state().borrow(), State::Down { since } if since > at));
    let (left, right) = duplex(1000);
    tokio::select! {
        _ = one.run(left) => panic!("it is up"),
        _ = other.run(right) => panic!("it is up"),
        said = message(&mut other_hears) => assert_eq!(said.number, 7),
    }
}

#[tokio::test]
async fn a_goodbye_behind_half_a_piece_is_said() {
    for number in 0..20 {
        let ((one, _one_hears), (other, _other_hears)) = ends();
        let (left, right) = duplex(1000);
        let speaks = async {
            until_up(&one).await;
            until_up(&other).await;
            // At some of these, this end waits for nothing but something to write.
            for _ in 0..number {
                tokio::task::yield_now().await;
            }
            let said = Said {
                lane: 3,
                number,
                filler: vec![0; 100_000],
            };
            one.send(&said).unwrap();
            one.say_goodbye("enough");
        };
        let both = async { tokio::join!(one.run(left), other.run(right), speaks) };
        let (one_ended, other_ended, ()) = within(both).await;
        assert_eq!(one_ended.unwrap(), Ended::SaidGoodbye);
        assert_eq!(other_ended.unwrap(), Ended::Goodbye("enough".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_says_a_word_is_not_waited_for_for_long() {
    let (one, _hears) = end();
    let (left, _right) = duplex(1000);
    let began = Instant::now();
    assert!(matches!(one.run(left).await, Err(ConnectionError::Silent)));
    assert!(began.elapsed() >= GREETING && began.elapsed() < GREETING * 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_link_stays_up() {
    let ((one, _one_hears), (other, _other_hears)) = ends();
    let (left, right) = duplex(1000);
    tokio::select! {
        _ = one.run(left) => panic!("it is idle only"),
        _ = other.run(right) => panic!("it is idle only"),
        () = sleep(Duration::from_secs(3600)) => {}
    }
    assert!(
        matches!(*one.state().borrow(), State::Down { .. }),
        "its stream was dropped"
    );
}

#[tokio::test]
async fn a_newer_stream_takes_over() {
    let ((one, mut one_hears), (other, mut other_hears)) = ends();
    let mut before = None;
    for number in 0..50 {
        let (left, right) = duplex(1000);
        let (one_runs, other_runs) = (one.clone(), other.clone());
        // The old stream of one end only is dropped by the other's newer one; its own is taken over.
        let right = tokio::spawn(async move { other_runs.run(right).await });
        let left = tokio::spawn(async move { one_runs.run(left).await });
        one.send(&Said::number(number)).unwrap();
        other.send(&Said::number(number)).unwrap();
        assert_eq!(message(&mut one_hears).await.number, number);
        assert_eq!(message(&mut other_hears).await.number, number);
        if let Some((left, right)) = before.replace((left, right)) {
            let ended = [within(left).await.unwrap(), within(right).await.unwrap()];
            let is_replaced = |ended: &Result<Ended, _>| matches!(ended, Ok(Ended::Replaced));
            assert!(ended.iter().any(is_replaced), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn the_session_ends_by_a_goodbye_after_all_that_was_said() {
    let ((one, mut one_hears), (other, mut other_hears)) = ends();
    let (left, right) = duplex(1000);
    for number in 0..1000 {
        one.send(&Said::number(number)).unwrap();
    }
    let parting = async {
        assert!(one.settled().await);
        one.say_goodbye("it is late");
    };
    let (one_ended, other_ended, ()) =
        within(async { tokio::join!(one.run(left), other.run(right), parting) }).await;
    assert_eq!(one_ended.unwrap(), Ended::SaidGoodbye);
    let goodbye = Ended::Goodbye("it is late".to_owned());
    assert_eq!(other_ended.unwrap(), goodbye);
    for number in 0..1000 {
        assert_eq!(message(&mut other_hears).await.number, number);
    }
    let last = other_hears.next().await;
    assert_eq!(last, Some(Happening::Goodbye("it is late".to_owned())));
    assert_eq!(other_hears.next().await, None);
    assert_eq!(
        one_hears.next().await,
        Some(Happening::Connected { resumed: false })
    );
    assert_eq!(one_hears.next().await, None);
    assert_eq!(other.send(&Said::number(0)), Err(SendError::Over));
    assert_eq!(other.run(duplex(10).0).await.unwrap(), goodbye);
    assert!(!one.settled().await || one.over().is_some());
}

#[tokio::test]
async fn a_goodbye_without_a_stream_is_said_on_the_next() {
    let ((one, _one_hears), (other, _other_hears)) = ends();
    one.say_goodbye("nobody is there");
    assert!(one.over().is_none());
    let (left, right) = duplex(1000);
    let (one_ended, other_ended) =
        within(async { tokio::join!(one.run(left), other.run(right)) }).await;
    assert_eq!(one_ended.unwrap(), Ended::SaidGoodbye);
    assert_eq!(
        other_ended.unwrap(),
        Ended::Goodbye("nobody is there".to_owned())
    );
}

#[tokio::test]
async fn an_end_that_was_started_anew_is_told_apart() {
    let ((one, mut one_hears), (other, _)) = ends();
    for (other, resumed) in [(&other, false), (&other, true), (&end().0, false)] {
        let (left, right) = duplex(1000);
        tokio::select! {
            _ = one.run(left) => panic!("it is up"),
            _ = other.run(right) => panic!("it is up"),
            () = async { until_up(&one).await; until_up(other).await } => {}
        }
        assert_eq!(
            one_hears.next().await,
            Some(Happening::Connected { resumed })
        );
    }
}

#[tokio::test]
async fn another_session_cannot_be_mended() {
    let (one, _one_hears) = end();
    let (other, _other_hears) = Connection::<Said>::new::<Said>(SessionId([9; 16])).unwrap();
    let (left, right) = duplex(1000);
    let (one, other) = tokio::join!(one.run(left), other.run(right));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert!(
            matches!(error, ConnectionError::Link(LinkError::Session)),
            "{error}"
        );
        assert!(error.is_final());
    }
}

#[tokio::test]
async fn a_login_script_that_talks_is_recognised_and_may_be_mended() {
    let (one, _hears) = end();
    let (left, mut right) = duplex(1000);
    right.write_all(b"Welcome to the server!\n").await.unwrap();
    let error = one.run(left).await.unwrap_err();
    let is_text = matches!(
        error,
        ConnectionError::Link(LinkError::Frame(FrameError::NotOurs))
    );
    assert!(is_text, "{error}");
    assert!(!error.is_final());
    // It has been told nevertheless whom it speaks with.
    let mut hello = Vec::new();
    right.read_to_end(&mut hello).await.unwrap();
    assert!(hello.windows(4).any(|bytes| bytes == b"CSLV"));
}

#[tokio::test]
async fn what_was_said_before_hanging_up_is_heard_though_writing_fails() {
    let ((one, mut one_hears), (other, _other_hears)) = ends();
    let (left, right) = tokio::net::UnixStream::pair().unwrap();
    let other_runs = other.clone();
    let running = tokio::spawn(async move { other_runs.run(right).await });
    // Not more than the socket holds: the other end is not listened to by then.
    for number in 0..10 {
        other.send(&Said::number(number)).unwrap();
    }
    other.say_goodbye("gone");
    let one_ended = within(one.run(left)).await.unwrap();
    assert_eq!(one_ended, Ended::Goodbye("gone".to_owned()));
    assert_eq!(within(running).await.unwrap().unwrap(), Ended::SaidGoodbye);
    assert_eq!(
        one_hears.next().await,
        Some(Happening::Connected { resumed: false })
    );
}

/// What no `Said` is.
#[derive(Serialize, Deserialize)]
struct Other(u8);

impl Message for Other {
    fn lane(&self) -> Lane {
        Lane::Control
    }
}

#[tokio::test]
async fn what_is_no_message_ends_the_session() {
    let (one, mut hears) = Connection::<Said>::new::<Other>(SESSION).unwrap();
    let (other, _other_hears) = end();
    let (left, right) = duplex(1000);
    other.send(&Said::number(300)).unwrap();
    let hearing = async {
        assert!(matches!(
            hears.next().await,
            Some(Happening::Connected { .. })
        ));
        assert!(hears.next().await.is_none());
    };
    let both = async { tokio::join!(one.run(left), other.run(right), hearing) };
    let (one_ended, other_ended, ()) = within(both).await;
    let error = one_ended.unwrap_err();
    assert!(
        matches!(error, ConnectionError::Unintelligible(_)) && error.is_final(),
        "{error}"
    );
    assert!(matches!(other_ended, Err(ConnectionError::Closed)));
    assert!(one.run(duplex(10).0).await.unwrap_err().is_final());
}
