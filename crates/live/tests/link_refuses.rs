//! What an end makes of what the other must not say, and of the end of a session.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common::{SESSION, World, data, ends, events, frame, hello_for, meet, received, written};
use live::{
    Event, FrameError, Incarnation, LARGEST_FRAME, LARGEST_MESSAGE, Lane, Link, LinkError,
    PING_INTERVAL, SessionId, TooLong, VERSION,
};

const NOW: Duration = Duration::from_secs(7);
/// Where a written hello has its version, the oldest understood and the incarnation.
const HELLO_VERSION: usize = 9;
const HELLO_OLDEST: usize = 11;
const HELLO_OWN: usize = 29;

/// The connection is given up, and the next one is as good as any.
fn refuses(link: &mut Link, other: &mut Link, bytes: &[u8], error: &LinkError) {
    assert_eq!(link.received(bytes, NOW).as_ref(), Err(error), "{bytes:?}");
    assert!(!link.is_up());
    assert!(written(link).is_empty());
    assert_eq!(
        link.received(b"more of it", NOW),
        Ok(()),
        "which nobody looks at"
    );
    drop(events(link));
    meet(link, other, NOW).unwrap();
    assert!(link.is_up() && other.is_up());
    assert!(matches!(events(link)[..], [Event::Connected { .. }]));
    drop(events(other));
    link.send(Lane::Control, Bytes::from_static(b"still there?"))
        .unwrap();
    other
        .send(Lane::Control, Bytes::from_static(b"yes"))
        .unwrap();
    other.received(&written(link), NOW).unwrap();
    link.received(&written(other), NOW).unwrap();
    assert_eq!(
        events(other),
        [Event::Message(
            Lane::Control,
            Bytes::from_static(b"still there?")
        )]
    );
    assert_eq!(
        events(link),
        [Event::Message(Lane::Control, Bytes::from_static(b"yes"))]
    );
    // Nothing is left to be confirmed: a connection that is refused may not come between.
    for end in [&mut *link, &mut *other] {
        end.tick(NOW);
    }
    other.received(&written(link), NOW).unwrap();
    link.received(&written(other), NOW).unwrap();
    assert!(link.is_settled() && other.is_settled());
}

#[test]
fn what_is_no_hello_of_this_session_is_refused() {
    let (mut link, mut other) = ends();
    let not_ours = LinkError::Frame(FrameError::NotOurs);
    let changed = |mut hello: Vec<u8>, place: usize, bytes: &[u8]| {
        hello[place..place + bytes.len()].copy_from_slice(bytes);
        hello
    };
    for _ in 0..2 {
        for text in [
            &b"h"[..],
            b"hi\n",
            b"\n",
            b"Welcome to the server!\r\n",
            &[0, 0, 0, 9, 5],
            &[0; 4],
            &[0xff; 100],
        ] {
            drop(hello_for(&mut link, &mut other, NOW));
            refuses(&mut link, &mut other, text, &not_ours);
        }
        let hello = hello_for(&mut link, &mut other, NOW);
        refuses(
            &mut link,
            &mut other,
            &[b"hi\n", &hello[..]].concat(),
            &not_ours,
        );

        let hello = hello_for(&mut link, &mut other, NOW);
        let newer = changed(hello, HELLO_VERSION, &[0, 9, 0, 5]);
        refuses(
            &mut link,
            &mut other,
            &newer,
            &LinkError::Version { theirs: 9 },
        );
        let hello = hello_for(&mut link, &mut other, NOW);
        let older = changed(hello, HELLO_VERSION, &[0, 0, 0, 0]);
        refuses(
            &mut link,
            &mut other,
            &older,
            &LinkError::Version { theirs: 0 },
        );

        let hello = hello_for(&mut link, &mut other, NOW);
        let nobody = changed(hello, HELLO_OWN, &[0; 8]);
        refuses(
            &mut link,
            &mut other,
            &nobody,
            &LinkError::Broken("an incarnation of 0"),
        );

        link.connected(NOW);
        let echo = written(&mut link);
        let error = LinkError::Broken("what is said to it comes back");
        refuses(&mut link, &mut other, &echo, &error);

        let mut stranger = Link::new(SessionId([4; 16]), Incarnation(2));
        let hello = hello_for(&mut link, &mut stranger, NOW);
        refuses(&mut link, &mut other, &hello, &LinkError::Session);
    }
}

