//! Which bytes are locked by one owner.

use std::collections::BTreeMap;

use live::files::{Lock, LockKind};

/// What one owner has locked in one file. The count is the kernel's: ranges that touch are one only if they are of one kind.
#[derive(Debug, Default)]
pub(super) struct Records {
    read: Ranges,
    write: Ranges,
}

impl Records {
    pub(super) fn count(&self) -> usize {
        self.read.count() + self.write.count()
    }

    /// What the kernel has done. It has taken the place of what was there.
    pub(super) fn set(&mut self, lock: Lock) {
        let (start, end) = (lock.start, lock.end);
        self.read.remove(start, end);
        self.write.remove(start, end);
        match lock.kind {
            LockKind::Read => self.read.add(start, end),
            LockKind::Write => self.write.add(start, end),
            LockKind::Unlock => {}
        }
    }

    /// As they would be set. `owner` is 0: whose they are is not known here.
    pub(super) fn all(&self) -> impl Iterator<Item = Lock> {
        let read = self.read.0.iter().map(|range| (LockKind::Read, range));
        let write = self.write.0.iter().map(|range| (LockKind::Write, range));
        read.chain(write).map(|(kind, (start, end))| Lock {
            owner: 0,
            kind,
            start: *start,
            end: *end,
        })
    }
}

/// Ranges that neither overlap nor touch: the last byte of each by its first.
#[derive(Debug, Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    fn count(&self) -> usize {
        self.0.len()
    }

    /// `start` to `end`, both included.
    fn add(&mut self, start: u64, end: u64) {
        let (mut first, mut last) = (start, end);
        // One byte more on each side: what touches becomes one.
        for (other_first, other_last) in self.take(start.saturating_sub(1), end.saturating_add(1)) {
            first = first.min(other_first);
            last = last.max(other_last);
        }
        self.0.insert(first, last);
    }

    /// `start` to `end`, both included.
    fn remove(&mut self, start: u64, end: u64) {
        for (first, last) in self.take(start, end) {
            if first < start {
                self.0.insert(first, start - 1);
            }
            if last > end {
                self.0.insert(end + 1, last);
            }
        }
    }

    /// Takes out what has a byte of these.
    fn take(&mut self, start: u64, end: u64) -> Vec<(u64, u64)> {
        // No two overlap: from the end backwards, the first that ends before `start` is the last to look at.
        let before = self.0.range(..=end).rev();
        let taken: Vec<_> = before
            .map(|(first, last)| (*first, *last))
            .take_while(|(_, last)| *last >= start)
            .collect();
        for (first, _) in &taken {
            self.0.remove(first);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_hold_what_a_set_of_bytes_holds(steps in prop::collection::vec((any::<bool>(), 0_u64..40, 0_u64..40), 0..60)) {
            let mut ranges = Ranges::default();
            let mut bytes = [false; 40];
            for (is_added, one, other) in steps {
                let (start, end) = (one.min(other), one.max(other));
                match is_added {
                    true => ranges.add(start, end),
                    false => ranges.remove(start, end),
                }
                bytes[start as usize..=end as usize].fill(is_added);
                let held = |byte: u64| ranges.0.iter().any(|(first, last)| (*first..=*last).contains(&byte));
                for byte in 0..40 {
                    prop_assert_eq!(held(byte), bytes[byte as usize]);
                }
                let runs = bytes.chunk_by(|one, next| one == next).filter(|run| run[0]).count();
                prop_assert_eq!(ranges.count(), runs);
            }
        }
    }

    #[test]
    fn kinds_that_touch_are_apart() {
        let mut records = Records::default();
        let mut set = |kind, start, end| {
            records.set(Lock {
                owner: 1,
                kind,
                start,
                end,
            });
            records.count()
        };
        assert_eq!(set(LockKind::Write, 0, 9), 1);
        assert_eq!(set(LockKind::Read, 4, 5), 3);
        assert_eq!(set(LockKind::Read, 6, 9), 2);
        assert_eq!(set(LockKind::Unlock, 6, 7), 3);
        assert_eq!(set(LockKind::Write, 0, 9), 1);
        let all: Vec<_> = records.all().collect();
        let whole = Lock {
            owner: 0,
            kind: LockKind::Write,
            start: 0,
            end: 9,
        };
        assert_eq!(all, [whole]);
    }

    #[test]
    fn the_largest_range_is_one_too() {
        let mut ranges = Ranges::default();
        ranges.add(0, u64::MAX);
        ranges.remove(5, 5);
        assert_eq!(ranges.count(), 2);
        ranges.remove(0, u64::MAX);
        assert_eq!(ranges.count(), 0);
    }
}
