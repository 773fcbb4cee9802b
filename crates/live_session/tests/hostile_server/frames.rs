//! Bytes that are no frames, frames that cannot come, and messages that say nothing.

use bytes::Bytes;
use connection::{ConnectionError, Ended};
use live::message::ToLaptop;
use live::{LARGEST_FRAME, LARGEST_MESSAGE, Lane, Message as _, VERSION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::driver::{LIMIT, Laptop, SESSION, play};
use crate::requests::{on, place};

/// See the head of `live::frame`.
pub(crate) fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 1) as u32;
    [&length.to_be_bytes()[..], &[kind], content].concat()
}

fn hello(version: u16, session: [u8; 16], own: u64) -> Vec<u8> {
    let version = version.to_be_bytes();
    let own = own.to_be_bytes();
    frame(
        1,
        &[
            b"CSLV",
            &version[..],
            &version,
            &session,
            &own,
            &[0; 8],
            &[0; 32],
        ]
        .concat(),
    )
}

pub(crate) fn data(number: u64, received: u64, lane: u8, bytes: &[u8]) -> Vec<u8> {
    let content = [
        &number.to_be_bytes()[..],
        &received.to_be_bytes(),
        &[lane],
        bytes,
    ]
    .concat();
    frame(2, &content)
}

const LAST: u8 = 0x80;
const METADATA: u8 = 2;

/// What a stream brings, and what that makes of it.
async fn say(laptop: &Laptop, bytes: &[u8]) -> Result<Ended, ConnectionError> {
    let (mut stream, carrying) = laptop.stream();
    // Fails where the laptop has hung up before everything was said.
    stream.write_all(bytes).await.ok();
    stream.shutdown().await.ok();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.ok();
    tokio::time::timeout(LIMIT, carrying)
        .await
        .unwrap()
        .unwrap()
}

#[test]
fn what_begins_with_no_hello_of_this_session_is_hung_up_on() {
    play(async {
        let laptop = Laptop::new();
        let (mut stream, carrying) = laptop.stream();
        let mut own = vec![0; 77];
        stream.read_exact(&mut own).await.unwrap();
        drop(stream);
        drop(carrying.await);
        let honest = hello(VERSION, SESSION.0, 9);
        let beginnings: [Vec<u8>; 12] = [
            b"Welcome to Ubuntu\r\n".to_vec(),
            vec![0xff; 1 << 20],
            vec![0; 1 << 20],
            own,
            hello(9, SESSION.0, 9),
            hello(VERSION, [1; 16], 9),
            hello(VERSION, SESSION.0, 0),
            honest[..honest.len() - 1].to_vec(),
            honest[..5].to_vec(),
            [&u32::MAX.to_be_bytes()[..], &honest[4..]].concat(),
            data(1, 0, METADATA | LAST, b"x"),
            Vec::new(),
        ];
        for bytes in beginnings {
            say(&laptop, &bytes).await.unwrap_err();
            assert!(laptop.connection.over().is_none());
        }
        laptop.check().await;
    });
}

#[test]
fn frames_that_cannot_come_end_the_connection_and_not_the_session() {
    let endless: Vec<u8> = (1..=200)
        .flat_map(|number| data(number, 0, METADATA, &[0; 16 << 10]))
        .collect();
    assert!(endless.len() > LARGEST_MESSAGE);
    let frames: [Vec<u8>; 19] = [
        // Half of one.
        data(1, 0, METADATA | LAST, &[0; 1000])[..500].to_vec(),
        vec![0, 0],
        // Lengths that nobody has.
        vec![0xff; 4],
        [&u32::MAX.to_be_bytes()[..], &[2; 1 << 20]].concat(),
        [&(LARGEST_FRAME as u32 + 1).to_be_bytes()[..], &[2; 1 << 16]].concat(),
        vec![0; 4],
        frame(2, &[0; 3]),
        frame(4, &[0; 7]),
        frame(6, &[b'x'; 2000]),
        // Kinds and lanes that there are not.
        frame(0, b"x"),
        frame(200, b"x"),
        data(1, 0, 4 | LAST, b"x"),
        data(1, 0, 0x7f, b"x"),
        // Numbers that it cannot have.
        data(2, 0, METADATA | LAST, b"x"),
        data(u64::MAX, 0, METADATA | LAST, b"x"),
        data(1, u64::MAX, METADATA | LAST, b"x"),
        frame(3, &[0xff; 32]),
        // A hello again, and a message without end.
        hello(VERSION, SESSION.0, 9),
        endless,
    ];
    play(async {
        let laptop = Laptop::new();
        for (number, bytes) in frames.into_iter().enumerate() {
            let hello = hello(VERSION, SESSION.0, 100 + number as u64);
            say(&laptop, &[hello, bytes].concat()).await.unwrap_err();
            assert!(laptop.connection.over().is_none(), "{number}");
        }
        laptop.check().await;
    });
}

#[test]
fn pings_without_end_and_answers_to_none_change_nothing() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        for number in 0..50_000_u64 {
            server.out.extend(frame(4, &number.to_be_bytes()));
            server.out.extend(frame(5, &number.to_be_bytes()));
            server
                .out
                .extend(data(0, 0, METADATA | LAST, b"said before"));
        }
        server.is_answered().await;
        laptop.check().await;
    });
}

#[test]
fn nothing_is_done_after_a_goodbye() {
    play(async {
        let laptop = Laptop::new();
        let permissions = 0o755;
        let make = live::files::Request::MakeDirectory {
            place: place("made"),
            permissions,
        };
        let make = ToLaptop::File(1, make).encode();
        let bytes = [
            hello(VERSION, SESSION.0, 9),
            frame(6, b"that is all"),
            data(1, 0, METADATA | LAST, &make),
            frame(6, b"and more"),
        ];
        let ended = say(&laptop, &bytes.concat()).await;
        assert!(matches!(ended, Ok(Ended::Goodbye(reason)) if reason == "that is all"));
        let answering = tokio::time::timeout(LIMIT, laptop.answering).await.unwrap();
        assert_eq!(answering.unwrap().as_deref(), Some("that is all"));
        assert!(!laptop.home.path().join("project/made").exists());
        laptop.outside.check();
    });
}

/// What is said where lists and texts have lengths that nothing follows, and where anything else is missing.
#[test]
fn messages_that_say_nothing_end_the_session() {
    let huge = [&[0xff; 9][..], &[1]].concat();
    let mut messages: Vec<Bytes> = vec![
        Bytes::new(),
        vec![0xff; 100].into(),
        // A list of programs, a path and words of a failure: 2^64 - 1 of each.
        [&[1, 1, 0, 2][..], &huge].concat().into(),
        [&[1, 1, 0, 1][..], &huge].concat().into(),
        [&[1, 1, 1][..], &huge].concat().into(),
        [&[1, 1, 0, 2][..], &[0xff, 0xff, 0xff, 0x7f], &[0; 1 << 20]]
            .concat()
            .into(),
    ];
    let requests = on(&place("honest"), live::files::Handle(1), &place("inside"));
    messages.extend(requests.into_iter().step_by(9).map(|request| {
        let bytes = ToLaptop::File(1, request).encode();
        bytes.slice(..bytes.len() - 1)
    }));
    play(async {
        for message in messages {
            let laptop = Laptop::new();
            let mut server = laptop.connect().await;
            server.say_bytes(Lane::Metadata, message);
            drop(server.hung_up().await);
            laptop.has_given_up().await;
        }
    });
}
