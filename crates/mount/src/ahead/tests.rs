//! What is kept against a laptop whose changes are told late.

use std::collections::{BTreeMap, VecDeque};

use live::files::{Contents, Entry, Kind, Listing, Root};
use proptest::prelude::*;

use super::*;
use crate::nodes::tests::attributes;

/// So many directories, each with so many names that may be there.
const DIRECTORIES: u8 = 2;
const NAMES: u8 = 3;

type Name = (u8, u8);

#[derive(Clone, Debug)]
enum Step {
    /// It is another from now on; or there is none.
    Change(Name, bool),
    /// The next change is told.
    Tell,
    AskTree(u8),
    AskFile(Name),
    /// The laptop does what it was asked.
    Execute(usize),
    /// The answer comes.
    Come(usize),
    /// Changed from here: done and known at once.
    ChangeHere(Name),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || (0..DIRECTORIES, 0..NAMES);
    prop_oneof![
        3 => (name(), any::<bool>()).prop_map(|(name, is_there)| Step::Change(name, is_there)),
        3 => Just(Step::Tell),
        2 => (0..DIRECTORIES).prop_map(Step::AskTree),
        2 => name().prop_map(Step::AskFile),
        3 => (0_usize..4).prop_map(Step::Execute),
        3 => (0_usize..4).prop_map(Step::Come),
        1 => name().prop_map(Step::ChangeHere),
    ]
}

fn directory_path(directory: u8) -> RelativePath {
    RelativePath::new(format!("d{directory}").as_bytes()).unwrap()
}

fn path((directory, name): Name) -> RelativePath {
    RelativePath::new(format!("d{directory}/f{name}").as_bytes()).unwrap()
}

fn file((directory, name): Name, version: u64) -> Attributes {
    let inode = 100 + u64::from(directory * NAMES + name);
    attributes(inode, Kind::File, version)
}

enum Answer {
    Tree(Vec<Listing>),
    Files(Vec<Option<Contents>>),
}

struct World {
    ahead: Ahead,
    /// The version of each that is there.
    laptop: BTreeMap<Name, u64>,
    version: u64,
    untold: VecDeque<Name>,
    asked: Vec<(Flight, Step)>,
    answers: Vec<(Flight, Answer)>,
}

impl World {
    fn listing(&self, directory: u8) -> Listing {
        let here = self.laptop.iter().filter(|((at, _), _)| *at == directory);
        let entry = |(name, version): (&Name, &u64)| Entry {
            name: format!("f{}", name.1).into(),
            attributes: file(*name, *version),
        };
        Listing {
            path: directory_path(directory),
            identity: attributes(u64::from(directory) + 2, Kind::Directory, 0).identity,
            entries: here.map(entry).collect(),
        }
    }

    fn contents(&self, name: Name) -> Option<Contents> {
        let version = *self.laptop.get(&name)?;
        Some(Contents {
            attributes: file(name, version),
            bytes: version.to_le_bytes().to_vec().into(),
        })
    }

    fn take(&mut self, step: Step) {
        self.version += 1;
        match step {
            Step::Change(name, is_there) => {
                match is_there {
                    true => drop(self.laptop.insert(name, self.version)),
                    false => drop(self.laptop.remove(&name)),
                }
                self.untold.push_back(name);
            }
            Step::Tell => {
                if let Some(name) = self.untold.pop_front() {
                    let now = self.laptop.get(&name).map(|version| file(name, *version));
                    self.ahead.changed(&path(name), now.as_ref());
                }
            }
            Step::AskTree(directory) => {
                let aim = Aim::Trees(vec![directory_path(directory)]);
                let flight = self.ahead.start(aim, Epoch::default());
                self.asked.push((flight, step));
            }
            Step::AskFile(name) => {
                let flight = self
                    .ahead
                    .start(Aim::Files(vec![path(name)]), Epoch::default());
                self.asked.push((flight, step));
            }
            Step::Execute(index) if index < self.asked.len() => {
                let (flight, step) = self.asked.remove(index);
                let answer = match step {
                    Step::AskTree(directory) => Answer::Tree(vec![self.listing(directory)]),
                    Step::AskFile(name) => Answer::Files(vec![self.contents(name)]),
                    _ => return,
                };
                self.answers.push((flight, answer));
            }
            Step::Come(index) if index < self.answers.len() => {
                let (flight, answer) = self.answers.remove(index);
                let waiting = match answer {
                    Answer::Tree(listings) => self.ahead.trees_came(flight, listings),
                    Answer::Files(files) => self.ahead.files_came(flight, files),
                };
                assert!(waiting.is_empty());
            }
            Step::ChangeHere(name) => {
                self.laptop.insert(name, self.version);
                self.ahead.forget(&path(name), false);
                self.untold.push_back(name);
            }
            Step::Execute(_) | Step::Come(_) => {}
        }
    }