/// As long as it understands this one. What it adds to its hello is left alone.
#[test]
fn a_later_version_may_be_spoken_with() {
    let (mut link, mut other) = ends();
    let mut hello = hello_for(&mut link, &mut other, NOW);
    hello[HELLO_VERSION + 1] = 5;
    assert_eq!(
        u16::from_be_bytes([hello[HELLO_OLDEST], hello[HELLO_OLDEST + 1]]),
        VERSION
    );
    hello.extend_from_slice(b"compressed");
    hello[3] += 10;
    link.received(&hello, NOW).unwrap();
    assert!(link.is_up());
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let whole = 0x80;
    let half = vec![1; LARGEST_FRAME - 18];
    let too_much: Vec<u8> = (1..=LARGEST_MESSAGE / half.len() + 1)
        .flat_map(|number| data(number as u64, 0, 3, &half))
        .collect();
    for (bytes, error) in [
        (
            data(2, 0, whole, b"x"),
            LinkError::Broken("a frame is missing"),
        ),
        (
            data(u64::MAX, 0, whole, b"x"),
            LinkError::Broken("a frame is missing"),
        ),
        (
            data(1, 1, whole, b"x"),
            LinkError::Broken("it has what was never sent"),
        ),
        (
            data(1, u64::MAX, whole, b"x"),
            LinkError::Broken("it has what was never sent"),
        ),
        (
            received([1, 0, 0, 0]),
            LinkError::Broken("it has what was never sent"),
        ),
        (
            received([0, 0, 0, u64::MAX]),
            LinkError::Broken("it has what was never sent"),
        ),
        (frame(3, &[0; 8]), FrameError::Malformed(3).into()),
        (data(1, 0, 4, b"x"), FrameError::Malformed(2).into()),
        (frame(4, b"short"), FrameError::Malformed(4).into()),
        (frame(9, b""), FrameError::UnknownKind(9).into()),
        (vec![0; 4], FrameError::Malformed(0).into()),
        (b"text".to_vec(), FrameError::TooLong(0x7465_7874).into()),
    ] {
        let (mut link, mut other) = ends();
        let hello = hello_for(&mut link, &mut other, NOW);
        link.received(&hello, NOW).unwrap();
        refuses(&mut link, &mut other, &bytes, &error);
    }
    let (mut link, mut other) = ends();
    let hello = hello_for(&mut link, &mut other, NOW);
    let again = [&hello[..], &hello].concat();
    refuses(
        &mut link,
        &mut other,
        &again,
        &LinkError::Broken("a second hello"),
    );

    let (mut link, mut other) = ends();
    let hello = hello_for(&mut link, &mut other, NOW);
    link.received(&hello, NOW).unwrap();
    let before = link.memory();
    assert_eq!(
        link.received(&too_much, NOW),
        Err(LinkError::Broken("a message is too long"))
    );
    assert!(link.memory() - before <= 2 * LARGEST_MESSAGE);
    // Only another one can still say something: this one's message cannot end any more.
    other = Link::new(SESSION, Incarnation(3));
    meet(&mut link, &mut other, NOW).unwrap();
    assert!(link.memory() < 1 << 10, "nothing of it is kept");
}

/// What was sent twice is taken once; a number of a frame that never was is none.
#[test]
fn what_comes_twice_is_dropped() {
    let (mut link, mut other) = ends();
    meet(&mut link, &mut other, NOW).unwrap();
    drop(events(&mut link));
    for number in [1, 1, 0, 2, 1, 2] {
        for lane in Lane::ALL {
            let part = [lane as u8, number as u8];
            link.received(&data(number, 0, lane as u8 | 0x80, &part), NOW)
                .unwrap();
        }
    }
    let messages: Vec<Event> = [1, 2]
        .into_iter()
        .flat_map(|number: u8| {
            Lane::ALL.map(|lane| Event::Message(lane, vec![lane as u8, number].into()))
        })
        .collect();
    assert_eq!(events(&mut link), messages);
}

