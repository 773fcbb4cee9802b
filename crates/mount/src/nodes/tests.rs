use std::ffi::OsStr;

use live::RelativePath;
use live::files::{Attributes, Identity, Kind, Root, Time};

use super::{News, NodeId, Nodes, Observed, ROOT};

/// Of a file or directory with that number; `state` is what differs after a change.
pub(crate) fn attributes(inode: u64, kind: Kind, state: u64) -> Attributes {
    let time = Time {
        seconds: 1,
        nanoseconds: 0,
    };
    Attributes {
        identity: Identity {
            device: 5,
            inode,
            born: time,
        },
        kind,
        permissions: 0o755,
        links: 1,
        user: 0,
        group: 0,
        device_number: 0,
        size: state,
        blocks: 0,
        accessed: time,
        modified: time,
        changed: time,
    }
}

fn file(inode: u64) -> Attributes {
    attributes(inode, Kind::File, 0)
}

fn directory(inode: u64) -> Attributes {
    attributes(inode, Kind::Directory, 0)
}

pub(crate) fn find(
    nodes: &mut Nodes,
    parent: NodeId,
    name: &str,
    attributes: &Attributes,
) -> NodeId {
    let now = nodes.now();
    nodes.found(parent, name.as_ref(), attributes, now).id
}

pub(crate) fn path(nodes: &Nodes, id: NodeId) -> Option<String> {
    nodes
        .path(id)
        .map(|path| String::from_utf8(path.as_bytes().to_vec()).unwrap())
}

fn name(name: &str) -> &OsStr {
    name.as_ref()
}

#[test]
fn a_number_has_the_laptops_low_bits_and_stays() {
    let mut nodes = Nodes::new(Root(1));
    let wide = file(0x12_3456_789a);
    let first = find(&mut nodes, ROOT, "a", &wide);
    assert_eq!(first.0 & 0xffff_ffff, 0x3456_789a);
    nodes.forget(first, 1);
    assert_eq!(
        (nodes.count(), find(&mut nodes, ROOT, "a", &wide)),
        (1, first)
    );
    // Another file system, or the upper bits, are another number.
    let elsewhere = Attributes {
        identity: Identity {
            device: 6,
            inode: 0x12_3456_789a,
            ..wide.identity
        },
        ..wide
    };
    assert_ne!(find(&mut nodes, ROOT, "b", &elsewhere), first);
    assert_ne!(find(&mut nodes, ROOT, "c", &file(0x3456_789a)), first);
    // So is a file that was made when the one with this number was gone.
    let mut later = wide;
    later.identity.born.nanoseconds += 1;
    assert_ne!(find(&mut nodes, ROOT, "d", &later), first);
    // A file with the number that the root has.
    assert_ne!(find(&mut nodes, ROOT, "d", &file(1)), ROOT);
}

#[test]
fn a_number_that_another_kind_of_file_has_now_is_another_node() {
    let mut nodes = Nodes::new(Root(1));
    let old = find(&mut nodes, ROOT, "a", &file(9));
    let new = find(&mut nodes, ROOT, "b", &directory(9));
    assert_ne!(old, new);
    nodes.forget(old, 1);
    assert_eq!(find(&mut nodes, ROOT, "b", &directory(9)), new);
}

#[test]
fn two_names_are_one_node_until_both_are_gone() {
    let mut nodes = Nodes::new(Root(1));
    let one = find(&mut nodes, ROOT, "a", &file(9));
    assert_eq!(find(&mut nodes, ROOT, "b", &file(9)), one);
    let now = nodes.now();
    assert!(nodes.unlinked(ROOT, name("a"), now));
    assert_eq!(path(&nodes, one).as_deref(), Some("b"));
    assert!(nodes.unlinked(ROOT, name("b"), now));
    assert_eq!(
        (path(&nodes, one), nodes.kind(one)),
        (None, Some(Kind::File))
    );
    nodes.forget(one, 2);
    assert_eq!(nodes.kind(one), None);
}

#[test]
fn what_is_open_stays_when_it_is_forgotten() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &file(9));
    nodes.opened(id);
    nodes.forget(id, 1);
    assert_eq!(path(&nodes, id).as_deref(), Some("a"));
    nodes.closed(id);
    assert_eq!(nodes.count(), 1);
}

