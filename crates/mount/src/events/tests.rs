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
