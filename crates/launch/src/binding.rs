//! Which binding counts in a directory.

use std::path::Path;

use vault::Binding;

/// The binding of `cwd` or of its nearest ancestor, by whole path components.
///
/// `cwd` is absolute with links resolved, as the directories of bindings are: what is compared is
/// names, not what they lead to.
#[must_use]
pub fn choose<'a>(cwd: &Path, bindings: &'a [Binding]) -> Option<&'a Binding> {
    bindings
        .iter()
        // Every path starts with the empty one.
        .filter(|binding| binding.directory.is_absolute() && cwd.starts_with(&binding.directory))
        .max_by_key(|binding| binding.directory.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AccountId;

    fn chosen(cwd: &str) -> Option<String> {
        let bindings =
            ["", "/", "/home/u/work", "/home/u/work/client", "relative"].map(|path| Binding {
                directory: path.into(),
                account: AccountId::from_stored(path),
            });
        choose(
            Path::new(cwd),
            &bindings[usize::from(cwd == "/nowhere") * 2..],
        )
        .map(|binding| binding.account.to_string())
    }

    #[test]
    fn the_nearest_ancestor_wins_by_whole_names() {
        assert_eq!(chosen("/home/u/work").as_deref(), Some("/home/u/work"));
        assert_eq!(chosen("/home/u/work/a/b").as_deref(), Some("/home/u/work"));
        assert_eq!(
            chosen("/home/u/work/client/x").as_deref(),
            Some("/home/u/work/client")
        );
        assert_eq!(chosen("/home/u/workshop").as_deref(), Some("/"));
        assert_eq!(
            chosen("/home/u/work/clients").as_deref(),
            Some("/home/u/work")
        );
        assert_eq!(chosen("/nowhere"), None);
    }
}