#[test]
fn moving_a_directory_moves_what_is_below() {
    let mut nodes = Nodes::new(Root(1));
    let top = find(&mut nodes, ROOT, "top", &directory(2));
    let below = find(&mut nodes, top, "below", &directory(3));
    let deep = find(&mut nodes, below, "deep", &file(4));
    let other = find(&mut nodes, ROOT, "other", &file(5));
    let now = nodes.now();
    assert!(nodes.renamed((top, name("below")), (ROOT, name("up")), Some(below), now));
    assert_eq!(path(&nodes, deep).as_deref(), Some("up/deep"));
    let now = nodes.now();
    let pair = [(ROOT, name("up")), (ROOT, name("other"))];
    assert!(nodes.exchanged(pair, [Some(below), Some(other)], now));
    assert_eq!(
        (
            path(&nodes, deep).as_deref(),
            path(&nodes, other).as_deref()
        ),
        (Some("other/deep"), Some("up"))
    );
    // A directory is kept for what is below it.
    nodes.forget(below, 1);
    assert_eq!(path(&nodes, deep).as_deref(), Some("other/deep"));
    nodes.forget(deep, 1);
    assert_eq!(nodes.kind(below), None);
}

#[test]
fn what_was_told_of_a_name_meanwhile_stands() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &file(9));
    let asked = nodes.now();
    // The watcher is faster than the answer.
    nodes.removed(ROOT, name("a"));
    nodes.replaced(ROOT, name("b"), Some(id));
    assert!(!nodes.renamed((ROOT, name("a")), (ROOT, name("b")), None, asked));
    assert_eq!(path(&nodes, id).as_deref(), Some("b"));
}

#[test]
fn answers_of_before_a_change_are_not_taken_down() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &file(9));
    let asked = nodes.now();
    assert!(nodes.change(id, &attributes(9, Kind::File, 1)));
    assert_eq!(nodes.observe(id, &file(9), asked), Observed::Stale);
    assert!(nodes.is_stale(id, asked));
    assert!(
        !nodes.change(id, &attributes(9, Kind::File, 1)),
        "it is known"
    );
    let found = nodes.found(ROOT, name("a"), &file(9), asked);
    assert_eq!((found.id, found.is_fresh), (id, false));
    assert_eq!(nodes.current(id), None, "what is told may be out of date");
    let now = nodes.now();
    assert_eq!(
        nodes.observe(id, &attributes(9, Kind::File, 1), now),
        Observed::Same
    );
    assert_eq!(nodes.current(id).map(|current| current.size), Some(1));
    // Changed from here, it is known no more, but contents are the kernel's own.
    let asked = nodes.now();
    nodes.touched(id);
    assert_eq!(
        (nodes.current(id), nodes.is_stale(id, asked)),
        (None, false)
    );
    assert_eq!(nodes.observe(id, &file(9), asked), Observed::Stale);
}

#[test]
fn a_name_that_is_told_to_be_gone_is_still_a_guess() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &file(9));
    nodes.removed(ROOT, name("a"));
    let guess = |nodes: &Nodes, guess| {
        nodes
            .place(id, guess)
            .map(|place| place.path.as_bytes().to_vec())
    };
    assert_eq!(
        (nodes.has_name(id), guess(&nodes, 0)),
        (false, Some(b"a".to_vec()))
    );
    // It was not gone, or is there again.
    let now = nodes.now();
    find(&mut nodes, ROOT, "a", &file(9));
    assert!(nodes.missed(ROOT, name("a"), now));
    assert_eq!((guess(&nodes, 0), guess(&nodes, 1)), (None, None));
}

#[test]
fn a_directory_that_is_told_to_be_elsewhere_may_be_where_it_was() {
    let mut nodes = Nodes::new(Root(1));
    let top = find(&mut nodes, ROOT, "top", &directory(2));
    let deep = find(&mut nodes, top, "deep", &file(3));
    nodes.replaced(ROOT, name("moved"), Some(top));
    let guess = |guess| {
        nodes
            .place(deep, guess)
            .map(|place| place.path.as_bytes().to_vec())
    };
    assert_eq!(guess(0), Some(b"moved/deep".to_vec()));
    assert_eq!(guess(2), Some(b"top/deep".to_vec()));
}

#[test]
fn a_number_that_was_removed_from_here_is_another_file_next() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &directory(9));
    let now = nodes.now();
    assert!(nodes.unlinked(ROOT, name("a"), now));
    assert_ne!(find(&mut nodes, ROOT, "a", &directory(9)), id);
}

