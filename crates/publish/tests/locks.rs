//! Locks of records, and what takes the place of them in a file that is none.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;
/// The locks of the test are set as those of the service are; those of another program are set by Python.
#[path = "../src/service/system.rs"]
mod system;

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use common::*;
use live::files::{
    Allocation, Handle, Lock, LockKind, Opening, Outcome, Reply, Request, Root, Seeking,
};
use proptest::prelude::*;
use rustix::io::Errno;

fn lock(owner: u64, kind: LockKind, start: u64, end: u64) -> Lock {
    Lock {
        owner,
        kind,
        start,
        end,
    }
}

const END: u64 = i64::MAX as u64;
const DONE: Outcome = Ok(Reply::Done);

impl Home {
    fn lock(&self, handle: Handle, lock: Lock) -> Outcome {
        self.service.execute(Request::SetLock(handle, lock))
    }

    /// The kind of a lock that is in the way; to unlock, if none is.
    fn in_the_way(&self, handle: Handle, lock: Lock) -> LockKind {
        match self.service.execute(Request::TestLock(handle, lock)) {
            Ok(Reply::Lock(found)) => found.kind,
            other => panic!("{lock:?}: {other:?}"),
        }
    }
}

/// An open file description that the service knows nothing of.
struct Other(File);

impl Other {
    fn open(path: &Path) -> Self {
        let mut options = File::options();
        Self(options.read(true).write(true).open(path).unwrap())
    }

    fn set(&self, kind: LockKind, start: u64, end: u64) -> Result<(), Errno> {
        system::set_lock(self.0.as_fd(), lock(0, kind, start, end))
    }

    /// What the service has locked there for any owner.
    fn sees(&self, start: u64, end: u64) -> LockKind {
        let wanted = lock(0, LockKind::Write, start, end);
        system::test_lock(self.0.as_fd(), wanted).unwrap().kind
    }
}

/// How many descriptors of this test lead to the file.
fn descriptors(path: &Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = all.map(|entry| std::fs::read_link(entry.unwrap().path()));
    links
        .filter(|link| link.as_deref().ok() == Some(path))
        .count()
}

use LockKind::{Read, Unlock, Write};

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

#[test]
fn locks_of_other_programs_are_heeded_and_seen_by_them() {
    let home = Home::new(BOTH[0]);
    let path = home.file("file", b"");
    let handle = home.open("file", READ_WRITE);
    let mut program = Locker::start(&path);
    let again = Err(errno(Errno::AGAIN));
    program.say("lock 0 10");
    assert_eq!(
        home.ask(Request::SetLock(handle, lock(1, LockKind::Read, 5, 5))),
        again
    );
    let Ok(Reply::Lock(found)) =
        home.ask(Request::TestLock(handle, lock(1, LockKind::Read, 5, 50)))
    else {
        panic!("no answer");
    };
    assert_eq!(found, lock(0, LockKind::Write, 0, 9));
    program.say("unlock 0 10");
    home.done(Request::SetLock(handle, lock(1, LockKind::Write, 5, 5)));
    assert_eq!(program.say("lock 0 10"), "busy");
    assert_eq!(program.say("lock 6 10"), "done");
    home.close(handle);
    assert_eq!(program.say("lock 0 10"), "done");
}

/// Another program that locks parts of a file.
struct Locker {
    child: std::process::Child,
    answers: std::io::BufReader<std::process::ChildStdout>,
}