    /// Whatever has been told, or was done from here, is not contradicted by what is kept.
    fn check(&self) {
        for directory in 0..DIRECTORIES {
            for name in 0..NAMES {
                let name = (directory, name);
                if self.untold.contains(&name) {
                    continue;
                }
                let version = self.laptop.get(&name).copied();
                if let Some(kept) = self.ahead.kept(&path(name)) {
                    assert_eq!(
                        version.map(|version| file(name, version)),
                        Some(kept.attributes)
                    );
                }
                let Some(listed) = self.ahead.listed(&directory_path(directory)) else {
                    continue;
                };
                if let Ok(entry) = listed.entry(format!("f{}", name.1).as_bytes()) {
                    let kept = entry.map(|entry| entry.attributes);
                    assert_eq!(version.map(|version| file(name, version)), kept);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_kept_that_was_told_to_have_changed(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World {
            ahead: Ahead::default(),
            laptop: BTreeMap::new(),
            version: 0,
            untold: VecDeque::new(),
            asked: Vec::new(),
            answers: Vec::new(),
        };
        for step in steps {
            world.take(step);
            world.check();
        }
    }
}

fn listing_of(path: &str, entries: &[(&str, Attributes)]) -> Listing {
    let entry = |(name, attributes): &(&str, Attributes)| Entry {
        name: (*name).to_owned().into(),
        attributes: *attributes,
    };
    Listing {
        path: RelativePath::new(path.as_bytes()).unwrap(),
        identity: attributes(9, Kind::Directory, 0).identity,
        entries: entries.iter().map(entry).collect(),
    }
}

#[test]
fn what_comes_next_is_what_a_walk_comes_to() {
    let mut ahead = Ahead::default();
    let (small, large) = (
        attributes(20, Kind::File, 10),
        attributes(21, Kind::File, 1 << 30),
    );
    let directory = attributes(22, Kind::Directory, 0);
    let root = [
        ("a", small),
        ("d", directory),
        ("e", directory),
        ("z", small),
    ];
    ahead.keep(listing_of("", &root), Epoch::default());
    ahead.keep(
        listing_of("d", &[("b", small), ("c", large)]),
        Epoch::default(),
    );
    let place = |path: &str| live::files::Place {
        root: Root(1),
        path: RelativePath::new(path.as_bytes()).unwrap(),
        identity: None,
    };
    assert_eq!(ahead.file_missed(&place("none"), 1), None);
    let places = ahead.file_missed(&place("a"), 10).unwrap();
    let paths: Vec<_> = places.iter().map(|place| place.path.as_bytes()).collect();
    assert_eq!(paths, [b"a".as_slice(), b"d/b", b"z"]);
    // A directory that is not known comes after the one that is asked for.
    assert_eq!(ahead.list_missed(Root(1), &place("x").path), None);
    let places = ahead.list_missed(Root(1), &place("d/y").path).unwrap();
    let paths: Vec<_> = places.iter().map(|place| place.path.as_bytes()).collect();
    assert_eq!(paths, [b"d/y".as_slice(), b"e"]);
}

#[test]
fn there_is_an_end_to_what_is_kept() {
    let mut ahead = Ahead::default();
    for number in 0..40 {
        let path = RelativePath::new(format!("{number}").as_bytes()).unwrap();
        let flight = ahead.start(Aim::Files(vec![path]), Epoch::default());
        let contents = Contents {
            attributes: attributes(number, Kind::File, 1 << 20),
            bytes: vec![0; 1 << 20].into(),
        };
        ahead.files_came(flight, vec![Some(contents)]);
    }
    assert!(ahead.contents_length() <= MOST_CONTENTS);
    assert!(ahead.contents.kept.len() > 10);
    ahead.clear();
    assert_eq!((ahead.contents_length(), ahead.contents.kept.len()), (0, 0));
}

/// How many of `names` it takes until directories are read ahead, when each is answered within `took`.
fn asked_one_by_one(
    took: std::time::Duration,
    names: impl Iterator<Item = String>,
) -> Option<usize> {
    let mut ahead = Ahead::default();
    let mut names = names.map(|name| RelativePath::new(name.as_bytes()).unwrap());
    names.position(|path| {
        let places = ahead.name_missed(Root(0), &path);
        ahead.name_answered(took);
        places.is_some()
    })
}

#[test]
fn names_here_and_there_are_asked_for_alone_where_answers_come_soon() {
    use std::time::Duration;
    let soon = Duration::from_micros(200);
    let late = Duration::from_millis(20);
    let scattered = || (0..100).map(|number| format!("d{number}/f"));
    let together = || (0..100).map(|number| format!("d/f{number}"));
    assert_eq!(asked_one_by_one(soon, scattered()), None);
    assert_eq!(asked_one_by_one(soon, together()), Some(3));
    assert_eq!(asked_one_by_one(late, scattered()), Some(3));
    assert_eq!(asked_one_by_one(late, together()), Some(3));
}