/// Two processes that both take themselves for the other end: whoever connects is the one, and neither gets the other's.
#[test]
fn an_end_that_has_met_another_meanwhile_goes_on_with_nothing() {
    let (mut link, mut other) = ends();
    let mut third = Link::new(SESSION, Incarnation(3));
    let message = |byte: u8| Bytes::from(vec![byte; 40_000]);
    meet(&mut link, &mut other, NOW).unwrap();
    link.send(Lane::Bulk, message(1)).unwrap();
    other.received(&written(&mut link), NOW).unwrap();
    other.tick(NOW);
    link.received(&written(&mut other), NOW).unwrap();
    link.send(Lane::Bulk, message(2)).unwrap();
    meet(&mut third, &mut other, NOW).unwrap();
    drop([events(&mut link), events(&mut other)]);
    meet(&mut link, &mut other, NOW).unwrap();
    link.send(Lane::Bulk, message(3)).unwrap();
    other.received(&written(&mut link), NOW).unwrap();
    let new = Event::Connected { resumed: false };
    assert_eq!(events(&mut link), std::slice::from_ref(&new));
    assert_eq!(
        events(&mut other),
        [new, Event::Message(Lane::Bulk, message(3))]
    );
}

#[test]
fn a_message_has_a_greatest_length() {
    let mut world = World::connected();
    let too_long = LARGEST_MESSAGE + 1;
    let refused = world.ends[0]
        .link
        .send(Lane::Bulk, vec![0; too_long].into());
    assert_eq!(refused, Err(TooLong(too_long)));
    assert!(world.ends[0].link.is_settled());
    world.send(0, Lane::Bulk, LARGEST_MESSAGE);
    world.settle();
}

/// However long nothing can be written, and whatever comes meanwhile.
#[test]
fn what_is_to_be_said_at_once_does_not_pile_up() {
    let (mut link, mut other) = ends();
    meet(&mut link, &mut other, NOW).unwrap();
    for number in 0..10_000_u64 {
        link.received(&frame(4, &number.to_be_bytes()), NOW)
            .unwrap();
        link.received(&data(number + 1, 0, 0x80, b"x"), NOW)
            .unwrap();
        link.tick(NOW + PING_INTERVAL * u32::try_from(number).unwrap());
        drop(events(&mut link));
    }
    assert!(link.memory() < 1 << 10);
    let said = written(&mut link);
    let pong = frame(5, &9_999_u64.to_be_bytes());
    assert_eq!(
        said,
        [
            pong,
            frame(4, &9_999_u64.to_be_bytes()),
            received([10_000, 0, 0, 0])
        ]
        .concat()
    );
}

#[test]
fn a_goodbye_goes_before_all_else_and_nothing_after_it() {
    let (mut link, mut other) = ends();
    meet(&mut link, &mut other, NOW).unwrap();
    drop(events(&mut other));
    link.send(Lane::Control, Bytes::from_static(b"one more thing"))
        .unwrap();
    link.say_goodbye("stopped");
    let mut out = BytesMut::new();
    link.transmit(&mut out, 1);
    other.received(&out, NOW).unwrap();
    let goodbye = Event::Goodbye("stopped".to_owned());
    assert_eq!(events(&mut other), std::slice::from_ref(&goodbye));
    // It may have been lost, so it is said again; whoever says it a thousand times at once is told of once.
    meet(&mut link, &mut other, NOW).unwrap();
    other.received(&written(&mut link), NOW).unwrap();
    assert_eq!(
        events(&mut other),
        [Event::Connected { resumed: true }, goodbye]
    );
    assert!(written(&mut link).is_empty());
    other.received(&frame(6, b"x").repeat(1_000), NOW).unwrap();
    assert_eq!(events(&mut other), [Event::Goodbye("x".to_owned())]);
}

#[test]
fn without_a_connection_nothing_is_written() {
    let (mut link, mut other) = ends();
    link.say_goodbye("never mind");
    link.send(Lane::Control, Bytes::from_static(b"x")).unwrap();
    link.tick(NOW);
    assert!(written(&mut link).is_empty());
    meet(&mut link, &mut other, NOW).unwrap();
    let goodbye = Event::Goodbye("never mind".to_owned());
    assert_eq!(
        events(&mut other),
        [Event::Connected { resumed: false }, goodbye]
    );
    assert!(!link.is_settled());
    let enough = data(1, 0, 3, &[0; 30_000])
        .into_iter()
        .chain(data(2, 0, 3, &[0; 30_000]));
    let enough: Vec<u8> = enough.chain(data(3, 0, 3, &[0; 30_000])).collect();
    link.received(&enough, NOW).unwrap();
    link.disconnected();
    assert!(
        written(&mut link).is_empty(),
        "not even what is to be confirmed"
    );
}
