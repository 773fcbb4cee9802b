//! Whose lock it is, and by which handle.

use live::files::LockKind::{Read, Unlock, Write};
use live::files::{Reply, Request, Root};
use rustix::io::Errno;

use crate::common::*;
use crate::{DONE, END, Other, descriptors, lock};

#[test]
fn handles_of_one_owner_are_not_in_each_others_way() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let path = home.file("file", b"");
        std::fs::hard_link(&path, home.at("name")).unwrap();
        let [one, name] = ["file", "name"].map(|name| home.open(name, READ_WRITE));
        let other = Other::open(&path);
        let again = Err(errno(Errno::AGAIN));

        assert_eq!(home.lock(one, lock(1, Write, 0, 9)), DONE);
        assert_eq!(home.in_the_way(name, lock(1, Write, 0, END)), Unlock);
        assert_eq!(home.lock(name, lock(1, Write, 5, 14)), DONE);
        assert_eq!(home.lock(name, lock(1, Read, 0, 3)), DONE);
        assert_eq!(descriptors(&path), 3, "a handle, the owner, the test's");
        // Another owner, by whichever handle, and others altogether.
        for handle in [one, name] {
            assert_eq!(home.in_the_way(handle, lock(2, Write, 0, 3)), Read);
            assert_eq!(home.lock(handle, lock(2, Write, 14, 20)), again);
            assert_eq!(home.lock(handle, lock(2, Read, 0, 3)), DONE);
        }
        assert_eq!(other.set(Write, 9, 9), Err(Errno::AGAIN));
        assert_eq!(other.set(Read, 20, 29), Ok(()));
        assert_eq!(home.lock(name, lock(1, Write, 10, 20)), again);
        assert_eq!(home.lock(name, lock(1, Read, 10, 20)), DONE);
        // Given back by the other handle, a part and all.
        assert_eq!(home.lock(name, lock(1, Unlock, 0, 7)), DONE);
        assert_eq!(home.lock(one, lock(2, Write, 0, 7)), DONE);
        assert_eq!(home.lock(one, lock(1, Unlock, 0, END)), DONE);
        assert_eq!(home.lock(name, lock(2, Unlock, 0, END)), DONE);
        assert_eq!(other.set(Write, 0, END), Ok(()));
        assert_eq!(descriptors(&path), 2, "no owner's");
    }
}

#[test]
fn locks_stay_until_the_last_handle_is_closed_by_which_they_were_set() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let path = home.file("file", b"");
        let other = Other::open(&path);
        let [one, two, idle] = [(); 3].map(|()| home.open("file", READ_WRITE));
        let nobody = home.in_the_way(idle, lock(3, Write, 0, END));
        assert_eq!(nobody, Unlock);

        assert_eq!(home.lock(one, lock(1, Write, 0, 9)), DONE);
        assert_eq!(home.lock(two, lock(1, Write, 10, 19)), DONE);
        assert_eq!(home.lock(two, lock(2, Read, 30, 30)), DONE);
        home.close(one);
        assert_eq!(other.sees(0, 9), Write);
        // What has not been granted makes no difference, nor does what is given back.
        let refused = home.lock(idle, lock(1, Write, 30, 30));
        assert_eq!(refused, Err(errno(Errno::AGAIN)));
        assert_eq!(home.lock(idle, lock(1, Unlock, 19, 19)), DONE);
        home.close(two);
        assert_eq!(other.sees(0, END), Unlock);
        assert_eq!(descriptors(&path), 2, "one handle's and the test's");
        assert_eq!(home.lock(idle, lock(2, Write, 0, END)), DONE);

        // The same file elsewhere is another.
        home.service.publish(Root(2), &home.root(), false).unwrap();
        let (elsewhere, _) = home.opened(Request::Open(place_in(Root(2), "file"), READ));
        assert_eq!(home.in_the_way(elsewhere, lock(2, Read, 0, 0)), Write);
        home.service.withdraw(ROOT);
        assert_eq!(other.sees(0, END), Unlock);
        assert_eq!(home.lock(elsewhere, lock(2, Read, 0, 0)), DONE);
        home.service.withdraw(Root(2));
        assert_eq!(descriptors(&path), 1);
    }
}

#[test]
fn an_owner_reads_by_one_handle_and_writes_by_another() {
    let home = Home::new(BOTH[0]);
    let path = home.file("file", b"");
    let other = Other::open(&path);
    let bad = Err(errno(Errno::BADF));
    for writing in [WRITE, READ_WRITE] {
        let reading = home.open("file", READ);
        let writing = (home.open("file", writing), writing != WRITE);
        for start in [0, 20, 40] {
            assert_eq!(home.lock(reading, lock(1, Read, start, start + 9)), DONE);
        }
        assert_eq!(other.set(Read, 60, 60), Ok(()));
        // It is open for both before it is known that it is not granted.
        let refused = home.lock(writing.0, lock(1, Write, 50, 60));
        assert_eq!(refused, Err(errno(Errno::AGAIN)));
        assert_eq!(home.lock(writing.0, lock(1, Write, 5, 24)), DONE);
        let seen = [0, 4, 5, 24, 25, 29, 30, 40].map(|at| other.sees(at, at));
        assert_eq!(seen, [Read, Read, Write, Write, Read, Read, Unlock, Read]);
        assert_eq!(descriptors(&path), 4);
        // A handle allows what it is open for, whatever the owner's locks are set by.
        assert_eq!(home.lock(reading, lock(1, Write, 0, 0)), bad);
        let read = home.lock(writing.0, lock(1, Read, 0, 0));
        assert_eq!(read, if writing.1 { DONE } else { bad.clone() });
        // Written first, then read.
        assert_eq!(home.lock(writing.0, lock(2, Write, 70, 79)), DONE);
        assert_eq!(home.lock(reading, lock(2, Read, 75, 84)), DONE);
        assert_eq!(
            [74, 75, 84].map(|at| other.sees(at, at)),
            [Write, Read, Read]
        );
        home.close(writing.0);
        assert_eq!(other.sees(5, 24), Write);
        home.close(reading);
        assert_eq!(other.sees(0, END), Unlock);
    }
}

