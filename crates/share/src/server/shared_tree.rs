//! The shared directory, made and put right by root although members of the group write in it.
//!
//! Everything is reached by descriptors and nothing through a link. What is not plainly ours is
//! moved aside, never changed: a link, a FIFO, a file with a second name, somebody else's.
//!
//! Not protected: what is in the shared files. Whoever may write a settings file may name programs
//! in it that the others' clients start.

mod place;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use vault::durable::{self, Placing};

use crate::ShareError;
use crate::home::Item;
use crate::paths::shared_copy;
use place::{Found, Place};

/// Mode of the directories: new files get the group.
const DIRECTORY_MODE: u32 = 0o2770;

/// Mode of the files.
const FILE_MODE: u32 = 0o660;

const CREDENTIALS: &str = ".credentials.json";

/// What the shared directory is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct TreeWish {
    /// Its path.
    pub directory: PathBuf,
    /// The files in it, each with what it holds where it has to be made.
    pub files: BTreeMap<Item, String>,
    /// Whether a credential file there is wrong, as it has a refresh token in it. [`mend`] leaves it
    /// to [`remove_credentials`], which comes after the homes have views.
    pub without_credentials: bool,
}

impl fmt::Debug for TreeWish {
    /// Settings may have secrets in them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TreeWish")
            .field("directory", &self.directory)
            .field("files", &self.files.keys())
            .finish_non_exhaustive()
    }
}

/// What was done to the shared directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeChanges {
    /// What was not there before, parents first, by path.
    pub made: Vec<PathBuf>,
    /// What was moved aside: where it was, and where it is now.
    pub kept: Vec<(PathBuf, PathBuf)>,
    /// What was given the right group and mode.
    pub repaired: Vec<PathBuf>,
}

/// What is wrong with it, for people; nothing if it is as wished. `gid`: the group's, if there is
/// one yet.
///
/// # Errors
/// If somebody else than root could redirect the path to it.
pub fn look(wish: &TreeWish, gid: Option<u32>) -> Result<Vec<String>, ShareError> {
    let mut wrong = Vec::new();
    let Some(parent) = place::parent(&wish.directory, false)? else {
        return Ok(vec![format!("{} is missing", wish.directory.display())]);
    };
    let mut directory = parent;
    for (path, name) in directories(&wish.directory) {
        let found = directory.found(&name, DIRECTORY_MODE, gid);
        let found = found.map_err(ShareError::system(format!("look at {}", path.display())))?;
        if found != Found::Good {
            wrong.push(format!("{} {}", path.display(), found.text()));
        }
        if !found.is_ours() {
            return Ok(wrong);
        }
        let opened = directory.directory(&name);
        directory = opened.map_err(ShareError::system(format!("open {}", path.display())))?;
    }
    let home = wish.directory.join("home");
    for item in wish.files.keys() {
        let (directory, name) = directory_of(&directory, *item)?;
        let found = directory.found(name, FILE_MODE, gid);
        let path = home.join(item.path());
        let found = found.map_err(ShareError::system(format!("look at {}", path.display())))?;
        if found != Found::Good {
            wrong.push(format!("{} {}", path.display(), found.text()));
        }
    }
    if wish.without_credentials && has_credentials(&wish.directory) {
        let path = home.join(Item::Credentials.path());
        wrong.push(format!("{} is still there", path.display()));
    }
    Ok(wrong)
}

/// What a file in it holds, if it is one that members of the group write.
#[must_use]
pub fn read(directory: &Path, item: Item, gid: u32) -> Option<Vec<u8>> {
    let (place, name) = directory_of(&claude(directory)?, item).ok()?;
    place.read(name, gid).ok()
}

/// Makes it as wished.
///
/// # Errors
/// What the system refused; what was done before that is in `changes`.
pub fn mend(
    wish: &TreeWish,
    gid: u32,
    stamp: &str,
    changes: &mut TreeChanges,
) -> Result<(), ShareError> {
    make_parents(&wish.directory, changes)?;
    let Some(mut directory) = place::parent(&wish.directory, true)? else {
        return Err(refused(&wish.directory, "cannot be made"));
    };
    let mut above = None;
    for (path, name) in directories(&wish.directory) {
        if path == wish.directory {
            refuse_somebodys(&directory, &path, &name)?;
        }
        let change = directory.make_directory(&name, gid, stamp);
        changes.take(
            &path,
            change.map_err(ShareError::system(format!("make {}", path.display())))?,
        );
        let opened = directory.directory(&name);
        let opened = opened.map_err(ShareError::system(format!("open {}", path.display())))?;
        above = Some(std::mem::replace(&mut directory, opened));
    }
    drop(above);
    let home = wish.directory.join("home");
    for (item, contents) in &wish.files {
        let path = home.join(item.path());
        let (directory, name) = directory_of(&directory, *item)?;
        let change = directory.make_file(name, contents.as_bytes(), gid, stamp);
        changes.take(
            &path,
            change.map_err(ShareError::system(format!("make {}", path.display())))?,
        );
    }
    Ok(())
}

