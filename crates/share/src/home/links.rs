//! A name in a home that is to be a link to the one shared copy.

use std::path::Path;

use super::directory::{Directory, Entry, Fate, New, Replaced};
use super::wish::{Condition, Mended};

/// How the link is.
pub(super) fn look(directory: &Directory, name: &str, target: &Path) -> Condition {
    match directory.entry(name) {
        Ok(Entry::Link(found)) if found == target => Condition::Good,
        Ok(entry) => not_the_link(&entry),
        Err(error) => Condition::Wrong(error.to_string()),
    }
}

/// What is wrong where a link of ours is to stand, or where nothing else is to.
pub(super) fn not_the_link(entry: &Entry) -> Condition {
    Condition::Wrong(match entry {
        Entry::Missing => "is missing".to_owned(),
        Entry::Link(_) => "is a link to elsewhere".to_owned(),
        Entry::File(_) => "is a file of its own, not the link".to_owned(),
        Entry::Directory => "is a directory".to_owned(),
        Entry::Other(what) => format!("is {what}"),
    })
}

/// Makes the link; what was there stays beside as a backup, unless it is ours.
pub(super) fn mend(
    directory: &Directory,
    name: &str,
    target: &Path,
    stamp: &str,
    is_ours: impl Fn(&Directory, &str) -> bool,
) -> Result<Option<Mended>, String> {
    let fate = |directory: &Directory, there: &str| match is_ours(directory, there) {
        true => Fate::Discard,
        false => fate(directory, there, target),
    };
    let replaced = directory.replace(name, &New::Link(target), stamp, fate);
    match replaced.map_err(|error| error.to_string())? {
        Replaced::Done(backup) => Ok(Some(Mended { backup })),
        Replaced::Stays => Ok(None),
    }
}

/// Takes the link away if it is ours, and puts back what was there before.
pub(super) fn take_back(
    directory: &Directory,
    name: &str,
    target: &Path,
    original: Option<&str>,
    stamp: &str,
) -> Result<Option<Mended>, String> {
    let explain = |error: std::io::Error| error.to_string();
    match directory.entry(name).map_err(explain)? {
        Entry::Link(found) if found == target => {
            let fate = |directory: &Directory, there: &str| fate(directory, there, target);
            directory.remove(name, stamp, fate).map_err(explain)?;
        }
        Entry::Missing => {}
        _ => return Ok(None),
    }
    if let Some(original) = original {
        directory.restore(original, name).map_err(explain)?;
    }
    Ok(Some(Mended { backup: None }))
}

/// A link into the shared directory is ours; that and an empty file need no backup.
pub(super) fn fate(directory: &Directory, there: &str, target: &Path) -> Fate {
    let beside = target.parent().unwrap_or(target);
    match directory.entry(there) {
        Ok(Entry::Link(found)) if found.starts_with(beside) => Fate::Discard,
        Ok(Entry::File(file)) if file.size == 0 => Fate::Discard,
        Ok(Entry::Missing) => Fate::Discard,
        _ => Fate::Keep,
    }
}
