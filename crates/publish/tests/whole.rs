//! Whole directories and files, many at once.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::*;
use live::LARGEST_MESSAGE;
use live::files::{Contents, Identity, Listing, Place, Reply, Request, Time};
use live::message::{Message as _, ToServer};

fn tree(home: &Home, places: Vec<Place>) -> Vec<Listing> {
    match home.ask(Request::ReadTree(places)) {
        Ok(Reply::Tree(listings)) => listings,
        other => panic!("{other:?}"),
    }
}

fn files(home: &Home, places: Vec<Place>) -> Vec<Option<Contents>> {
    match home.ask(Request::ReadFiles(places)) {
        Ok(Reply::Files(files)) => files,
        other => panic!("{other:?}"),
    }
}

fn names(listings: &[Listing]) -> Vec<String> {
    let path = |listing: &Listing| String::from_utf8(listing.path.as_bytes().to_vec()).unwrap();
    listings.iter().map(path).collect()
}

#[test]
fn a_tree_is_listed_each_directory_before_what_is_in_it() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        fs::create_dir_all(home.at("a/b/c")).unwrap();
        fs::create_dir(home.at("d")).unwrap();
        home.file("a/b/file", b"1234");
        symlink(home.outside(), home.at("a/out")).unwrap();
        symlink("../d", home.at("a/link")).unwrap();
        let listings = tree(
            &home,
            vec![place("a"), place("none"), place("a/link"), place("d")],
        );
        assert_eq!(names(&listings), ["a", "a/b", "a/b/c", "d"]);
        assert_eq!(listings[0].entries.len(), 3);
        assert_eq!(listings[0].identity, home.agrees("a").identity);
        let file = listings[1]
            .entries
            .iter()
            .find(|entry| entry.name == "file");
        assert_eq!(file.unwrap().attributes, home.agrees("a/b/file"));
    }
}

#[test]
fn what_is_too_much_is_left_out_and_the_answer_fits_into_a_message() {
    let home = Home::new(BOTH[0]);
    for directory in 0..30 {
        fs::create_dir(home.at(format!("{directory:02}"))).unwrap();
        for file in 0..600 {
            home.file(format!("{directory:02}/{file:0>100}"), b"");
        }
    }
    let places = (0..30)
        .map(|directory| place(format!("{directory:02}")))
        .collect();
    let listings = tree(&home, places);
    assert!((3..30).contains(&listings.len()), "{}", listings.len());
    assert!(listings.iter().all(|listing| listing.entries.len() == 600));
    let message = ToServer::File(u64::MAX, Ok(Reply::Tree(listings))).encode();
    assert!(message.len() < LARGEST_MESSAGE, "{}", message.len());
}

#[test]
fn files_are_read_whole_or_not_at_all() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        home.file("a", b"1234");
        home.file("empty", b"");
        home.file("large", &vec![7; 900 << 10]);
        home.file("too large", &vec![7; 200 << 10]);
        fs::create_dir(home.at("d")).unwrap();
        fs::write(home.outside().join("secret"), "secret").unwrap();
        symlink(home.outside().join("secret"), home.at("link")).unwrap();
        symlink(home.outside(), home.at("out")).unwrap();
        let another = Place {
            identity: Some(Identity {
                device: 1,
                inode: 1,
                born: Time::default(),
            }),
            ..place("a")
        };
        let names = [
            "a",
            "none",
            "link",
            "out/secret",
            "d",
            "empty",
            "large",
            "too large",
        ];
        let mut places: Vec<_> = names.map(place).into();
        places.push(another);
        let files = files(&home, places);
        let lengths: Vec<_> = files
            .iter()
            .map(|file| file.as_ref().map(|contents| contents.bytes.len()))
            .collect();
        let large = Some(900 << 10);
        assert_eq!(
            lengths,
            [Some(4), None, None, None, None, Some(0), large, None, None]
        );
        let first = files[0].as_ref().unwrap();
        assert_eq!(first.attributes, home.agrees("a"));
        assert_eq!(&first.bytes[..], b"1234");
    }
}
