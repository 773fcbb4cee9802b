//! Requests of another file, of what is published no longer, of what was never opened; and more than may be open.

use std::fs;

use live::files::{ErrorNumber, Handle, Identity, Opening, Outcome, Reply, Request, Root, Time};
use publish::Limits;
use rustix::io::Errno;

use crate::driver::{Laptop, ROOT, play};
use crate::requests::{READ, READ_WRITE, describe, is_refusal, makes_device, on, place, place_in};

fn refused(errno: Errno) -> Outcome {
    Err(ErrorNumber(errno.raw_os_error() as u16))
}

#[test]
fn what_is_not_published_or_not_open_is_refused_whatever_is_asked() {
    play(async {
        let laptop = Laptop::new();
        let second = tempfile::tempdir().unwrap();
        fs::write(second.path().join("file"), b"second").unwrap();
        let other = Root(8);
        drop(
            laptop
                .publisher
                .publish(other, second.path(), "second", false)
                .unwrap(),
        );
        let mut server = laptop.connect().await;
        let opened = server
            .ask(Request::Open(place_in(other, "file"), READ_WRITE))
            .await;
        let Ok(Reply::Opened { handle, .. }) = opened else {
            panic!("{opened:?}");
        };
        laptop.publisher.withdraw(other);
        fs::write(laptop.project().join("inside"), b"inside").unwrap();
        let [nowhere, inside] = [place_in(other, "file"), place("inside")];
        for handle in [handle, Handle(0), Handle(u64::MAX)] {
            let requests = on(&nowhere, handle, &inside);
            let outcomes = server.ask_all(requests.clone()).await;
            for (request, outcome) in requests.iter().zip(outcomes) {
                let by_handle = format!("{request:?}").contains("Handle");
                let errno = if by_handle { Errno::BADF } else { Errno::NODEV };
                let whole = matches!(request, Request::ReadTree(_) | Request::ReadFiles(_));
                if whole || makes_device(request) {
                    assert!(is_refusal(&outcome), "{request:?}: {outcome:?}");
                } else {
                    assert_eq!(outcome, refused(errno), "{request:?}");
                }
            }
        }
        assert_eq!(fs::read(second.path().join("file")).unwrap(), b"second");
        assert_eq!(
            fs::read(laptop.project().join("inside")).unwrap(),
            b"inside"
        );
        laptop.check().await;
    });
}

#[test]
fn a_file_that_is_another_than_the_request_says_is_left_alone() {
    play(async {
        let laptop = Laptop::new();
        fs::write(laptop.project().join("file"), b"file").unwrap();
        fs::write(laptop.project().join("inside"), b"inside").unwrap();
        let mut server = laptop.connect().await;
        for (device, inode) in [(0, 0), (u64::MAX, u64::MAX), (1, 2)] {
            let mut at = place("file");
            at.identity = Some(Identity {
                device,
                inode,
                born: Time::default(),
            });
            let mut inside = place("inside");
            inside.identity = at.identity;
            for request in on(&at, Handle(1), &inside) {
                let outcome = server.ask(request.clone()).await;
                assert!(is_refusal(&outcome), "{request:?}: {outcome:?}");
            }
        }
        for name in ["file", "inside"] {
            assert_eq!(
                fs::read_to_string(laptop.project().join(name)).unwrap(),
                name
            );
        }
        laptop.check().await;
    });
}

#[test]
fn more_files_than_may_be_open_are_refused_and_nothing_is_lost() {
    play(async {
        let open = 64;
        let laptop = Laptop::with(Limits { open }, false, |_| {});
        let mut server = laptop.connect().await;
        let mut kept = Vec::new();
        for _ in 0..20 {
            let requests = (0..1000).map(|number| match number % 2 {
                0 => Request::Open(place("honest"), READ),
                _ => Request::OpenDirectory(place("")),
            });
            for outcome in server.ask_all(requests.collect()).await {
                match outcome {
                    Ok(Reply::Opened { handle, .. }) => kept.push(handle),
                    other => assert_eq!(other, refused(Errno::MFILE)),
                }
            }
        }
        assert_eq!(kept.len(), open);
        let truncating = Opening {
            truncate: true,
            ..READ_WRITE
        };
        let emptied = server.ask(Request::Open(place("honest"), truncating)).await;
        assert_eq!(emptied, refused(Errno::MFILE));
        for outcome in server
            .ask_all(kept.into_iter().map(Request::Close).collect())
            .await
        {
            assert_eq!(outcome, Ok(Reply::Done));
        }
        laptop.check().await;
    });
}

#[test]
fn nothing_moves_from_one_published_directory_to_another() {
    play(async {
        let laptop = Laptop::new();
        let second = laptop.project().with_file_name("directory");
        drop(
            laptop
                .publisher
                .publish(Root(8), &second, "second", true)
                .unwrap(),
        );
        let third = tempfile::tempdir().unwrap();
        drop(
            laptop
                .publisher
                .publish(Root(9), third.path(), "third", false)
                .unwrap(),
        );
        fs::write(third.path().join("file"), b"third").unwrap();
        let mut server = laptop.connect().await;
        for (other, errno) in [(Root(8), Errno::ROFS), (Root(9), Errno::XDEV)] {
            for (one, two) in [(ROOT, other), (other, ROOT)] {
                let [from, to] = [place_in(one, "honest"), place_in(two, "file")];
                for request in on(&from, Handle(1), &to) {
                    if !matches!(describe(&request).0, 6 | 7) {
                        continue;
                    }
                    let outcome = server.ask(request.clone()).await;
                    assert_eq!(outcome, refused(errno), "{request:?}");
                }
            }
        }
        assert_eq!(fs::read(third.path().join("file")).unwrap(), b"third");
        laptop.check().await;
    });
}
