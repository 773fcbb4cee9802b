//! `.claude.json` of the user's own, of which some keys are shared.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::directory::{Directory, Entry, Fate, New, Replaced};
use super::wish::{Condition, Mended};
use crate::claude_json::{ClaudeJsonPatch, extract};

/// Its name in the home.
pub(super) const NAME: &str = ".claude.json";

/// The lock that the client takes for it (a directory).
const LOCK: &str = ".claude.json.lock";

/// Largest file that is read, in bytes: it holds a history for every project.
const LIMIT: u64 = 32 * 1024 * 1024;

/// A file that is being written without a rename is whole after this time.
const HALF_WRITTEN: Duration = Duration::from_millis(15);

/// How long the client's lock is waited for; then it is tried again later.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// A lock older than this, in seconds, was left by a client that was killed.
const STALE_LOCK: i64 = 60;

/// How the file is, and its shared keys. A missing file has none, and is no damage.
pub(super) fn look(home: &Directory, uid: u32) -> (Condition, Option<Map<String, Value>>) {
    let wrong = |text: &str| (Condition::Wrong(text.to_owned()), None);
    match home.entry(NAME) {
        Ok(Entry::Missing) => (Condition::Good, Some(Map::new())),
        Ok(Entry::File(file)) if file.owner != uid => wrong("belongs to another user"),
        Ok(Entry::File(_)) => match read_own(home, NAME) {
            Some(file) => (Condition::Good, Some(extract(&file))),
            None => wrong("is damaged"),
        },
        Ok(Entry::Link(_)) => wrong("is a link, not a file of its own"),
        Ok(Entry::Directory) => wrong("is a directory"),
        Ok(Entry::Other(what)) => (Condition::Wrong(format!("is {what}")), None),
        Err(error) => (Condition::Wrong(error.to_string()), None),
    }
}

/// Who has signed in, as the client noted it; also where the file is not shared.
pub(super) fn signed_in(home: &Directory) -> Option<Value> {
    read_own(home, NAME)?.get("oauthAccount").cloned()
}

/// Puts a good file there: what the shared copy had where there is our link to it, else the
/// client's own newest backup, else an empty one. What was there stays beside, if it was anything.
pub(super) fn mend(
    home: &Directory,
    uid: u32,
    shared: &Path,
    stamp: &str,
) -> Result<Option<Mended>, String> {
    if let Ok(Entry::File(file)) = home.entry(NAME) {
        if file.owner == uid && file.mode & 0o600 != 0o600 {
            // He cannot read or write it himself: what is in it may be good.
            drop(home.give_owner_access(NAME));
        }
        std::thread::sleep(HALF_WRITTEN);
        if look(home, uid).0 == Condition::Good {
            return Ok(None);
        }
    }
    let replacement = replacement(home, shared);
    let bytes = serde_json::to_vec_pretty(&replacement).expect("string keys");
    let fate = |home: &Directory, there: &str| match home.entry(there) {
        Ok(Entry::File(file)) if file.owner == uid && read_own(home, there).is_some() => {
            Fate::PutBack
        }
        _ => super::links::fate(home, there, shared),
    };
    let new = New::File {
        bytes: &bytes,
        mode: 0o600,
        durable: true,
    };
    let replaced = home
        .replace(NAME, &new, stamp, fate)
        .map_err(|error| error.to_string())?;
    match replaced {
        Replaced::Done(backup) => Ok(Some(Mended { backup })),
        Replaced::Stays => Ok(None),
    }
}

/// How a patch came out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Patched {
    /// The file has it.
    Done,
    /// The client was writing, or has written since; the file is to be looked at again.
    Later,
    /// It cannot be written; for people.
    Failed(String),
}

/// Sets the shared keys as the client itself would: with its lock, reading first what is there.
pub(super) fn patch(home: &Directory, patch: &ClaudeJsonPatch, stamp: &str) -> Patched {
    let locked = match lock(home) {
        Ok(true) => apply(home, patch, stamp),
        Ok(false) => return Patched::Later,
        Err(error) => return Patched::Failed(error.to_string()),
    };
    home.remove_lock(LOCK);
    locked
}

fn apply(home: &Directory, patch: &ClaudeJsonPatch, stamp: &str) -> Patched {
    let (before, mode) = match home.entry(NAME) {
        Ok(Entry::File(file)) => (home.read_own(NAME, LIMIT), file.mode & 0o777),
        Ok(Entry::Missing) => (Ok(b"{}".to_vec()), 0o600),
        Ok(_) => return Patched::Later,
        Err(error) => return Patched::Failed(error.to_string()),
    };
    let Ok(before) = before else {
        return Patched::Later;
    };
    let Ok(mut file) = serde_json::from_slice::<Map<String, Value>>(&before) else {
        return Patched::Later;
    };
    if !patch.apply(&mut file) {
        return Patched::Later;
    }
    let bytes = serde_json::to_vec_pretty(&file).expect("string keys");
    let fate = |home: &Directory, there: &str| match home.entry(there) {
        Ok(Entry::Missing) => Fate::Discard,
        _ if home
            .read_own(there, LIMIT)
            .is_ok_and(|found| found == before) =>
        {
            Fate::Discard
        }
        _ => Fate::PutBack,
    };
    let new = New::File {
        bytes: &bytes,
        mode,
        durable: true,
    };
    match home.replace(NAME, &new, stamp, fate) {
        Ok(Replaced::Done(_)) => Patched::Done,
        Ok(Replaced::Stays) => Patched::Later,
        Err(error) => Patched::Failed(error.to_string()),
    }
}

/// Takes the client's lock; `false` if a client keeps it.
fn lock(home: &Directory) -> std::io::Result<bool> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    while !home.make_lock(LOCK)? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        let age = home.modified(LOCK).map(|at| now() - at);
        // Our workers take turns in a home: whichever of them made it was killed.
        let is_orphan = home.is_our_lock(LOCK);
        if is_orphan || age.is_ok_and(|age| age > STALE_LOCK) {
            // What cannot be removed is no lock of a client's.
            home.remove_lock(LOCK);
        }
        if !is_orphan {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(true)
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

fn read_own(directory: &Directory, name: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&directory.read_own(name, LIMIT).ok()?).ok()
}

/// The shared copy, which may belong to any member of the group.
fn read(directory: &Directory, name: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&directory.read(name, LIMIT).ok()?).ok()
}

fn replacement(home: &Directory, shared: &Path) -> Map<String, Value> {
    if matches!(home.entry(NAME), Ok(Entry::Link(target)) if target == shared) {
        let copy = shared
            .parent()
            .and_then(|parent| Directory::open_shared(parent).ok());
        return copy
            .and_then(|directory| read(&directory, NAME))
            .unwrap_or_default();
    }
    newest_backup(home).unwrap_or_default()
}

/// The client keeps copies of the file before it changes it.
fn newest_backup(home: &Directory) -> Option<Map<String, Value>> {
    let in_home = read_own(home, ".claude.json.backup");
    let backups = home
        .subdirectory(".claude")
        .and_then(|claude| claude.subdirectory("backups"));
    let from_directory = backups.ok().and_then(|backups| {
        let mut names: Vec<(i64, String)> = backups
            .names()
            .ok()?
            .into_iter()
            .filter(|name| name.starts_with(".claude.json.backup"))
            .filter_map(|name| Some((backups.modified(&name).ok()?, name)))
            .collect();
        names.sort();
        names
            .iter()
            .rev()
            .find_map(|(_, name)| read_own(&backups, name))
    });
    from_directory.or(in_home)
}
