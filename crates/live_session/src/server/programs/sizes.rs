//! How large a terminal is that several look at.

use live::programs::Size;

/// What a viewer has to say in that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// What it told, if it did.
    pub(super) size: Option<Size>,
    pub(super) read_only: bool,
}

/// The smallest of all viewers that may type and told a size, rows and columns each; `None`: it stays as it is.
pub(super) fn smallest(wishes: impl Iterator<Item = Wish>) -> Option<terminal::Size> {
    let counting = wishes.filter(|wish| !wish.read_only);
    let told =
        counting.filter_map(|wish| wish.size.filter(|size| size.rows > 0 && size.columns > 0));
    let smallest = told.reduce(|one, other| Size {
        rows: one.rows.min(other.rows),
        columns: one.columns.min(other.columns),
    });
    smallest.map(clamped)
}

/// A size that programs can work with.
pub(super) fn clamped(size: Size) -> terminal::Size {
    terminal::Size::clamped(size.rows.into(), size.columns.into())
}

/// As it is told.
pub(super) fn told(size: terminal::Size) -> Size {
    Size {
        rows: size.rows(),
        columns: size.columns(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn wish() -> impl Strategy<Value = Wish> {
        let size = proptest::option::of((0..300_u16, 0..300_u16));
        (size, any::<bool>()).prop_map(|(size, read_only)| Wish {
            size: size.map(|(rows, columns)| Size { rows, columns }),
            read_only,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn everyone_who_counts_sees_all_of_it_and_one_of_them_decides(wishes in vec(wish(), 0..6)) {
            let counting: Vec<terminal::Size> = wishes
                .iter()
                .filter(|wish| !wish.read_only)
                .filter_map(|wish| wish.size)
                .filter(|size| size.rows > 0 && size.columns > 0)
                .map(clamped)
                .collect();
            let size = smallest(wishes.iter().copied());
            prop_assert_eq!(size.is_some(), !counting.is_empty());
            if let Some(size) = size {
                prop_assert!(counting.iter().all(|one| one.rows() >= size.rows() && one.columns() >= size.columns()));
                prop_assert!(counting.iter().any(|one| one.rows() == size.rows()));
                prop_assert!(counting.iter().any(|one| one.columns() == size.columns()));
            }
        }
    }
}
