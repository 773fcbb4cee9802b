use live::RelativePath;
use live::files::{Attributes, Kind, Root};

use super::{Invalidation, anything, at};
use crate::nodes::tests::{attributes, find, path};
use crate::nodes::{Nodes, ROOT};

fn told(nodes: &mut Nodes, path: &str, attributes: Option<&Attributes>) -> Vec<Invalidation> {
    at(
        nodes,
        &RelativePath::new(path.as_bytes()).unwrap(),
        attributes,
    )
    .invalidations
}

fn name(name: &str) -> Invalidation {
    Invalidation::Name(ROOT, name.into())
}

#[test]
fn what_is_known_means_nothing() {
    let mut nodes = Nodes::new(Root(1));
    let file = attributes(9, Kind::File, 0);
    find(&mut nodes, ROOT, "a", &file);
    assert_eq!(told(&mut nodes, "a", Some(&file)), []);
    let now = nodes.now();
    assert!(nodes.missed(ROOT, "b".as_ref(), now));
    assert_eq!(told(&mut nodes, "b", None), []);
    // Nor does what the kernel cannot know.
    assert_eq!(told(&mut nodes, "d/e/f", Some(&file)), []);
    assert_eq!(told(&mut nodes, "d/e/f", None), []);
}

#[test]
fn of_as_many_names_as_may_be_kept_all_are_taken_back() {
    let mut nodes = Nodes::new(Root(1));
    let asked = nodes.now();
    let all = (0..20_000).map(|number| format!("absent {number}"));
    let kept: Vec<String> = all
        .filter(|absent| nodes.missed(ROOT, absent.as_ref(), asked))
        .collect();
    assert!(kept.len() > 10_000 && kept.len() < 20_000);
    // Those that are kept may be so again.
    assert!(nodes.missed(ROOT, kept[0].as_ref(), asked));
    let taken_back = anything(&mut nodes, &RelativePath::root()).invalidations;
    let is_taken_back = |absent: &String| taken_back.contains(&name(absent));
    assert!(
        kept.iter()
            .step_by(1000)
            .chain(kept.last())
            .all(is_taken_back)
    );
    assert!(taken_back.len() >= kept.len());
}

#[test]
fn another_state_is_forgotten_once() {
    let mut nodes = Nodes::new(Root(1));
    let id = find(&mut nodes, ROOT, "a", &attributes(9, Kind::File, 0));
    let other = attributes(9, Kind::File, 1);
    assert_eq!(
        told(&mut nodes, "a", Some(&other)),
        [Invalidation::Node(id)]
    );
    assert_eq!(told(&mut nodes, "a", Some(&other)), []);
}

#[test]
fn names_come_go_and_lead_elsewhere() {
    let mut nodes = Nodes::new(Root(1));
    let root = Invalidation::Node(ROOT);
    let id = find(&mut nodes, ROOT, "a", &attributes(9, Kind::File, 0));
    let other = attributes(10, Kind::File, 0);
    assert_eq!(
        told(&mut nodes, "a", Some(&other)),
        [name("a"), root.clone(), Invalidation::Node(id)]
    );
    assert_eq!(
        (nodes.child(ROOT, "a".as_ref()), nodes.has_name(id)),
        (None, false)
    );
    assert_eq!(
        told(&mut nodes, "new", Some(&other)),
        [name("new"), root.clone()]
    );
    let id = find(&mut nodes, ROOT, "new", &other);
    assert_eq!(
        told(&mut nodes, "new", None),
        [name("new"), root, Invalidation::Node(id)]
    );
}

#[test]
fn what_the_laptop_moves_is_found_where_it_is() {
    let mut nodes = Nodes::new(Root(1));
    let top = find(&mut nodes, ROOT, "top", &attributes(2, Kind::Directory, 0));
    let deep = find(&mut nodes, top, "deep", &attributes(3, Kind::File, 0));
    told(&mut nodes, "top", None);
    told(
        &mut nodes,
        "moved",
        Some(&attributes(2, Kind::Directory, 0)),
    );
    assert_eq!(path(&nodes, deep).as_deref(), Some("moved/deep"));
    // The other way around, too.
    told(
        &mut nodes,
        "again",
        Some(&attributes(2, Kind::Directory, 0)),
    );
    told(&mut nodes, "moved", None);
    assert_eq!(path(&nodes, deep).as_deref(), Some("again/deep"));
}

#[test]
fn anything_is_everything_below() {
    let mut nodes = Nodes::new(Root(1));
    let top = find(&mut nodes, ROOT, "top", &attributes(2, Kind::Directory, 0));
    let deep = find(&mut nodes, top, "deep", &attributes(3, Kind::File, 0));
    let other = find(&mut nodes, ROOT, "other", &attributes(4, Kind::File, 0));
    let below = anything(&mut nodes, &RelativePath::new(b"top").unwrap()).invalidations;
    for wanted in [
        name("top"),
        Invalidation::Node(top),
        Invalidation::Name(top, "deep".into()),
        Invalidation::Node(deep),
    ] {
        assert!(below.contains(&wanted), "{wanted:?}");
    }
    assert!(!below.contains(&Invalidation::Node(other)));
    assert!(
        anything(&mut nodes, &RelativePath::root())
            .invalidations
            .contains(&Invalidation::Node(other))
    );
}
