//! Which requests may be under way together.
//!
//! OpenSSH's server does one after the other, and sshfs relies on that where it does not wait: for a write, for a close, for
//! the opening of a file of which it asks the attributes at once, and for the parts of a directory. What it waits for is in
//! order anyway. The laptop does many requests at a time, so those that the order matters of are asked one after the other
//! here, and all others together.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use live::RelativePath;
use live::files::Identity;

/// What a request has to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// An open file.
    File {
        /// By which number.
        handle: u64,
        /// Which one; others may have it open, too.
        file: Identity,
        /// Which bytes of it; `None` for all there is of it.
        range: Option<Range<u64>>,
        changes: bool,
        /// Nothing of that number may be under way, nor come after.
        closes: bool,
    },
    /// The next part of an open directory.
    Listing(u64),
    /// Names.
    Names {
        names: Vec<RelativePath>,
        changes: bool,
    },
}

impl Claim {
    /// Whether this, which has come later, has to wait for `earlier`.
    fn waits_for(&self, earlier: &Claim) -> bool {
        match (earlier, self) {
            (Claim::File { .. }, Claim::File { .. }) => self.is_of_the_same_bytes(earlier),
            (Claim::Listing(one), Claim::Listing(other)) => one == other,
            // Of which file the name is, is not known here.
            (Claim::File { changes, .. }, Claim::Names { .. }) => *changes,
            (
                Claim::Names {
                    names: one,
                    changes: first_changes,
                },
                Claim::Names {
                    names: other,
                    changes,
                },
            ) => (*first_changes || *changes) && overlap(one, other),
            // Whoever opened it waits for what was asked by name before.
            (Claim::Names { .. } | Claim::File { .. }, Claim::Listing(_))
            | (Claim::Names { .. }, Claim::File { .. })
            | (Claim::Listing(_), Claim::Names { .. } | Claim::File { .. }) => false,
        }
    }

    fn is_of_the_same_bytes(&self, earlier: &Claim) -> bool {
        let (
            Claim::File {
                handle: one_handle,
                file: one,
                range: one_range,
                changes: one_changes,
                closes: one_closes,
            },
            Claim::File {
                handle,
                file,
                range,
                changes,
                closes,
            },
        ) = (earlier, self)
        else {
            return false;
        };
        if one_handle == handle && (*one_closes || *closes) {
            return true;
        }
        let is_apart = match (one_range, range) {
            (Some(one), Some(other)) => one.end <= other.start || other.end <= one.start,
            _ => false,
        };
        one == file && (*one_changes || *changes) && !is_apart
    }
}

/// Whether a name of the ones is one of the others, or in it.
fn overlap(ones: &[RelativePath], others: &[RelativePath]) -> bool {
    let pairs = ones
        .iter()
        .flat_map(|one| others.iter().map(move |other| (one, other)));
    pairs
        .into_iter()
        .any(|(one, other)| one.starts_with(other) || other.starts_with(one))
}

/// Requests by numbers that grow.
#[derive(Debug, Default)]
pub(crate) struct Order {
    under_way: BTreeMap<u64, Claim>,
    waiting: VecDeque<(u64, Claim)>,
}

impl Order {
    /// One more has come. Whether it may be done now; otherwise [`Order::finished`] says when.
    pub(crate) fn add(&mut self, number: u64, claim: Claim) -> bool {
        let mut earlier = self
            .under_way
            .values()
            .chain(self.waiting.iter().map(|(_, claim)| claim));
        let waits = earlier.any(|earlier| claim.waits_for(earlier));
        if waits {
            self.waiting.push_back((number, claim));
        } else {
            self.under_way.insert(number, claim);
        }
        !waits
    }