/// What is read is locked without a moment in which it is not, while it becomes open for writing, too.
#[test]
fn nobody_gets_in_between() {
    let home = Home::new(BOTH[0]);
    let path = home.file("file", b"");
    let keeper = Other::open(&path);
    keeper.set(Read, 0, 0).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = End(&is_over);
        let intruder = scope.spawn(|| {
            let other = Other::open(&path);
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                assert_eq!(other.set(Write, 0, 0), Err(Errno::AGAIN));
            }
        });
        for _ in 0..200 {
            let [reading, writing] = [READ, READ_WRITE].map(|how| home.open("file", how));
            assert_eq!(home.lock(reading, lock(1, Read, 0, 0)), DONE);
            keeper.set(Unlock, 0, 0).unwrap();
            assert_eq!(home.lock(writing, lock(1, Write, 2, 2)), DONE);
            keeper.set(Read, 0, 0).unwrap();
            home.close(reading);
            home.close(writing);
        }
        drop(end);
        intruder.join().unwrap();
    });
}

#[test]
fn a_lock_that_is_asked_for_while_its_handle_is_closed_leaves_nothing() {
    let home = Home::new(BOTH[0]);
    let path = home.file("file", b"");
    for _ in 0..200 {
        let [one, two] = [(); 2].map(|()| home.open("file", READ_WRITE));
        let home = &home;
        std::thread::scope(|scope| {
            for handle in [one, two] {
                scope.spawn(move || home.lock(one, lock(1, Write, 0, 0)));
                scope.spawn(move || home.lock(two, lock(1, Read, 0, 0)));
                scope.spawn(move || home.close(handle));
            }
        });
        assert_eq!(descriptors(&path), 0);
    }
}

#[test]
fn owners_of_locks_are_apart() {
    let home = Home::new(BOTH[0]);
    home.file("file", b"");
    let one = home.open("file", READ_WRITE);
    let other = home.open("file", READ_WRITE);
    let test = |handle, lock| home.ask(Request::TestLock(handle, lock));
    let set = |handle, lock| home.ask(Request::SetLock(handle, lock));
    let in_the_way = |kind, start, end| Ok(Reply::Lock(lock(0, kind, start, end)));
    let again = Err(errno(Errno::AGAIN));

    assert_eq!(set(one, lock(1, Write, 10, 19)), Ok(Reply::Done));
    // Its own is not in its way; for another owner it is, also of the same open file.
    assert_eq!(
        test(one, lock(1, Write, 0, END)),
        Ok(Reply::Lock(lock(1, Unlock, 0, END)))
    );
    assert_eq!(test(one, lock(2, Write, 0, END)), in_the_way(Write, 10, 19));
    for handle in [one, other] {
        assert_eq!(set(handle, lock(2, Read, 19, 30)), again);
        assert_eq!(set(handle, lock(2, Read, 20, END)), Ok(Reply::Done));
    }
    assert_eq!(test(one, lock(1, Write, 15, 40)), in_the_way(Read, 20, END));
    assert_eq!(
        test(one, lock(1, Read, 15, 40)),
        Ok(Reply::Lock(lock(1, Unlock, 15, 40)))
    );
    // A part is given back, then all of it.
    assert_eq!(set(one, lock(1, Unlock, 12, 14)), Ok(Reply::Done));
    assert_eq!(set(other, lock(3, Write, 12, 14)), Ok(Reply::Done));
    assert_eq!(set(other, lock(3, Write, 12, 15)), again);
    assert_eq!(set(one, lock(1, Unlock, 0, END)), Ok(Reply::Done));
    assert_eq!(set(other, lock(3, Write, 10, 19)), Ok(Reply::Done));
    assert_eq!(set(one, lock(9, Unlock, 0, END)), Ok(Reply::Done));
    home.close(other);
    assert_eq!(set(one, lock(1, Write, 0, 19)), Ok(Reply::Done));
    for wrong in [
        lock(1, Read, 5, 4),
        lock(1, Read, 0, END + 1),
        lock(1, Read, u64::MAX, u64::MAX),
    ] {
        assert_eq!(set(one, wrong), Err(errno(Errno::INVAL)));
        assert_eq!(test(one, wrong), Err(errno(Errno::INVAL)));
    }
    let reading = home.open("file", READ);
    assert_eq!(set(reading, lock(1, Write, 0, 0)), Err(errno(Errno::BADF)));
}