impl Locker {
    fn start(path: &std::path::Path) -> Self {
        const PROGRAM: &str = r"
import fcntl, sys
with open(sys.argv[1], 'r+b') as file:
    for line in sys.stdin:
        what, start, length = line.split()
        how = fcntl.LOCK_UN if what == 'unlock' else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.lockf(file, how, int(length), int(start))
            print('done', flush=True)
        except BlockingIOError:
            print('busy', flush=True)
";
        let mut command = std::process::Command::new("python3");
        command
            .args(["-c", PROGRAM])
            .arg(path)
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = std::io::BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn say(&mut self, what: &str) -> String {
        use std::io::{BufRead as _, Write as _};
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{what}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

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

const OWNERS: usize = 3;
/// The test's own description, which is an owner to the model.
const OUTSIDE: usize = OWNERS;
const BYTES: usize = 10;

/// Locks of POSIX in one file that is open twice.
#[derive(Default)]
struct Model {
    held: [[Option<LockKind>; BYTES]; OWNERS + 1],
    /// By which handles it has set them.
    used: [[bool; 2]; OWNERS + 1],
}

impl Model {
    /// The kind that others than `owner` have there.
    fn of_others(&self, owner: Option<usize>, at: usize) -> LockKind {
        let others = (0..=OWNERS).filter(|other| Some(*other) != owner);
        let kinds = others.filter_map(|other| self.held[other][at]);
        kinds.reduce(|_, kind| kind).unwrap_or(Unlock)
    }

    fn set(&mut self, by: usize, how: Opening, lock: Lock) -> Result<(), Errno> {
        let (owner, bytes) = (lock.owner as usize, lock.start as usize..=lock.end as usize);
        let mut found = bytes.clone().map(|at| self.of_others(Some(owner), at));
        match lock.kind {
            Read if how == WRITE => return Err(Errno::BADF),
            Write if how == READ => return Err(Errno::BADF),
            Read if found.any(|kind| kind == Write) => return Err(Errno::AGAIN),
            Write if found.any(|kind| kind != Unlock) => return Err(Errno::AGAIN),
            _ => {}
        }
        self.used[owner][by] |= lock.kind != Unlock;
        self.held[owner][bytes].fill(Some(lock.kind).filter(|kind| *kind != Unlock));
        if !self.has_any(owner) {
            self.used[owner] = [false; 2];
        }
        Ok(())
    }

    fn close(&mut self, by: usize) {
        for owner in 0..OWNERS {
            self.used[owner][by] = false;
            if self.used[owner] == [false; 2] {
                self.held[owner] = [None; BYTES];
            }
        }
    }

    fn has_any(&self, owner: usize) -> bool {
        self.held[owner].iter().any(Option::is_some)
    }
}

/// A file, what is open of it and what its locks should be.
struct Locked<'home> {
    home: &'home Home,
    name: &'static str,
    other: Other,
    open: [(Handle, Opening); 2],
    model: Model,
}

impl<'home> Locked<'home> {
    fn new(home: &'home Home, name: &'static str) -> Self {
        let other = Other::open(&home.file(name, b""));
        let open = [READ_WRITE, READ].map(|how| (home.open(name, how), how));
        let model = Model::default();
        Self {
            home,
            name,
            other,
            open,
            model,
        }
    }

    fn reopen(&mut self, by: usize, how: Opening) {
        self.home.close(self.open[by].0);
        self.model.close(by);
        self.open[by] = (self.home.open(self.name, how), how);
    }

    fn set(&mut self, by: usize, wanted: Lock) {
        let (handle, how) = self.open[by];
        let is_outside = wanted.owner == OUTSIDE as u64;
        let how = if is_outside { READ_WRITE } else { how };
        let expected = self.model.set(by, how, wanted).map_err(errno);
        let result = match is_outside {
            true => self
                .other
                .set(wanted.kind, wanted.start, wanted.end)
                .map_err(errno),
            false => self.home.lock(handle, wanted).map(|_| ()),
        };
        assert_eq!(result, expected, "{wanted:?} by {by}");
    }

    fn check(&self) {
        for at in 0..BYTES {
            for owner in 0..OWNERS {
                for (handle, _) in self.open {
                    let wanted = lock(owner as u64, Write, at as u64, at as u64);
                    let expected = self.model.of_others(Some(owner), at);
                    assert_eq!(self.home.in_the_way(handle, wanted), expected, "{wanted:?}");
                }
            }
            let expected = self.model.of_others(Some(OUTSIDE), at);
            assert_eq!(self.other.sees(at as u64, at as u64), expected, "{at}");
        }
        let owners = (0..OWNERS).filter(|owner| self.model.has_any(*owner));
        assert_eq!(descriptors(&self.home.at(self.name)), 3 + owners.count());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Lock),
    Reopen(Opening),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(Read), Just(Write), Just(Unlock)];
    let bytes = 0..BYTES as u64;
    let set =
        (0..=OUTSIDE as u64, kind, bytes.clone(), bytes).prop_map(|(owner, kind, one, other)| {
            Step::Set(lock(owner, kind, one.min(other), one.max(other)))
        });
    let reopen = prop_oneof![Just(READ), Just(WRITE), Just(READ_WRITE)].prop_map(Step::Reopen);
    prop_oneof![6 => set, 1 => reopen]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn they_are_as_those_of_posix(
        confinement in prop::sample::select(&BOTH[..]),
        steps in prop::collection::vec((0_usize..2, 0_usize..2, step()), 1..50),
    ) {
        let home = Home::new(confinement);
        let mut files = ["one", "two"].map(|name| Locked::new(&home, name));
        for (file, by, step) in steps {
            match step {
                Step::Set(lock) => files[file].set(by, lock),
                Step::Reopen(how) => files[file].reopen(by, how),
            }
            files.iter().for_each(Locked::check);
        }
        home.service.withdraw(ROOT);
        for file in &files {
            prop_assert_eq!(file.other.sees(0, END), Unlock);
            prop_assert_eq!(descriptors(&home.at(file.name)), 1);
        }
    }
}

#[test]
fn files_and_directories_are_not_confused() {
    let home = Home::new(BOTH[0]);
    home.file("file", b"");
    let file = home.open("file", READ);
    let (directory, _) = home.opened(Request::OpenDirectory(place("")));
    home.refused(
        Request::ReadDirectory {
            handle: file,
            restart: false,
        },
        Errno::NOTDIR,
    );
    let lock = lock(1, LockKind::Read, 0, 0);
    for request in on_files(directory, lock) {
        home.refused(request, Errno::ISDIR);
    }
    home.done(Request::Sync {
        handle: directory,
        data_only: false,
    });
    home.refused(Request::OpenDirectory(place("file")), Errno::NOTDIR);
    let unused = Handle(u64::MAX);
    for request in on_files(unused, lock) {
        home.refused(request, Errno::BADF);
    }
}

fn on_files(handle: Handle, lock: Lock) -> Vec<Request> {
    let (offset, length) = (0, 1);
    vec![
        Request::Read {
            handle,
            offset,
            length: 1,
        },
        Request::Write {
            handle,
            offset,
            bytes: "x".into(),
        },
        Request::Allocate {
            handle,
            offset,
            length,
            how: Allocation::Allocate,
        },
        Request::Seek {
            handle,
            offset,
            what: Seeking::Data,
        },
        Request::Copy {
            from: handle,
            from_offset: 0,
            to: handle,
            to_offset: 9,
            length,
        },
        Request::TestLock(handle, lock),
        Request::SetLock(handle, lock),
    ]
}
