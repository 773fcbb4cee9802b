//! They are as those of POSIX, whatever is done.

use live::files::LockKind::{Read, Unlock, Write};
use live::files::{Handle, Lock, LockKind, Opening};
use proptest::prelude::*;
use rustix::io::Errno;

use crate::common::*;
use crate::{END, Other, descriptors, lock};

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