/// Takes away what [`mend`] made. What somebody has put there since stays, and is told.
#[must_use]
pub fn unmake(directory: &Path, changes: &TreeChanges) -> Vec<String> {
    let mut left = Vec::new();
    for path in changes.made.iter().rev() {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let removed = place::holder(directory, path).and_then(|holder| match holder {
            Some(holder) => holder.remove_made(&name.unwrap_or_default()),
            None => Ok(()),
        });
        if let Err(error) = removed {
            left.push(format!("{} is left: {error}", path.display()));
        }
    }
    left
}

/// Moves the whole directory aside, for root alone; gives its new path.
///
/// # Errors
/// What the system refused.
pub fn set_aside(directory: &Path, stamp: &str) -> Result<Option<PathBuf>, ShareError> {
    let Some(parent) = place::parent(directory, false)? else {
        return Ok(None);
    };
    let name = directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let action = format!("move {} aside", directory.display());
    match parent.set_aside(&name, stamp) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        moved => {
            let moved = moved.map_err(ShareError::system(action))?;
            Ok(Some(directory.with_file_name(moved)))
        }
    }
}

impl TreeChanges {
    fn take(&mut self, path: &Path, change: place::Change) {
        let kept = |name: String| (path.to_owned(), path.with_file_name(name));
        match change {
            place::Change::None => {}
            place::Change::Made => self.made.push(path.to_owned()),
            place::Change::Repaired => self.repaired.push(path.to_owned()),
            place::Change::Replaced(name) => self.kept.push(kept(name)),
        }
    }
}

/// The three directories, each with its name in the one above.
fn directories(top: &Path) -> [(PathBuf, String); 3] {
    let name = top
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let home = top.join("home");
    let claude = home.join(".claude");
    [
        (top.to_owned(), name.unwrap_or_default()),
        (home, "home".to_owned()),
        (claude, ".claude".to_owned()),
    ]
}

/// Where an item's file is, seen from `home/.claude`.
fn directory_of(claude: &Place, item: Item) -> Result<(Place, &'static str), ShareError> {
    let path = item.path();
    let opened = match path.strip_prefix(".claude/") {
        Some(name) => claude.again().map(|place| (place, name)),
        None => claude.above().map(|place| (place, path)),
    };
    opened.map_err(ShareError::system("open the shared directory"))
}

fn make_parents(directory: &Path, changes: &mut TreeChanges) -> Result<(), ShareError> {
    for parent in place::missing_parents(directory)? {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().mode(0o755).create(&parent);
        made.map_err(ShareError::system(format!("make {}", parent.display())))?;
        place::open_to_all(&parent)?;
        changes.made.push(parent);
    }
    Ok(())
}

/// A directory of another user's is not taken over because its path was given.
fn refuse_somebodys(parent: &Place, path: &Path, name: &str) -> Result<(), ShareError> {
    match parent.owner(name) {
        Some(owner) if owner != 0 => Err(refused(
            path,
            &format!(
                "is there already and belongs to uid {owner}; name another one, or move it away"
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether there is a credential file, which has a refresh token in it.
#[must_use]
pub fn has_credentials(directory: &Path) -> bool {
    let claude = claude(directory);
    claude.is_some_and(|claude| {
        !matches!(
            claude.found(CREDENTIALS, FILE_MODE, None),
            Ok(Found::Missing)
        )
    })
}

/// Takes the credential file away. What is in it is kept in `removed`, a directory that root alone
/// enters; gives where.
///
/// # Errors
/// What the system refused.
pub fn remove_credentials(
    directory: &Path,
    gid: u32,
    stamp: &str,
    removed: &Path,
) -> Result<Option<PathBuf>, ShareError> {
    let path = shared_copy(directory, Item::Credentials.path());
    let wrap = || ShareError::system(format!("remove {}", path.display()));
    let Some(claude) = claude(directory).filter(|_| has_credentials(directory)) else {
        return Ok(None);
    };
    let Ok(bytes) = claude.read(CREDENTIALS, gid) else {
        let kept = claude.set_aside(CREDENTIALS, stamp).map_err(wrap())?;
        return Ok(Some(path.with_file_name(kept)));
    };
    let bytes = zeroize::Zeroizing::new(bytes);
    durable::private_directory(removed)?;
    let kept = removed.join(format!("credentials.json-{stamp}"));
    durable::write(&kept, &bytes, 0o600, Placing::Replace)?;
    claude.remove(CREDENTIALS).map_err(wrap())?;
    Ok(Some(kept))
}

/// `home/.claude` in it, if it can be gone into.
fn claude(directory: &Path) -> Option<Place> {
    let mut place = place::parent(directory, false).ok()??;
    for (_, name) in directories(directory) {
        place = place.directory(&name).ok()?;
    }
    Some(place)
}

fn refused(path: &Path, problem: &str) -> ShareError {
    ShareError::Name(format!("{} {problem}", path.display()))
}

#[cfg(test)]
mod tests;
