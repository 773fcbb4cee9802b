//! What is said arrives as it was said, and what nobody says is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;
#[path = "common/typed.rs"]
mod typed;
#[path = "common/wishes.rs"]
mod wishes;

use bytes::Bytes;
use common::said::{change, outcome, request};
use live::commands::{Command, News, Order};
use live::files::{Handle, Place, Reply, Request, Root, Target};
use live::message::{Message, ToLaptop, ToServer, is_up_to};
use live::programs::Viewer;
use live::{LARGEST_MESSAGE, Lane, RelativePath, files};
use proptest::collection::vec;
use proptest::prelude::*;
use typed::{command, news, order};
use wishes::{input, output, reply_to_wish, wish};

fn same<M: Message + PartialEq + std::fmt::Debug>(message: &M) {
    let bytes = message.encode();
    assert!(!bytes.is_empty() && bytes.len() <= LARGEST_MESSAGE);
    assert_eq!(M::decode(&bytes).as_ref(), Ok(message));
    let longer = [&bytes[..], &[0]].concat();
    assert!(M::decode(&longer).is_err(), "something stands behind it");
    assert!(
        M::decode(&bytes[..bytes.len() - 1]).is_err(),
        "something is missing"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_arrive(number in any::<u64>(), request in request()) {
        same(&ToLaptop::File(number, request));
    }

    #[test]
    fn outcomes_arrive(number in any::<u64>(), outcome in outcome()) {
        same(&ToServer::File(number, outcome));
    }

    #[test]
    fn changes_arrive(changes in vec(change(), 0..10)) {
        same(&ToServer::Changed(changes));
    }

    #[test]
    fn wishes_arrive(number in any::<u64>(), wish in wish(), reply in reply_to_wish()) {
        same(&ToServer::Control(number, wish));
        same(&ToLaptop::Control(number, reply));
    }

    #[test]
    fn what_programs_and_viewers_say_arrives(number in any::<u64>(), input in input(), output in output()) {
        same(&ToServer::Program(Viewer(number), input));
        same(&ToLaptop::Program(Viewer(number), output));
        same(&ToLaptop::Taken(Viewer(number), number));
        same(&ToLaptop::GivenUp(number));
    }

    #[test]
    fn what_is_said_of_commands_arrives(command in command(), order in order(), news in news()) {
        same(&ToLaptop::Command(command, order));
        same(&ToServer::Command(command, news));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_say_what_they_say(bytes in vec(any::<u8>(), 0..300)) {
        again::<ToLaptop>(&bytes);
        again::<ToServer>(&bytes);
    }

    /// Nearer to what is said than arbitrary bytes are.
    #[test]
    fn changed_bytes_are_refused_or_say_what_they_say(
        request in request(),
        outcome in outcome(),
        place in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = ToLaptop::File(1, request).encode().to_vec();
        let index = place.index(bytes.len());
        bytes[index] = value;
        again::<ToLaptop>(&bytes);
        let mut bytes = ToServer::File(1, outcome).encode().to_vec();
        let index = place.index(bytes.len());
        bytes[index] = value;
        again::<ToServer>(&bytes);
    }
}

fn again<M: Message + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        assert_eq!(M::decode(&message.encode()), Ok(message));
    }
}

/// The bytes of a request for a path that no [`RelativePath`] is.
fn request_for(path: &[u8]) -> Vec<u8> {
    let place = Place {
        root: Root(1),
        path: RelativePath::new(b"PLACE").unwrap(),
        identity: None,
    };
    let bytes = ToLaptop::File(1, Request::Attributes(Target::Place(place))).encode();
    let start = bytes
        .windows(6)
        .position(|window| window == b"\x05PLACE")
        .unwrap();
    let length = u8::try_from(path.len()).unwrap();
    [&bytes[..start], &[length], path, &bytes[start + 6..]].concat()
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    assert!(ToLaptop::decode(&request_for(b"a/b")).is_ok());
    assert!(ToLaptop::decode(&request_for(b"")).is_ok());
    let elsewhere: [&[u8]; 11] = [
        b"../x",
        b"/x",
        b"a//b",
        b"a/./b",
        b"a/../b",
        b"a/",
        b".",
        b"..",
        b"a\0b",
        b"\0",
        b"../../.ssh/id_ed25519",
    ];
    for path in elsewhere {
        assert!(ToLaptop::decode(&request_for(path)).is_err(), "{path:?}");
    }
}

