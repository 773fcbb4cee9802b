//! Everything but what is excluded.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// Places, each with all below it.
pub(super) type Excluded = BTreeSet<PathBuf>;

/// The fewest places that are, each with all below it, all below `place` that is not excluded.
pub(super) fn cover(place: &Path, excluded: &Excluded) -> Vec<PathBuf> {
    if excluded.contains(place) {
        return Vec::new();
    }
    if !has_below(place, excluded) {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .flat_map(|entry| cover(&entry.path(), excluded))
        .collect()
}

/// In the order of paths, what is below one is right behind it.
pub(super) fn has_below(place: &Path, excluded: &Excluded) -> bool {
    let behind = (Bound::Excluded(place), Bound::Unbounded);
    let next = excluded.range::<Path, _>(behind).next();
    next.is_some_and(|next| next.starts_with(place))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        reason = "tests make files that nobody has to recover"
    )]

    use super::*;

    #[test]
    fn only_what_has_something_excluded_in_it_is_split() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["a/b/c", "a/bc", "a/d", "e/f"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink(at("a/b"), at("a/link")).unwrap();
        let excluded: Excluded = [at("a/b"), at("nothing/there")].into();
        let mut covered = cover(directory.path(), &excluded);
        covered.sort();
        assert_eq!(covered, [at("a/bc"), at("a/d"), at("e")]);
        assert_eq!(cover(&at("e"), &excluded), [at("e")]);
        assert!(cover(&at("a/b"), &excluded).is_empty());
    }
}