#[test]
fn names_that_are_not_there_are_remembered_until_they_are() {
    let mut nodes = Nodes::new(Root(1));
    let asked = nodes.now();
    assert!(nodes.missed(ROOT, name("a"), asked));
    assert!(nodes.is_absent(ROOT, name("a")));
    nodes.replaced(ROOT, name("a"), None);
    assert!(!nodes.is_absent(ROOT, name("a")));
    assert!(!nodes.missed(ROOT, name("a"), asked), "it came meanwhile");
    assert!(!nodes.is_name_stale(ROOT, name("b"), asked));
}

#[test]
fn a_directory_forgets_which_names_changed_rather_than_that_they_did() {
    let mut nodes = Nodes::new(Root(1));
    let asked = nodes.now();
    for number in 0..3000 {
        nodes.removed(ROOT, name(&format!("{number}")));
    }
    for number in 0..3000 {
        assert!(nodes.is_name_stale(ROOT, name(&format!("{number}")), asked));
    }
}

#[test]
fn doubt_spares_nothing_below() {
    let mut nodes = Nodes::new(Root(1));
    let top = find(&mut nodes, ROOT, "top", &directory(2));
    let deep = find(&mut nodes, top, "deep", &file(4));
    assert_eq!(nodes.below(ROOT), [ROOT, top, deep]);
    assert_eq!(
        nodes.find(&RelativePath::new(b"top/deep").unwrap()),
        Some(deep)
    );
    let asked = nodes.now();
    nodes.doubt(top);
    assert!(nodes.is_name_stale(top, name("deep"), asked) && nodes.known(top).is_none());
}

/// Of that size, since that time.
fn written(size: u64, seconds: i64) -> Attributes {
    let changed = Time {
        seconds,
        nanoseconds: 0,
    };
    Attributes {
        size,
        modified: changed,
        changed,
        ..file(9)
    }
}

#[test]
fn what_is_told_of_what_was_done_from_here_is_unclear_until_that_is_seen() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &written(0, 1));
    nodes.touched(id);
    // The first of two writes, the second, and what the laptop does later.
    assert_eq!(nodes.news(id, &written(3, 2)), News::Unclear);
    assert!(nodes.take_look(id));
    let asked = nodes.now();
    assert!(nodes.change(id, &written(3, 2)));
    assert!(!nodes.take_look(id));
    assert_eq!(nodes.looked(id, Some(&written(6, 3)), asked), News::Nothing);
    assert_eq!(nodes.observe(id, &written(6, 3), asked), Observed::Stale);
    assert_eq!(nodes.news(id, &written(6, 3)), News::Nothing);
    assert_eq!(nodes.news(id, &written(7, 4)), News::Contents);
}

#[test]
fn what_is_told_of_after_it_was_looked_at_is_news() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &written(0, 1));
    nodes.touched(id);
    assert!(nodes.take_look(id));
    let asked = nodes.now();
    assert_eq!(nodes.news(id, &written(4, 3)), News::Unclear);
    assert!(nodes.change(id, &written(4, 3)));
    // Who asks for another reason does not settle it.
    assert_eq!(nodes.observe(id, &written(3, 2), asked), Observed::Stale);
    assert_eq!(
        nodes.looked(id, Some(&written(3, 2)), asked),
        News::Contents
    );
    assert_eq!(nodes.looked(id, Some(&written(3, 2)), asked), News::Nothing);
    assert_eq!(nodes.news(id, &written(5, 4)), News::Contents);
}

#[test]
fn what_is_under_way_is_looked_at_when_it_is_done() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &written(0, 1));
    let before = nodes.now();
    nodes.begun(id);
    assert_eq!(nodes.news(id, &written(3, 2)), News::Unclear);
    assert!(!nodes.take_look(id));
    let during = nodes.now();
    for asked in [before, during] {
        nodes.observe(id, &written(0, 1), asked);
        assert!(nodes.is_unseen(id));
    }
    assert!(nodes.ended(id));
    assert!(nodes.take_look(id));
    nodes.observe(id, &written(0, 1), before);
    assert!(nodes.is_unseen(id));
    // It could not be looked at.
    assert_eq!(nodes.looked(id, None, during), News::Nothing);
    assert!(!nodes.is_unseen(id));
    // Nor what it was, and something else has its name.
    nodes.touched(id);
    assert!(nodes.take_look(id));
    let now = nodes.now();
    assert_eq!(nodes.looked(id, Some(&file(10)), now), News::Nothing);
    assert!(!nodes.is_unseen(id));
    // Nobody has told anything meanwhile.
    nodes.begun(id);
    assert!(!nodes.ended(id));
}
