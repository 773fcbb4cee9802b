//! Whatever the other end of a live session sends behind its hello, in whatever pieces: no panic, what is kept stays in
//! bounds, and the next connection with an honest end works.
#![no_main]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use live::{Event, Incarnation, LARGEST_MESSAGE, Lane, Lanes, Link, SessionId};

const SESSION: SessionId = SessionId([3; 16]);
/// What is sent from here.
const SENT: usize = 100_000;
/// A buffer grows to twice of what it holds.
const MOST: usize = Lane::ALL.len() * 2 * LARGEST_MESSAGE + (1 << 20);

fn written(link: &mut Link) -> BytesMut {
    let mut out = BytesMut::new();
    link.transmit(&mut out, 200_000);
    out
}

/// A connection on which both have said hello.
fn connect(link: &mut Link, other: &mut Link, now: Duration) {
    link.connected(now);
    other.connected(now);
    // Both first: what follows the hello may refer to it.
    let (from_link, from_other) = (written(link), written(other));
    link.received(&from_other, now).expect("an honest hello");
    other.received(&from_link, now).expect("an honest hello");
    assert!(link.is_up() && other.is_up());
}

/// Bytes as they are, or within a frame that more of them get through with.
fn piece(step: u8, bytes: &[u8], number: &mut Lanes<u64>) -> Vec<u8> {
    let kind = step % 16;
    let content = match kind {
        0..8 => return bytes.to_vec(),
        8 => {
            // Data with the next number of its lane, nothing confirmed.
            let next = number.get_mut(Lane::ALL[usize::from(step >> 4 & 3)]);
            *next += 1;
            [
                &[2][..],
                &next.to_be_bytes(),
                &[0; 8],
                &[step >> 4 & 3 | step & 0x80],
                bytes,
            ]
            .concat()
        }
        9 => [&[2][..], &[0; 7], bytes].concat(),
        // Of the last lane, in which something was sent from here.
        10 => [&[3][..], &[0; 31], &[step >> 4]].concat(),
        11 => [&[4][..], &[step; 8]].concat(),
        12 => [&[5, 0, 0, 0, 0, 0, 0, 0][..], &[step >> 4]].concat(),
        13 => [&[6][..], bytes].concat(),
        _ => [&[step >> 4][..], bytes].concat(),
    };
    [&(content.len() as u32).to_be_bytes()[..], &content].concat()
}

fuzz_target!(|pieces: Vec<(u8, &[u8])>| {
    let mut now = Duration::from_secs(1);
    let mut link = Link::new(SESSION, Incarnation(1));
    let mut number = Lanes::default();
    link.send(Lane::Bulk, Bytes::from(vec![7; SENT]))
        .expect("it is not too long");
    connect(&mut link, &mut Link::new(SESSION, Incarnation(2)), now);
    for (step, bytes) in pieces {
        let bytes = piece(step, bytes, &mut number);
        let was_up = link.is_up();
        let result = link.received(&bytes, now);
        assert_eq!(link.is_up(), was_up && result.is_ok());
        assert!(
            link.memory() < MOST + SENT + 40 * bytes.len(),
            "{}",
            link.memory()
        );
        while let Some(event) = link.event() {
            if let Event::Message(_, message) = event {
                assert!(message.len() <= LARGEST_MESSAGE);
            }
        }
        let out = written(&mut link);
        assert!(link.is_up() || out.is_empty());
        now += Duration::from_millis(u64::from(step) * 20);
        link.tick(now);
        assert!(
            link.memory() < MOST + SENT + 40 * bytes.len(),
            "{}",
            link.memory()
        );
        if !link.is_up() {
            // Another incarnation: of the one before it is not known what it has said.
            number = Lanes::default();
            connect(
                &mut link,
                &mut Link::new(SESSION, Incarnation(u64::from(step) + 3)),
                now,
            );
        }
    }
    let mut honest = Link::new(SESSION, Incarnation(1_000));
    connect(&mut link, &mut honest, now);
    let message = Bytes::from_static(b"still there");
    link.send(Lane::Control, message.clone())
        .expect("it is not too long");
    honest
        .received(&written(&mut link), now)
        .expect("an honest end");
    let arrived: Vec<Event> = std::iter::from_fn(|| honest.event()).collect();
    assert_eq!(
        arrived,
        [
            Event::Connected { resumed: false },
            Event::Message(Lane::Control, message)
        ]
    );
});
