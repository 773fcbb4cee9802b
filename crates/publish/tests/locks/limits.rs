//! How many there may be.

use live::files::LockKind::{Read, Unlock, Write};
use live::files::{LockKind, Reply, Request};
use rustix::io::Errno;

use crate::common::*;
use crate::{DONE, END, Other, descriptors, lock};

#[test]
fn locks_take_no_more_than_they_may() {
    let limits = publish::Limits { open: 3 };
    let home = Home::with(BOTH[0], false, limits);
    home.file("file", b"");
    let handle = home.open("file", READ_WRITE);
    let set = |owner, kind, at| home.ask(Request::SetLock(handle, lock(owner, kind, at, at)));
    assert_eq!(set(1, LockKind::Read, 0), Ok(Reply::Done));
    assert_eq!(set(2, LockKind::Read, 0), Ok(Reply::Done));
    assert_eq!(set(3, LockKind::Read, 0), Err(errno(Errno::NOLCK)));
    assert_eq!(set(2, LockKind::Unlock, 0), Ok(Reply::Done));
    assert_eq!(set(3, LockKind::Read, 0), Ok(Reply::Done));
    // Ranges of one owner, too, and each can be given back again.
    let ask = |kind, at| {
        home.service
            .execute(Request::SetLock(handle, lock(1, kind, at, at)))
    };
    let failed = (1..10_000)
        .find(|range| ask(LockKind::Read, 2 * range).is_err())
        .unwrap();
    assert_eq!(ask(LockKind::Read, 2 * failed), Err(errno(Errno::NOLCK)));
    for range in 0..failed {
        assert_eq!(ask(LockKind::Unlock, 2 * range), Ok(Reply::Done));
    }
    assert_eq!(
        set(4, LockKind::Read, 0),
        Ok(Reply::Done),
        "the first has no descriptor any more"
    );
}

#[test]
fn kinds_side_by_side_and_a_second_descriptor_take_no_more_than_they_may() {
    let home = Home::with(BOTH[0], false, publish::Limits { open: 4 });
    let path = home.file("file", b"");
    let other = Other::open(&path);
    let reading = home.open("file", READ);
    let writing = home.open("file", READ_WRITE);
    let too_many = Err(errno(Errno::NOLCK));
    assert_eq!(home.lock(reading, lock(1, Read, 0, 9)), DONE);
    assert_eq!(home.lock(reading, lock(2, Read, 0, 9)), DONE);
    // For a moment it would be one more: its locks stay as they are.
    assert_eq!(home.lock(writing, lock(1, Write, 10, 10)), too_many);
    assert_eq!(home.lock(reading, lock(2, Unlock, 0, 9)), DONE);
    assert_eq!(other.sees(0, 9), Read);
    assert_eq!(home.lock(writing, lock(1, Write, 10, 10)), DONE);
    assert_eq!(home.lock(reading, lock(2, Read, 0, 9)), DONE);
    assert_eq!(descriptors(&path), 5);
    home.refused(Request::Open(place("file"), READ), Errno::MFILE);
    // Each is a record of its own for the kernel, though no byte is left out.
    let set = |at| home.lock(writing, lock(1, [Read, Write][at as usize % 2], at, at));
    let failed = (20..10_000).find(|at| set(*at) != DONE);
    assert_eq!(set(failed.unwrap()), too_many);
    assert_eq!(home.lock(writing, lock(1, Unlock, 0, END)), DONE);
    assert_eq!(set(0), DONE);
}

/// Each takes memory of the laptop's kernel: whoever has many owners does not have many ranges for each.
#[test]
fn all_owners_together_take_no_more_than_they_may() {
    let open = 8;
    let home = Home::with(BOTH[0], false, publish::Limits { open });
    let path = home.file("file", b"");
    let handle = home.open("file", READ_WRITE);
    let too_many = Err(errno(Errno::NOLCK));
    let locked = |owner| {
        let set = |at: &u64| home.lock(handle, lock(owner, Read, 2 * at, 2 * at)) == DONE;
        (0..100_000).take_while(set).count()
    };
    let counts: Vec<_> = (1..20).map(locked).collect();
    let all: usize = counts.iter().sum();
    assert!((64..=16 * open).contains(&all), "{counts:?}");
    home.refused(Request::Open(place("file"), READ), Errno::MFILE);
    // Giving back a part makes two of one, not without end either.
    assert_eq!(home.lock(handle, lock(1, Unlock, 0, END)), DONE);
    assert_eq!(home.lock(handle, lock(1, Read, 1 << 20, END)), DONE);
    let split = |at: &u64| {
        let at = (1 << 20) + 2 * at + 1;
        home.lock(handle, lock(1, Unlock, at, at)) == DONE
    };
    let splits = (0..100_000).take_while(split).count();
    assert!((8..=32 * open).contains(&splits), "{splits}");
    // All of it can always be given back.
    for owner in 1..20 {
        assert_eq!(home.lock(handle, lock(owner, Unlock, 0, END)), DONE);
    }
    assert_eq!(Other::open(&path).sees(0, END), Unlock);
    let handles: Vec<_> = (1..open).map(|_| home.open("file", READ)).collect();
    home.refused(Request::Open(place("file"), READ), Errno::MFILE);
    handles.into_iter().for_each(|handle| home.close(handle));
    assert_eq!(home.lock(handle, lock(1, Write, 0, END)), DONE);
    assert_ne!(home.lock(handle, lock(2, Write, 0, END)), too_many);
}
