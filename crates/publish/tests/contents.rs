//! Contents: reading, writing, sparse files, copies.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;

use common::*;
use live::files::{Access, Allocation, LARGEST_TRANSFER, Opening, Reply, Request, Seeking};
use rustix::io::Errno;

fn create(name: &str, exclusive: bool, opening: Opening) -> Request {
    Request::Create {
        place: place(name),
        permissions: 0o644,
        opening,
        exclusive,
    }
}

#[test]
fn files_are_created_opened_and_truncated() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let (handle, made) = home.opened(create("file", true, READ_WRITE));
        assert_eq!(made, home.agrees("file"));
        assert_eq!(home.write(handle, 0, b"contents"), 8);
        home.refused(create("file", true, READ_WRITE), Errno::EXIST);
        let (again, found) = home.opened(create("file", false, READ));
        assert_eq!((found.size, found.permissions), (8, 0o644));
        assert_eq!(&home.read(again, 0, 100)[..], b"contents");
        let truncate = Opening {
            truncate: true,
            ..WRITE
        };
        let (_, found) = home.opened(create("file", false, truncate));
        assert_eq!(found.size, 0);
        home.write(handle, 0, b"again");
        assert_eq!(
            home.opened(Request::Open(place("file"), truncate)).1.size,
            0
        );
        home.refused(Request::Open(place("none"), READ), Errno::NOENT);
        home.refused(create("none/below", false, READ), Errno::NOENT);
        home.refused(create("", false, READ), Errno::ISDIR);
        // Made without the permission to write, open for writing.
        let (handle, _) = home.opened(Request::Create {
            place: place("object"),
            permissions: 0o444,
            opening: WRITE,
            exclusive: true,
        });
        assert_eq!(home.write(handle, 0, b"x"), 1);
    }
}

#[test]
fn reading_at_and_over_the_end() {
    let home = Home::new(BOTH[0]);
    home.file("file", b"0123456789");
    let handle = home.open("file", READ);
    assert_eq!(&home.read(handle, 0, 10)[..], b"0123456789");
    assert_eq!(&home.read(handle, 7, 10)[..], b"789");
    assert_eq!(&home.read(handle, 10, 10)[..], b"");
    assert_eq!(&home.read(handle, 1 << 60, 10)[..], b"");
    assert_eq!(&home.read(handle, 3, 0)[..], b"");
    for offset in [u64::MAX, i64::MAX as u64 + 1] {
        home.refused(
            Request::Read {
                handle,
                offset,
                length: 10,
            },
            Errno::INVAL,
        );
    }
    let bytes = b"x".as_slice();
    home.refused(
        Request::Write {
            handle,
            offset: 0,
            bytes: bytes.into(),
        },
        Errno::BADF,
    );
    let handle = home.open("file", WRITE);
    home.refused(
        Request::Read {
            handle,
            offset: 0,
            length: 1,
        },
        Errno::BADF,
    );
    for offset in [u64::MAX, i64::MAX as u64 + 1] {
        let bytes = bytes.into();
        assert!(
            home.ask(Request::Write {
                handle,
                offset,
                bytes
            })
            .is_err()
        );
    }
    assert_eq!(fs::read(home.at("file")).unwrap(), b"0123456789");
}

#[test]
fn large_pieces_are_whole() {
    let home = Home::new(BOTH[0]);
    let most = LARGEST_TRANSFER as usize;
    let pattern: Vec<u8> = (0..3 * most + 5).map(|byte| (byte % 251) as u8).collect();
    let (handle, _) = home.opened(create("file", true, READ_WRITE));
    let mut written = 0;
    while written < pattern.len() {
        let step = home.write(handle, written as u64, &pattern[written..]);
        assert_eq!(step as usize, most.min(pattern.len() - written));
        written += step as usize;
    }
    home.done(Request::Sync {
        handle,
        data_only: false,
    });
    home.done(Request::Sync {
        handle,
        data_only: true,
    });
    assert!(fs::read(home.at("file")).unwrap() == pattern);
    assert_eq!(home.read(handle, 0, u32::MAX).len(), most);
    let last = home.read(handle, 3 * most as u64 - 1, LARGEST_TRANSFER);
    assert_eq!(&last[..], &pattern[3 * most - 1..]);
}

#[test]
fn appending_goes_to_the_end_wherever_it_is() {
    let home = Home::new(BOTH[0]);
    let append = Opening {
        append: true,
        ..WRITE
    };
    home.file("file", b"first ");
    let one = home.open("file", append);
    let (other, _) = home.opened(create("file", false, append));
    home.write(one, 0, b"second ");
    home.write(other, 0, b"third ");
    home.write(one, 3, b"fourth");
    assert_eq!(
        fs::read(home.at("file")).unwrap(),
        b"first second third fourth"
    );
}

