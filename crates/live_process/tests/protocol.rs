//! What programs on the laptop and the daemon say to each other, and what becomes of anything else.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and says what it was about"
)]

use std::time::Duration;

use live::programs::{Input, Program};
use live_process::local::{
    FromDaemon, LARGEST, LinkState, LocalError, MessageReader, MessageWriter, ToDaemon, VERSION,
};
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

type Reader = MessageReader<DuplexStream, ToDaemon>;

/// Heads and bytes of messages.
fn framed(messages: &[&[u8]]) -> Vec<u8> {
    let framed = messages.iter().map(|message| {
        let head = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&head[..], message].concat()
    });
    framed.collect::<Vec<_>>().concat()
}

async fn heard(bytes: &[u8]) -> Result<ToDaemon, LocalError> {
    let (mut here, there) = duplex(bytes.len().max(1));
    here.write_all(bytes).await.unwrap();
    drop(here);
    let read = async { Reader::begin(there).await?.next().await };
    timeout(LIMIT, read).await.unwrap()
}

#[tokio::test]
async fn messages_arrive_whole_and_in_order() {
    let (here, there) = duplex(7);
    let said = [
        ToDaemon::Status,
        ToDaemon::Input(Input::Typed(vec![7; 100_000].into())),
        ToDaemon::End(Program(3)),
    ];
    let saying = async {
        let mut writer = MessageWriter::<_, ToDaemon>::begin(here).await.unwrap();
        for message in &said {
            writer.send(message).await.unwrap();
        }
    };
    let hearing = async {
        let mut reader = Reader::begin(there).await.unwrap();
        for message in &said {
            assert_eq!(&reader.next().await.unwrap(), message);
        }
        reader
    };
    let ((), mut reader) = tokio::join!(saying, hearing);
    assert!(matches!(reader.next().await, Err(LocalError::Closed)));
}

#[tokio::test]
async fn another_version_is_told_what_to_do() {
    let other = postcard::to_stdvec(&ToDaemon::Version(VERSION + 1)).unwrap();
    let error = heard(&framed(&[&other, b"whatever that version says"])).await;
    let error = error.unwrap_err();
    assert!(matches!(error, LocalError::Version { theirs } if theirs == VERSION + 1));
    assert!(error.to_string().contains("`cs stop`"), "{error}");
    // What stays the same in every version.
    let other = postcard::to_stdvec(&ToDaemon::Version(2)).unwrap();
    assert_eq!(other, [0, 2]);
    let other = postcard::to_stdvec(&FromDaemon::Version(1)).unwrap();
    assert_eq!(other, [0, 1]);
}

#[tokio::test]
async fn what_is_no_message_is_an_error() {
    let version = postcard::to_stdvec(&ToDaemon::Version(VERSION)).unwrap();
    let too_long = u32::try_from(LARGEST + 1).unwrap().to_be_bytes();
    let is_too_long = |error: &LocalError| matches!(error, LocalError::TooLong);
    let is_senseless = |error: &LocalError| matches!(error, LocalError::Unintelligible);
    let is_end = |error: &LocalError| matches!(error, LocalError::Closed);
    type IsExpected<'a> = &'a dyn Fn(&LocalError) -> bool;
    let cases: [(Vec<u8>, IsExpected<'_>); 8] = [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), &is_too_long),
        (
            [framed(&[&version]), too_long.to_vec()].concat(),
            &is_too_long,
        ),
        (framed(&[&version, b""]), &is_senseless),
        (framed(&[&version, b"\xff\xff\xff\xff\xff"]), &is_senseless),
        (framed(&[&version, b"\x01more"]), &is_senseless),
        // The first has to be the version.
        (framed(&[b"\x01"]), &is_senseless),
        (framed(&[&version]), &is_end),
        (vec![0, 0, 0], &is_end),
    ];
    for (bytes, is_expected) in cases {
        let error = heard(&bytes).await.unwrap_err();
        assert!(is_expected(&error), "{bytes:?}: {error:?}");
    }
}

#[tokio::test]
async fn too_long_a_message_is_not_said() {
    let (here, _there) = duplex(64);
    let mut writer = MessageWriter::<_, FromDaemon>::begin(here).await.unwrap();
    let reason = "x".repeat(LARGEST);
    let message = FromDaemon::Link(LinkState::Ended { reason });
    let said = writer.send(&message).await;
    assert!(matches!(said, Err(LocalError::TooLong)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_an_error_or_a_message(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
        let version = postcard::to_stdvec(&ToDaemon::Version(VERSION)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            drop(heard(&garbage).await);
            drop(heard(&framed(&[&version, &garbage])).await);
        });
    }
}
