use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn lanes(numbers: [u64; 4]) -> Lanes<u64> {
    let mut lanes = Lanes::default();
    for (lane, number) in Lane::ALL.into_iter().zip(numbers) {
        *lanes.get_mut(lane) = number;
    }
    lanes
}

fn any_lanes() -> impl Strategy<Value = Lanes<u64>> {
    any::<[u64; 4]>().prop_map(lanes)
}

fn hello() -> Hello {
    Hello {
        version: 1,
        oldest: 1,
        session: [7; 16],
        own: u64::MAX,
        other: 0,
        received: lanes([300, 0, u64::MAX, 4]),
    }
}

fn written(frame: &Frame) -> Vec<u8> {
    let mut out = BytesMut::new();
    frame.write(&mut out);
    out.to_vec()
}

/// One that has had its hello.
fn begun() -> Decoder {
    let mut decoder = Decoder::default();
    decoder.feed(&written(&Frame::Hello(hello())));
    decoder.next().unwrap().unwrap();
    decoder
}

fn any_hello() -> impl Strategy<Value = Hello> {
    let versions = (any::<u16>(), any::<u16>());
    let numbers = (any::<u64>(), any::<u64>(), any_lanes());
    (versions, any::<[u8; 16]>(), numbers).prop_map(
        |((version, oldest), session, (own, other, received))| Hello {
            version,
            oldest,
            session,
            own,
            other,
            received,
        },
    )
}

fn any_data(longest: usize) -> impl Strategy<Value = Data> {
    let lane = proptest::sample::select(&Lane::ALL[..]);
    (
        any::<u64>(),
        any::<u64>(),
        lane,
        any::<bool>(),
        vec(any::<u8>(), 0..=longest),
    )
        .prop_map(|(number, received, lane, is_last, part)| Data {
            number,
            received,
            lane,
            is_last,
            part: part.into(),
        })
}

fn any_frame(longest: usize) -> impl Strategy<Value = Frame> {
    prop_oneof![
        any_hello().prop_map(Frame::Hello),
        any_data(longest).prop_map(Frame::Data),
        any_lanes().prop_map(Frame::Received),
        any::<u64>().prop_map(Frame::Ping),
        any::<u64>().prop_map(Frame::Pong),
        ".{0,100}".prop_map(Frame::Goodbye),
    ]
}