#[test]
fn a_removed_file_stays_open() {
    let home = Home::new(BOTH[0]);
    home.file("file", b"contents");
    let handle = home.open("file", READ_WRITE);
    home.done(Request::Remove(place("file")));
    home.write(handle, 8, b" more");
    assert_eq!(&home.read(handle, 0, 100)[..], b"contents more");
    home.close(handle);
    home.refused(
        Request::Read {
            handle,
            offset: 0,
            length: 1,
        },
        Errno::BADF,
    );
    home.refused(Request::Close(handle), Errno::BADF);
}

#[test]
fn holes_are_found_made_and_filled() {
    const MIB: u64 = 1 << 20;
    let home = Home::new(BOTH[0]);
    let (handle, _) = home.opened(create("file", true, READ_WRITE));
    home.write(handle, 4 * MIB, &vec![1; MIB as usize]);
    let seek = |offset, what| {
        home.ask(Request::Seek {
            handle,
            offset,
            what,
        })
    };
    if seek(0, Seeking::Data) == Ok(Reply::Offset(0)) {
        return testkit::skip("this file system knows no holes");
    }
    assert_eq!(seek(0, Seeking::Data), Ok(Reply::Offset(4 * MIB)));
    assert_eq!(seek(0, Seeking::Hole), Ok(Reply::Offset(0)));
    assert_eq!(seek(4 * MIB, Seeking::Hole), Ok(Reply::Offset(5 * MIB)));
    assert_eq!(seek(5 * MIB, Seeking::Data), Err(errno(Errno::NXIO)));

    let allocate = |offset, length, how| Request::Allocate {
        handle,
        offset,
        length,
        how,
    };
    let punch = allocate(4 * MIB, MIB / 2, Allocation::PunchHole);
    if home.ask(punch.clone()) == Err(errno(Errno::OPNOTSUPP)) {
        return testkit::skip("this file system makes no holes");
    }
    home.done(punch);
    assert_eq!(seek(0, Seeking::Data), Ok(Reply::Offset(4 * MIB + MIB / 2)));
    assert_eq!(home.agrees("file").size, 5 * MIB);
    let read = home.read(handle, 4 * MIB, MIB as u32);
    assert!(
        read.iter()
            .zip(0_u64..)
            .all(|(byte, at)| u64::from(*byte) == at / (MIB / 2))
    );
    home.done(allocate(0, MIB, Allocation::KeepSize));
    assert!(home.agrees("file").blocks * 512 >= MIB + MIB / 2);
    home.done(allocate(6 * MIB, MIB, Allocation::Allocate));
    assert_eq!(home.agrees("file").size, 7 * MIB);
    let zero = allocate(4 * MIB, MIB, Allocation::Zero { keep_size: true });
    if home.ask(zero) == Ok(Reply::Done) {
        assert!(
            home.read(handle, 4 * MIB, MIB as u32)
                .iter()
                .all(|byte| *byte == 0)
        );
    }
    home.refused(allocate(0, 0, Allocation::Allocate), Errno::INVAL);
}

#[test]
fn copies_are_made_on_the_laptop() {
    let home = Home::new(BOTH[0]);
    let contents: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    home.file("from", &contents);
    let (to, _) = home.opened(create("to", true, READ_WRITE));
    let from = home.open("from", READ);
    let copy = |from, to, length| Request::Copy {
        from,
        from_offset: 1_000,
        to,
        to_offset: 10,
        length,
    };
    match home.ask(copy(from, to, 5_000)) {
        Err(error) if error == errno(Errno::OPNOTSUPP) || error == errno(Errno::XDEV) => {
            return testkit::skip("this file system copies nothing by itself");
        }
        copied => assert_eq!(copied, Ok(Reply::Count(5_000))),
    }
    let made = fs::read(home.at("to")).unwrap();
    assert_eq!((made.len(), &made[10..]), (5_010, &contents[1_000..6_000]));
    assert_eq!(home.count(copy(from, to, u64::MAX)), 199_000);
    home.refused(copy(to, from, 1), Errno::BADF);
    home.refused(copy(home.open("to", WRITE), to, 1), Errno::BADF);
}

#[test]
fn reading_leaves_no_trace() {
    let home = Home::new(BOTH[0]);
    let path = home.file("file", b"contents");
    fs::create_dir(home.at("directory")).unwrap();
    // Older than its contents: even `relatime` would note a reading now.
    let old = std::time::SystemTime::UNIX_EPOCH;
    fs::File::open(&path)
        .unwrap()
        .set_times(fs::FileTimes::new().set_accessed(old))
        .unwrap();
    let before = home.agrees("file").accessed;
    let handle = home.open("file", READ);
    home.read(handle, 0, 10);
    home.list("");
    assert_eq!(home.agrees("file").accessed, before);
}

#[test]
fn access_is_what_it_was_opened_for() {
    assert_eq!((READ.access, WRITE.access), (Access::Read, Access::Write));
    let home = Home::new(BOTH[0]);
    home.file("file", b"contents");
    // Truncating is a change, whatever it is opened for.
    let truncate = Opening {
        truncate: true,
        ..READ
    };
    assert_eq!(
        home.opened(Request::Open(place("file"), truncate)).1.size,
        0
    );
}
