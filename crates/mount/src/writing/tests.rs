use super::*;
use crate::nodes::tests::attributes;
use crate::pending::{NOBODY, Pending};
use live::files::{Kind, Reply};
use std::sync::mpsc::{Sender, channel};

fn file(inode: u64, state: u64) -> Attributes {
    attributes(inode, Kind::File, state)
}

#[test]
fn a_file_is_busy_until_all_is_written() {
    let (mut writing, node) = (Writing::default(), NodeId(7));
    writing.begin(node, 0..10);
    writing.begin(node, 20..30);
    assert!(writing.has_to_wait(node, &(9..11)) && !writing.has_to_wait(node, &(10..20)));
    assert_eq!(writing.end(node), Some(30));
    assert!(writing.end_of(node, &(20..30)).0.is_empty());
    assert!(writing.is_busy(node));
    assert!(writing.end_of(node, &(0..10)).0.is_empty());
    assert!(!writing.is_busy(node));
    assert_eq!((writing.bytes, writing.writes), (0, 0));
}

#[test]
fn there_is_an_end_to_what_is_under_way() {
    let mut writing = Writing::default();
    for number in 0..32 {
        assert!(writing.has_room());
        writing.begin(NodeId(number), 0..1 << 20);
    }
    assert!(!writing.has_room());
}

fn waiting(pending: &Arc<Pending>, told: &Sender<u8>, number: u8) -> Answerer {
    let told = told.clone();
    let then = move |_| told.send(number).unwrap();
    pending.wait(NOBODY, Box::new(then)).unwrap()
}

#[test]
fn who_waits_for_room_is_admitted_in_turn_and_never_forgotten() {
    let (pending, mut writing) = (Arc::default(), Writing::default());
    let (sender, told) = channel();
    let given = writing.wait_for_room(waiting(&pending, &sender, 0));
    assert!(given.is_some(), "there is room");
    drop(given);
    for number in 0..33 {
        writing.begin(NodeId(number), 0..1 << 20);
    }
    for number in 1..=4 {
        let waiting = waiting(&pending, &sender, number);
        assert!(writing.wait_for_room(waiting).is_none());
    }
    let mut end_of = |number| {
        let (answered, _) = writing.end_of(NodeId(number), &(0..1 << 20));
        for answerer in answered {
            answerer.answer(Ok(Reply::Done));
        }
        told.try_iter().collect::<Vec<_>>()
    };
    assert_eq!(
        end_of(0),
        [0],
        "the one that was given back; there is no room yet"
    );
    assert_eq!(end_of(1), [1]);
    assert_eq!(end_of(2), [2]);
    // Neither of these wrote anything, and what is under way is all that could admit the others.
    let rest: Vec<_> = (3..33).flat_map(end_of).collect();
    assert_eq!(rest, [3, 4]);
}

#[test]
fn the_last_that_is_done_admits_all() {
    let (pending, mut writing) = (Arc::default(), Writing::default());
    let (sender, told) = channel();
    writing.begin(NodeId(1), 0..MOST_BYTES);
    for number in 1..=3 {
        let waiting = waiting(&pending, &sender, number);
        assert!(writing.wait_for_room(waiting).is_none());
    }
    let (answered, _) = writing.end_of(NodeId(1), &(0..MOST_BYTES));
    for answerer in answered {
        answerer.answer(Ok(Reply::Done));
    }
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

fn through(number: u64) -> Through {
    Through {
        id: OpenId(number),
        handle: Handle(number),
    }
}

fn permissions(permissions: u16) -> NewAttributes {
    NewAttributes {
        permissions: Some(permissions),
        ..NewAttributes::default()
    }
}

#[test]
fn what_makes_a_file_is_asked_for_together() {
    let (mut writing, node) = (Writing::default(), NodeId(7));
    let present = file(1, 7);
    assert!(writing.hold(node, through(1), (0, b"some "), Some(&present)));
    assert!(writing.hold(node, through(1), (5, b"text"), None));
    let expected = writing.hold_attributes(node, through(1), &permissions(0o751), None);
    assert_eq!(expected.map(|expected| expected.permissions), Some(0o751));
    // What is written then comes after that.
    assert!(writing.has_to_wait(node, &(9..10)));
    assert!(!writing.hold(node, through(1), (9, b"!"), None));
    let held = writing.is_due(node).unwrap();
    assert_eq!((held.range(), held.new), (0..9, permissions(0o751)));
    assert!(matches!(held.request(), Request::WriteAndSet { bytes, .. } if bytes == "some text"));
    assert!(writing.is_busy(node) && writing.is_due(node).is_none());
    assert_eq!(writing.end_of(node, &(0..9)).1, None);
    assert!(!writing.is_busy(node));
    assert_eq!((writing.bytes, writing.writes), (0, 0));
}

#[test]
fn attributes_are_asked_for_when_all_before_is_done() {
    let (mut writing, node) = (Writing::default(), NodeId(7));
    let present = file(1, 7);
    assert!(writing.hold(node, through(1), (0, b"text"), Some(&present)));
    let held = writing.is_due(node).unwrap();
    let expected = writing.hold_attributes(node, through(1), &permissions(0o600), None);
    assert!(expected.is_some_and(|expected| expected.size >= 4));
    assert_eq!(writing.is_due(node), None, "it is not before the other");
    let (waiting, next) = writing.end_of(node, &held.range());
    assert!(waiting.is_empty());
    assert!(matches!(
        next.unwrap().request(),
        Request::SetAttributes(..)
    ));
    assert!(writing.is_busy(node));
    writing.end_of(node, &(0..0));
    assert!(!writing.is_busy(node));
    assert_eq!((writing.bytes, writing.writes), (0, 0));
}

#[test]
fn nothing_is_held_that_is_large_elsewhere_or_of_a_file_that_nobody_knows() {
    let (mut writing, node) = (Writing::default(), NodeId(7));
    let present = file(1, 7);
    assert!(!writing.hold(node, through(1), (0, b"text"), None));
    assert!(!writing.hold(node, through(1), (0, &[0; MOST_HELD + 1]), Some(&present)));
    assert!(writing.hold(node, through(1), (0, &[0; MOST_HELD]), Some(&present)));
    let large = MOST_HELD as u64;
    assert!(
        !writing.hold(node, through(1), (large, b"!"), Some(&present)),
        "it is full"
    );
    assert!(
        !writing.hold(node, through(2), (large, b""), Some(&present)),
        "through another"
    );
    assert!(
        !writing.hold(node, through(1), (large + 1, b""), Some(&present)),
        "a hole"
    );
    assert_eq!(writing.take_held().len(), 1);
    writing.begin(NodeId(8), 0..1);
    let unknown =
        writing.hold_attributes(NodeId(8), through(1), &permissions(0o600), Some(&present));
    assert_eq!(unknown, None);
}