/// What is read out of `bytes` by one that has had its hello.
fn read_all(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = begun();
    decoder.feed(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next()? {
        frames.push(frame);
    }
    Ok(frames)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_read_as_they_were_written_in_whatever_pieces(
        frames in vec(any_frame(LARGEST_PART), 0..6),
        pieces in vec(1..3_000_usize, 1..20),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(written).collect();
        let mut decoder = begun();
        let mut read = Vec::new();
        let mut rest = &bytes[..];
        for length in pieces.into_iter().cycle() {
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            decoder.feed(piece);
            while let Some(frame) = decoder.next().unwrap() {
                read.push(frame);
            }
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read, frames);
        prop_assert!(decoder.bytes.is_empty());
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_wait_for_more(bytes in vec(any::<u8>(), 0..200), has_begun in any::<bool>()) {
        let mut decoder = if has_begun { begun() } else { Decoder::default() };
        decoder.feed(&bytes);
        while let Ok(Some(_)) = decoder.next() {}
    }
}

fn one_of_each() -> Vec<Frame> {
    let data = Data {
        number: 9,
        received: 8,
        lane: Lane::Bulk,
        is_last: true,
        part: Bytes::from_static(b"part"),
    };
    let empty = Data {
        part: Bytes::new(),
        is_last: false,
        ..data.clone()
    };
    vec![
        Frame::Hello(hello()),
        Frame::Data(data),
        Frame::Data(empty),
        Frame::Received(lanes([5, u64::MAX, 0, 7])),
        Frame::Ping(1),
        Frame::Pong(u64::MAX),
        Frame::Goodbye("it is late".to_owned()),
        Frame::Goodbye(String::new()),
    ]
}

#[test]
fn a_frame_that_is_cut_off_waits() {
    for frame in one_of_each() {
        let bytes = written(&frame);
        for end in 0..bytes.len() {
            assert_eq!(read_all(&bytes[..end]), Ok(vec![]), "{frame:?} until {end}");
        }
    }
}

/// Its length says that it is whole.
#[test]
fn a_frame_that_is_too_short_is_refused() {
    for frame in one_of_each() {
        let bytes = written(&frame);
        for end in 5..bytes.len() {
            let mut short = bytes[..end].to_vec();
            short[3] = (end - 4) as u8;
            match (read_all(&short), &frame) {
                (Ok(read), Frame::Data(_) | Frame::Goodbye(_)) => assert_eq!(read.len(), 1),
                (read, _) => assert_eq!(
                    read,
                    Err(FrameError::Malformed(bytes[4])),
                    "{frame:?} until {end}"
                ),
            }
        }
    }
    assert_eq!(read_all(&[0; 4]), Err(FrameError::Malformed(0)));
}

/// But for a hello, which a later version may make longer.
#[test]
fn a_frame_that_is_too_long_is_refused() {
    for frame in one_of_each() {
        let mut long = written(&frame);
        long.push(b'!');
        long[3] += 1;
        match (read_all(&long), &frame) {
            (Ok(read), Frame::Hello(_)) => assert_eq!(read, std::slice::from_ref(&frame)),
            (Ok(read), Frame::Data(_) | Frame::Goodbye(_)) => {
                assert_ne!(read, std::slice::from_ref(&frame));
            }
            (read, _) => assert_eq!(read, Err(FrameError::Malformed(long[4])), "{frame:?}"),
        }
    }
}

#[test]
fn no_changed_byte_is_taken_for_what_was_written() {
    for frame in one_of_each() {
        let bytes = written(&frame);
        for place in 0..bytes.len() {
            for value in 0..=u8::MAX {
                let mut changed = bytes.clone();
                changed[place] = value;
                let as_first = {
                    let mut decoder = Decoder::default();
                    decoder.feed(&changed);
                    decoder.next()
                };
                if value == bytes[place] {
                    continue;
                }
                assert_ne!(
                    read_all(&changed).ok(),
                    Some(vec![frame.clone()]),
                    "{frame:?} at {place}: {value}"
                );
                assert_ne!(
                    as_first.ok().flatten(),
                    Some(frame.clone()),
                    "{frame:?} at {place}: {value}"
                );
            }
        }
    }
}

#[test]
fn lengths_and_kinds_have_bounds() {
    let too_long = (LARGEST_FRAME as u32 + 1).to_be_bytes();
    assert_eq!(
        read_all(&too_long),
        Err(FrameError::TooLong(LARGEST_FRAME + 1))
    );
    assert_eq!(
        read_all(&u32::MAX.to_be_bytes()),
        Err(FrameError::TooLong(u32::MAX as usize))
    );
    for kind in [0, 7, 8, 255] {
        assert_eq!(
            read_all(&[0, 0, 0, 1, kind]),
            Err(FrameError::UnknownKind(kind))
        );
    }
    let mut lane = written(&one_of_each()[1]);
    lane[4 + 17] = 4;
    assert_eq!(read_all(&lane), Err(FrameError::Malformed(DATA)));
    let largest = Data {
        number: u64::MAX,
        received: u64::MAX,
        lane: Lane::Control,
        is_last: false,
        part: vec![1; LARGEST_PART].into(),
    };
    assert!(written(&Frame::Data(largest)).len() - 4 <= LARGEST_FRAME);
}

#[test]
fn a_reason_is_cut_at_a_character() {
    let reason = format!("x{}", "é".repeat(LONGEST_REASON));
    let read = read_all(&written(&Frame::Goodbye(reason.clone()))).unwrap();
    assert_eq!(
        read,
        [Frame::Goodbye(reason[..LONGEST_REASON - 1].to_owned())]
    );
    let mut long = vec![0, 0, 4, 2, GOODBYE];
    long.resize(5 + LONGEST_REASON + 1, b'x');
    assert_eq!(read_all(&long), Err(FrameError::Malformed(GOODBYE)));
    let read = read_all(&[0, 0, 0, 2, GOODBYE, 0xff]).unwrap();
    assert_eq!(read, [Frame::Goodbye("\u{fffd}".to_owned())]);
}

#[test]
fn numbers_of_lanes_stand_in_the_order_of_the_lanes() {
    let received = written(&Frame::Received(lanes([1, 2, 3, 4])));
    let numbers: Vec<u8> = (1..=4).flat_map(u64::to_be_bytes).collect();
    assert_eq!(received, [&[0, 0, 0, 33, RECEIVED][..], &numbers].concat());
    let hello = Hello {
        received: lanes([1, 2, 3, 4]),
        ..hello()
    };
    let hello = written(&Frame::Hello(hello));
    assert!(hello.ends_with(&numbers));
    assert_eq!(hello.len() - 4, usize::from(*HELLO_LENGTHS.start()));
}

/// At its first byte that no hello has: text may be shorter than the head of a frame, and nothing come behind it.
#[test]
fn what_is_no_hello_is_told_at_once() {
    let hello = written(&Frame::Hello(hello()));
    let first = |bytes: &[u8]| {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        decoder.next()
    };
    for end in 0..hello.len() {
        assert_eq!(first(&hello[..end]), Ok(None));
        let mut other = hello[..=end].to_vec();
        other[end] ^= 0x80;
        let expected = if end < 9 {
            Err(FrameError::NotOurs)
        } else {
            first(&hello[..=end])
        };
        if end + 1 < hello.len() {
            assert_eq!(first(&other), expected, "{end}");
        }
        let text = [b"hi\n".as_slice(), &hello].concat();
        assert_eq!(first(&text), Err(FrameError::NotOurs));
    }
    let lines: [&[u8]; 9] = [
        b"h",
        b"hi\n",
        b"\n",
        b"Last login: today",
        &[0, 0, 0, 0],
        &[0, 0, 0, 72],
        &[0, 0, 0, 129],
        &[0, 0, 0, 73, PING],
        b"\0\0\0I\x01CSLW",
    ];
    for text in lines {
        assert_eq!(first(text), Err(FrameError::NotOurs), "{text:?}");
    }
}
