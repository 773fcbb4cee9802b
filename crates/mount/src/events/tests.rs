use live::files::{Attributes, Kind};

use super::*;
use crate::nodes::tests::attributes;
use crate::nodes::{Nodes, ROOT};

fn name(name: &str) -> Name {
    (ROOT, name.into())
}

fn made(at: &str, attributes: Attributes) -> Event {
    let asked = Nodes::new(live::files::Root(1)).now();
    let what = What::Made { attributes, asked };
    Event {
        name: name(at),
        what,
    }
}

fn known(inode: u64, kind: Kind) -> Known {
    Known {
        id: NodeId(inode),
        attributes: attributes(inode, kind, 0),
    }
}

fn removed(at: &str, known: Known) -> Event {
    let what = What::Removed(Some(known));
    Event {
        name: name(at),
        what,
    }
}

fn moved(from: &str, to: &str, moved: Known, replaced: Option<Known>) -> Event {
    let what = What::Moved {
        from: name(from),
        moved,
        replaced,
    };
    Event {
        name: name(to),
        what,
    }
}

#[test]
fn what_goes_and_comes_together_has_moved() {
    let (file, other) = (known(9, Kind::File), known(10, Kind::File));
    // In whatever order it is told.
    for events in [
        vec![removed("a", file), made("b", file.attributes)],
        vec![made("b", file.attributes), removed("a", file)],
    ] {
        assert_eq!(paired(events), [moved("a", "b", file, None)]);
    }
    let replacing = vec![
        removed("b", other),
        made("b", file.attributes),
        removed("a", file),
    ];
    assert_eq!(paired(replacing), [moved("a", "b", file, Some(other))]);
}

#[test]
fn what_does_not_belong_together_is_told_as_it_was() {
    let (file, directory) = (known(9, Kind::File), known(9, Kind::Directory));
    for events in [
        vec![removed("a", file), made("b", attributes(10, Kind::File, 0))],
        vec![removed("a", directory), made("b", file.attributes)],
        vec![removed("a", file), made("a", file.attributes)],
    ] {
        assert_eq!(paired(events.clone()), events);
    }
}

#[test]
fn what_changes_again_before_it_is_told_is_told_once() {
    let contents = |at: &str| Event {
        name: name(at),
        what: What::Contents(NodeId(9)),
    };
    let mut queue = Queue::default();
    for event in [contents("a"), contents("b"), contents("a")] {
        queue.push(event);
    }
    assert_eq!(queue.pop(), Some(contents("a")));
    queue.push(contents("a"));
    assert_eq!(queue.pop(), Some(contents("b")));
    assert_eq!(queue.pop(), Some(contents("a")));
    assert_eq!(queue.pop(), None);
}

#[test]
fn no_more_wait_than_there_is_room_for() {
    let file = known(9, Kind::File);
    let mut queue = Queue::default();
    for _ in 0..MOST + 5 {
        queue.push(removed("a", file));
    }
    assert_eq!(std::iter::from_fn(|| queue.pop()).count(), MOST);
}

fn doubted(at: &str, known: Known) -> Event {
    let what = What::Doubted(known);
    Event {
        name: name(at),
        what,
    }
}

#[test]
fn what_is_in_doubt_is_looked_for_when_all_else_is_told() {
    let mut queue = Queue::default();
    let (file, other) = (known(9, Kind::File), known(10, Kind::File));
    queue.push(doubted("a", file));
    queue.push(made("b", attributes(11, Kind::File, 0)));
    // In doubt once more before it is known what became of it: what was known first counts.
    queue.push(doubted("a", other));
    assert_eq!(queue.pop(), Some(made("b", attributes(11, Kind::File, 0))));
    assert_eq!(queue.pop(), Some(doubted("a", file)));
    assert_eq!(queue.pop(), None);
}

#[test]
fn what_is_told_of_a_name_in_doubt_ends_the_doubt() {
    let (file, other) = (known(9, Kind::File), known(10, Kind::File));
    let contents = Event {
        name: name("a"),
        what: What::Contents(file.id),
    };
    let gone_unseen = Event {
        name: name("a"),
        what: What::Removed(None),
    };
    for (told, expected) in [
        // The same file: what has become of it has to be asked.
        (made("a", file.attributes), vec![doubted("a", file)]),
        (
            made("a", other.attributes),
            vec![removed("a", file), made("a", other.attributes)],
        ),
        (gone_unseen, vec![removed("a", file)]),
        (removed("a", file), vec![removed("a", file)]),
        (contents.clone(), vec![contents]),
        (
            moved("a", "b", file, None),
            vec![moved("a", "b", file, None)],
        ),
    ] {
        let mut queue = Queue::default();
        queue.push(doubted("a", file));
        queue.push(told);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(popped, expected);
    }
}

#[test]
fn no_more_are_in_doubt_than_there_is_room_for() {
    let mut queue = Queue::default();
    for number in 0..MOST + 5 {
        queue.push(doubted(&number.to_string(), known(9, Kind::File)));
    }
    assert_eq!(std::iter::from_fn(|| queue.pop()).count(), MOST);
}

#[test]
fn what_became_of_a_file_is_told_by_what_it_is_like() {
    let was = known(9, Kind::File);
    let id = NodeId(12);
    let became = |attributes: Attributes| was.became(Some((id, attributes)));
    assert_eq!(was.became(None), Some(What::Removed(Some(was))));
    assert_eq!(became(was.attributes), None);
    let longer = Attributes {
        size: was.attributes.size + 1,
        ..was.attributes
    };
    assert_eq!(became(longer), Some(What::Contents(id)));
    let program = Attributes {
        permissions: 0o711,
        ..was.attributes
    };
    assert_eq!(became(program), Some(What::Attributes(id)));
    // Another file in its place.
    let other = attributes(10, Kind::File, 0);
    assert_eq!(became(other), Some(What::Contents(id)));
    // Names in a directory are told of by themselves.
    let was = known(9, Kind::Directory);
    let larger = Attributes {
        size: was.attributes.size + 1,
        ..was.attributes
    };
    assert_eq!(was.became(Some((id, larger))), None);
}