    /// One has been done; which ones may be done now.
    pub(crate) fn finished(&mut self, number: u64) -> Vec<u64> {
        self.under_way.remove(&number);
        let mut ready = Vec::new();
        for (number, claim) in std::mem::take(&mut self.waiting) {
            if self.add(number, claim) {
                ready.push(number);
            }
        }
        ready
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use live::files::Time;
    use proptest::prelude::*;

    use super::*;

    fn file(handle: u64, inode: u64, range: Option<Range<u64>>, changes: bool) -> Claim {
        let born = Time::default();
        let file = Identity {
            device: 1,
            inode,
            born,
        };
        Claim::File {
            handle,
            file,
            range,
            changes,
            closes: false,
        }
    }

    fn names(paths: &[&str], changes: bool) -> Claim {
        let names = paths.iter().map(|path| path.as_bytes());
        let names = names.map(|path| RelativePath::new(path).unwrap());
        Claim::Names {
            names: names.collect(),
            changes,
        }
    }

    fn closing(handle: u64, inode: u64) -> Claim {
        match file(handle, inode, None, false) {
            Claim::File {
                handle,
                file,
                range,
                changes,
                ..
            } => Claim::File {
                handle,
                file,
                range,
                changes,
                closes: true,
            },
            other => other,
        }
    }

    #[test]
    fn what_sshfs_does_not_wait_for_is_in_order() {
        let write = file(1, 9, Some(0..10), true);
        for (earlier, later) in [
            (write.clone(), file(2, 9, Some(5..6), false)),
            (write.clone(), file(1, 9, None, false)),
            (write.clone(), names(&["x"], false)),
            (write.clone(), closing(1, 9)),
            (file(1, 9, Some(0..10), false), closing(1, 9)),
            (names(&["a"], true), names(&["a"], false)),
            (names(&["a"], true), names(&["a/b"], false)),
            (names(&["a", "c"], true), names(&["", "d"], false)),
            (Claim::Listing(3), Claim::Listing(3)),
        ] {
            assert!(later.waits_for(&earlier), "{later:?} after {earlier:?}");
        }
    }

    #[test]
    fn what_has_nothing_to_do_with_another_goes_together() {
        let write = file(1, 9, Some(0..10), true);
        for (earlier, later) in [
            (write.clone(), file(1, 9, Some(10..20), true)),
            (write.clone(), file(2, 8, Some(0..10), true)),
            (write.clone(), Claim::Listing(3)),
            (file(1, 9, Some(0..10), false), names(&["x"], true)),
            (names(&["a"], false), names(&["a"], false)),
            (names(&["a"], true), names(&["ab"], true)),
            (names(&["a"], true), write),
            (Claim::Listing(3), Claim::Listing(4)),
        ] {
            assert!(!later.waits_for(&earlier), "{later:?} after {earlier:?}");
        }
    }

    fn claims() -> impl Strategy<Value = Claim> {
        prop_oneof![
            (0..3_u64, 0..2_u64, 0..4_u64, any::<bool>()).prop_map(
                |(handle, inode, at, changes)| { file(handle, inode, Some(at..at + 2), changes) }
            ),
            (0..3_u64, 0..2_u64).prop_map(|(handle, inode)| closing(handle, inode)),
            (0..3_u64).prop_map(Claim::Listing),
            ("[ab]?", any::<bool>()).prop_map(|(name, changes)| names(&[&name], changes)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whichever is finished first: every one is begun once, and after all earlier ones that it waits for.
        #[test]
        fn every_request_is_begun_once_and_in_order(
            all in proptest::collection::vec(claims(), 0..30),
            choices in proptest::collection::vec(any::<prop::sample::Index>(), 30),
        ) {
            let mut order = Order::default();
            let (mut under_way, mut finished) = (Vec::new(), Vec::new());
            let mut begun = Vec::new();
            for (number, claim) in all.iter().enumerate() {
                if order.add(number as u64, claim.clone()) {
                    under_way.push(number);
                    begun.push(number);
                    let waited = |&earlier: &usize| {
                        !claim.waits_for(&all[earlier]) || finished.contains(&earlier)
                    };
                    prop_assert!((0..number).collect::<Vec<_>>().iter().all(waited));
                }
            }
            for choice in choices {
                if under_way.is_empty() {
                    break;
                }
                let number = under_way.remove(choice.index(under_way.len()));
                finished.push(number);
                for ready in order.finished(number as u64) {
                    let ready = usize::try_from(ready).unwrap();
                    let waited = |&earlier: &usize| {
                        !all[ready].waits_for(&all[earlier]) || finished.contains(&earlier)
                    };
                    prop_assert!((0..ready).collect::<Vec<_>>().iter().all(waited));
                    prop_assert!(!begun.contains(&ready));
                    begun.push(ready);
                    under_way.push(ready);
                }
            }
            prop_assert_eq!(begun.len(), all.len());
            prop_assert!(order.is_empty());
        }
    }
}