/// What a length says is not believed before that much is there.
#[test]
fn lengths_beyond_the_end_are_refused() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let changes = ToServer::Changed(Vec::new()).encode();
    let bytes = [&changes[..changes.len() - 1], &huge].concat();
    assert!(ToServer::decode(&bytes).is_err());
    let read = ToServer::File(1, Ok(Reply::Bytes(Bytes::new()))).encode();
    let bytes = [&read[..read.len() - 1], &huge].concat();
    assert!(ToServer::decode(&bytes).is_err());
    assert!(ToLaptop::decode(&[]).is_err());
    assert!(ToServer::decode(&[]).is_err());
}

#[test]
fn the_greatest_transfers_fit_into_a_message() {
    let bytes = Bytes::from(vec![0xff; files::LARGEST_TRANSFER as usize]);
    let write = Request::Write {
        handle: Handle(u64::MAX),
        offset: u64::MAX,
        bytes: bytes.clone(),
    };
    same(&ToLaptop::File(u64::MAX, write));
    same(&ToServer::File(u64::MAX, Ok(Reply::Bytes(bytes))));
}

#[test]
fn what_was_given_up_is_known_by_its_number_wherever_they_began() {
    for last in [7_u64, 1 << 63, u64::MAX, 0, 2] {
        assert!(is_up_to(last, last));
        for later in [1, 1000, 1 << 40] {
            let next = last.wrapping_add(later);
            assert!(is_up_to(last, next) && !is_up_to(next, last));
        }
    }
    let close = ToLaptop::File(1, Request::Close(Handle(1)));
    assert_eq!(ToLaptop::GivenUp(1).lane(), Lane::Control);
    assert_ne!(close.lane(), Lane::Control);
}

#[test]
fn contents_go_behind_names() {
    let handle = Handle(1);
    let read = Request::Read {
        handle,
        offset: 0,
        length: 1 << 20,
    };
    let write = Request::Write {
        handle,
        offset: 0,
        bytes: Bytes::from_static(b"x"),
    };
    let bytes = |length: usize| ToServer::File(1, Ok(Reply::Bytes(vec![0; length].into())));
    assert_eq!(ToLaptop::File(1, read).lane(), Lane::Metadata);
    assert_eq!(ToLaptop::File(1, write).lane(), Lane::Bulk);
    assert_eq!(bytes(4_096).lane(), Lane::Metadata);
    assert_eq!(bytes(4_097).lane(), Lane::Bulk);
    assert_eq!(ToServer::Changed(Vec::new()).lane(), Lane::Metadata);
}

#[test]
fn what_a_command_has_changed_is_told_before_it_is_said_to_be_settled() {
    let settled = ToServer::Command(command_with(false), News::Settled);
    assert_eq!(settled.lane(), ToServer::Changed(Vec::new()).lane());
}

#[test]
fn the_end_of_a_command_goes_behind_its_output_and_a_signal_before_its_input() {
    for has_terminal in [false, true] {
        let command = command_with(has_terminal);
        let output = News::Output {
            stream: live::programs::Stream::Out,
            bytes: Bytes::new(),
        };
        let ended = News::Ended {
            code: Some(0),
            signal: None,
            read: 0,
        };
        let lane = |news| ToServer::Command(command, news).lane();
        assert_eq!(lane(output), lane(ended));
        let lane = |order| ToLaptop::Command(command, order).lane();
        assert_eq!(lane(Order::Input(Bytes::new())), lane(Order::InputEnded));
        assert_eq!(lane(Order::Input(Bytes::new())), lane(Order::TakenBack));
        assert_eq!(lane(Order::Signal(2)), Lane::Terminal);
    }
}

fn command_with(has_terminal: bool) -> Command {
    Command {
        number: 1,
        has_terminal,
    }
}
