//! What is said over streams that break arrives once and in order.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use std::future::Future;

use common::{Cut, Order, Random, Said, ends, message, within};
use connection::{Connection, Receiver};
use live::Lane;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Each way.
const MESSAGES: u64 = 50_000;

async fn say(connection: Connection<Said>, seed: u64) {
    let mut random = Random(seed);
    let mut numbers = [0; Lane::ALL.len()];
    for _ in 0..MESSAGES {
        let lane = random.below(4);
        let length = match random.below(1_000) {
            0 => random.below(200_000),
            _ => random.below(60),
        };
        let number = &mut numbers[lane as usize];
        let said = Said {
            lane: lane as u8,
            number: *number,
            filler: vec![lane as u8; length as usize],
        };
        *number += 1;
        connection.room(Lane::ALL[lane as usize]).await;
        connection.send(&said).unwrap();
    }
    assert!(connection.settled().await);
}

async fn hear(mut receiver: Receiver<Said>) {
    let mut order = Order::default();
    for _ in 0..MESSAGES {
        order.take(&message(&mut receiver).await);
    }
}

/// Both say all they have while every stream between them breaks somewhere.
async fn exchange<S, Making>(seed: u64, mut make: impl FnMut() -> Making)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Making: Future<Output = (S, S)>,
{
    eprintln!("seed {seed}");
    let ((one, one_hears), (other, other_hears)) = ends();
    let mut random = Random(seed);
    let mut streams = 0;
    let running = async {
        loop {
            let (left, right) = make().await;
            // Most break late; some within the greeting.
            let mut cut = |inner| {
                let bound = [200, 20_000, 1_000_000][random.below(3) as usize];
                let left = random.below(bound) as usize;
                Cut { inner, left }
            };
            let (left, right) = (cut(left), cut(right));
            tokio::join!(
                async { one.run(left).await.expect_err("it was cut") },
                async { other.run(right).await.expect_err("it was cut") },
            );
            streams += 1;
        }
    };
    let saying = async {
        tokio::join!(
            say(one.clone(), seed),
            say(other.clone(), !seed),
            hear(one_hears),
            hear(other_hears),
        )
    };
    tokio::select! {
        () = running => {}
        _ = within(saying) => {}
    }
    assert!(streams > 10, "{streams} streams only");
}

#[tokio::test]
async fn over_memory() {
    for seed in 1..=3 {
        exchange(seed, async || tokio::io::duplex(10_000)).await;
    }
}

#[tokio::test]
async fn over_unix_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let make = async || {
        let (accepted, connected) = tokio::join!(listener.accept(), UnixStream::connect(&path));
        (accepted.unwrap().0, connected.unwrap())
    };
    exchange(4, make).await;
}

#[tokio::test]
async fn over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let make = async || {
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        (accepted.unwrap().0, connected.unwrap())
    };
    exchange(5, make).await;
}
