//! When new streams are made.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{PATIENCE, Said, end, ends, message, until_up, within};
use connection::reconnect::{Options, Status, keep};
use connection::{Connection, ConnectionError, Ended};
use live::{LinkError, SessionId};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

#[tokio::test(start_paused = true)]
async fn attempts_become_rarer_up_to_ten_seconds() {
    let (one, _hears) = end();
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&attempts);
    let connector = move || {
        noted.lock().unwrap().push(Instant::now());
        async { Err::<DuplexStream, _>(refused()) }
    };
    let (keeper, kept) = keep(one, connector, Options::default());
    let running = tokio::spawn(kept);
    sleep(Duration::from_secs(600)).await;
    let times = attempts.lock().unwrap().clone();
    let mut most = Duration::from_millis(200);
    for pair in times.windows(2) {
        let waited = pair[1] - pair[0];
        // A timer may be a millisecond late.
        let late = Duration::from_millis(2);
        assert!(
            waited >= most / 2 && waited <= most + late,
            "{waited:?} of {most:?}"
        );
        most = (most * 2).min(Duration::from_secs(10));
    }
    assert!(times.len() > 60 && times.len() < 140, "{}", times.len());
    let Status::Down {
        retry_at, error, ..
    } = keeper.status().borrow().clone()
    else {
        panic!("{:?}", keeper.status().borrow());
    };
    assert!(matches!(&*error, ConnectionError::Stream(_)));
    assert!(retry_at > Instant::now());
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_wake_comes_before_the_wait_and_before_an_attempt_that_hangs() {
    let (one, _hears) = end();
    let (attempted, mut attempts) = mpsc::unbounded_channel();
    let mut number = 0;
    let connector = move || {
        number += 1;
        attempted.send(number).unwrap();
        async move {
            if number % 2 == 0 {
                std::future::pending::<()>().await;
            }
            Err::<DuplexStream, _>(refused())
        }
    };
    let options = Options {
        shortest: Duration::from_secs(3600),
        longest: Duration::from_secs(3600),
        ..Options::default()
    };
    let began = Instant::now();
    let (keeper, kept) = keep(one, connector, options);
    let running = tokio::spawn(kept);
    let mut status = keeper.status();
    for number in 1..10 {
        assert_eq!(within(attempts.recv()).await, Some(number));
        if number % 2 == 1 {
            let down = status.wait_for(|status| matches!(status, Status::Down { .. }));
            drop(within(down).await.unwrap());
        }
        keeper.wake();
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    running.abort();
}

/// By a clock that does not wait.
async fn within_minutes<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE * 10, future)
        .await
        .expect("within minutes")
}

/// Streams to `other`, each of which lasts as long as it is told to.
fn lasting(
    other: Connection<Said>,
    lasts: Duration,
) -> impl FnMut() -> std::future::Ready<io::Result<DuplexStream>> + Send {
    move || {
        let (left, right) = duplex(1000);
        let other = other.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = other.run(right) => {}
                () = sleep(lasts) => {}
            }
        });
        std::future::ready(Ok(left))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_up_for_long_is_followed_at_once_and_nothing_is_lost() {
    let ((one, _one_hears), (other, mut other_hears)) = ends();
    let options = Options::default();
    let connector = lasting(other.clone(), Duration::from_secs(60));
    let (keeper, kept) = keep(one.clone(), connector, options);
    let running = tokio::spawn(kept);
    let mut status = keeper.status();
    for number in 0..20 {
        let up = status.wait_for(|status| matches!(status, Status::Up { .. }));
        drop(within_minutes(up).await.unwrap());
        one.send(&Said::number(number)).unwrap();
        assert_eq!(message(&mut other_hears).await.number, number);
        let down = status.wait_for(|status| matches!(status, Status::Down { .. }));
        let down = within_minutes(down).await.unwrap().clone();
        let Status::Down {
            retry_at, error, ..
        } = down
        else {
            unreachable!();
        };
        assert!(retry_at - Instant::now() <= options.shortest);
        assert!(matches!(
            &*error,
            ConnectionError::Closed | ConnectionError::Stream(_)
        ));
    }
    other.say_goodbye("that was all");
    let ended = within(running).await.unwrap().unwrap();
    assert_eq!(ended, Ended::Goodbye("that was all".to_owned()));
    assert!(matches!(
        &*status.borrow(),
        Status::Ended {
            why: Ok(Ended::Goodbye(_))
        }
    ));
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_as_soon_as_they_are_up_do_not_spin() {
    let ((one, _one_hears), (other, _other_hears)) = ends();
    let mut connect = lasting(other, Duration::from_millis(1));
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    let connector = move || {
        *counted.lock().unwrap() += 1;
        connect()
    };
    let (_, kept) = keep(one, connector, Options::default());
    let running = tokio::spawn(kept);
    sleep(Duration::from_secs(600)).await;
    let count = *count.lock().unwrap();
    assert!(count < 140, "{count} streams in ten minutes");
    running.abort();
}

#[tokio::test]
async fn an_error_for_good_ends_it_and_so_does_a_goodbye() {
    let (one, _one_hears) = end();
    let (stranger, _stranger_hears) = Connection::<Said>::new::<Said>(SessionId([1; 16])).unwrap();
    let connector = lasting(stranger, Duration::from_secs(60));
    let (keeper, kept) = keep(one.clone(), connector, Options::default());
    let error = within(kept).await.unwrap_err();
    assert!(matches!(&*error, ConnectionError::Link(LinkError::Session)));
    assert!(matches!(
        &*keeper.status().borrow(),
        Status::Ended { why: Err(_) }
    ));

    let (other, _other_hears) = end();
    let (_, kept) = keep(
        one.clone(),
        lasting(other, Duration::from_secs(60)),
        Options::default(),
    );
    let parting = async {
        until_up(&one).await;
        one.say_goodbye("enough");
    };
    let (ended, ()) = within(async { tokio::join!(kept, parting) }).await;
    assert_eq!(ended.unwrap(), Ended::SaidGoodbye);
}
