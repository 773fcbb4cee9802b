use proptest::prelude::*;

use super::*;

#[test]
fn names_are_bytes_and_handles_numbers() {
    let packet = |kind: u8, parts: &[&[u8]]| {
        let mut bytes = vec![kind, 0, 0, 0, 7];
        for part in parts {
            bytes.put_u32(u32::try_from(part.len()).unwrap());
            bytes.put_slice(part);
        }
        decode(bytes.into())
    };
    match packet(number::REMOVE, &[b"/\xff"]) {
        Came::Request(7, Request::Remove(path)) => assert_eq!(&path[..], b"/\xff"),
        other => panic!("{other:?}"),
    }
    match packet(number::SYMLINK, &[b"target", b"/link"]) {
        Came::Request(7, Request::MakeLink { target, path }) => {
            assert_eq!((&target[..], &path[..]), (&b"target"[..], &b"/link"[..]));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        packet(4, &[b"12"]),
        Came::Request(7, Request::Close(12))
    ));
    assert!(matches!(
        packet(4, &[b"no number"]),
        Came::Refused(7, Status::BadMessage)
    ));
    assert!(matches!(
        packet(number::EXTENDED, &[b"limits@openssh.com"]),
        Came::Refused(7, Status::Unsupported)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_read_or_refused(
        kind in any::<u8>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let packet = [&[kind][..], &bytes].concat();
        drop(decode(packet.into()));
        drop(decode(bytes.into()));
    }

    #[test]
    fn lengths_that_lie_are_refused(kind in 0..=200_u8, length in any::<u32>()) {
        let mut packet = vec![kind, 0, 0, 0, 1];
        packet.put_u32(length.max(64));
        packet.extend([b'x'; 32]);
        let is_request = matches!(
            decode(packet.into()),
            Came::Request(_, request) if !matches!(request, Request::Close(_))
        );
        prop_assert!(!is_request);
    }
}
