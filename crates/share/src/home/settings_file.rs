//! A settings file of the user's own that names the program which prints his key.

use std::path::Path;

use serde_json::{Map, Value};

use super::directory::{Directory, Entry, Fate, New, Replaced};
use super::wish::{Condition, Mended};

/// The key under which the client looks for such a program.
const HELPER: &str = "apiKeyHelper";

/// Where the client looks for how long it may go on with a key without asking again, in
/// milliseconds (under `env`). Without it a running session keeps a key that was taken away.
const PATIENCE: &str = "CLAUDE_CODE_API_KEY_HELPER_TTL_MS";
const MILLISECONDS: &str = "5000";

/// Largest settings file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// How the file is.
pub(super) fn look(directory: &Directory, name: &str, command: &str) -> Condition {
    match directory.entry(name) {
        Ok(Entry::File(_)) => match own(directory, name) {
            Some(settings) if names(&settings, command) => Condition::Good,
            Some(_) => Condition::Wrong("does not name the program that prints the key".to_owned()),
            None => Condition::Wrong("is damaged".to_owned()),
        },
        Ok(Entry::Link(_)) => Condition::Wrong("is a link, not a file of its own".to_owned()),
        Ok(entry) => super::links::not_the_link(&entry),
        Err(error) => Condition::Wrong(error.to_string()),
    }
}

/// Puts the program's name into the user's settings, or into a copy of the shared ones.
pub(super) fn mend(
    directory: &Directory,
    name: &str,
    command: &str,
    shared: &Path,
    stamp: &str,
) -> Result<Option<Mended>, String> {
    let (before, own) = own_bytes(directory, name);
    let mut settings = own.unwrap_or_else(|| copy_of(shared));
    add_ours(&mut settings, command);
    write(directory, name, &before, &settings, shared, stamp)
}

/// How a file that is not shared is: only a link of ours is wrong.
pub(super) fn look_private(directory: &Directory, name: &str, shared: &Path) -> Condition {
    match directory.entry(name) {
        Ok(Entry::Link(found)) if found == shared => {
            Condition::Wrong("is still the link to the shared one".to_owned())
        }
        _ => Condition::NotShared,
    }
}

/// Puts a copy in the place of our link.
pub(super) fn mend_private(
    directory: &Directory,
    name: &str,
    shared: &Path,
    stamp: &str,
) -> Result<Option<Mended>, String> {
    write(directory, name, &[], &copy_of(shared), shared, stamp)
}

/// Takes the program's name out, or puts back what was there before.
pub(super) fn take_back(
    directory: &Directory,
    name: &str,
    command: &str,
    shared: &Path,
    original: Option<&str>,
    stamp: &str,
) -> Result<Option<Mended>, String> {
    let explain = |error: std::io::Error| error.to_string();
    let (before, own) = own_bytes(directory, name);
    let Some(mut settings) = own.filter(|settings| names(settings, command)) else {
        return super::links::take_back(directory, name, shared, original, stamp);
    };
    remove_ours(&mut settings);
    // What came since it was read stays beside.
    let unchanged = |directory: &Directory, there: &str| match directory
        .read(there, LIMIT)
        .is_ok_and(|found| found == before)
    {
        true => Fate::Discard,
        false => Fate::Keep,
    };
    if let Some(original) = original {
        let kept = match settings == copy_of(shared) {
            true => directory.remove(name, stamp, unchanged),
            false => directory.remove(name, stamp, |_, _| Fate::Keep),
        };
        let kept = kept.map_err(explain)?;
        directory.restore(original, name).map_err(explain)?;
        return Ok(Some(Mended {
            backup: backup_of(kept),
        }));
    }
    if settings.is_empty() || settings == copy_of(shared) {
        let removed = directory.remove(name, stamp, unchanged).map_err(explain)?;
        return Ok(Some(Mended {
            backup: backup_of(removed),
        }));
    }
    write(directory, name, &before, &settings, shared, stamp)
}

/// `before`: what the settings were made from; nothing if it was no file of settings.
fn write(
    directory: &Directory,
    name: &str,
    before: &[u8],
    settings: &Map<String, Value>,
    shared: &Path,
    stamp: &str,
) -> Result<Option<Mended>, String> {
    let mut bytes = serde_json::to_vec_pretty(settings).expect("string keys");
    bytes.push(b'\n');
    let fate = |directory: &Directory, there: &str| match directory.entry(there) {
        // What we read is in what we wrote; what came since is not.
        Ok(Entry::File(_)) if parsed(before).is_some() => {
            match directory
                .read(there, LIMIT)
                .is_ok_and(|found| found == before)
            {
                true => Fate::Discard,
                false => Fate::PutBack,
            }
        }
        _ => super::links::fate(directory, there, shared),
    };
    let new = New::File {
        bytes: &bytes,
        mode: 0o600,
        durable: true,
    };
    let replaced = directory.replace(name, &new, stamp, fate);
    let replaced = replaced.map_err(|error| error.to_string())?;
    Ok(Some(Mended {
        backup: backup_of(replaced),
    }))
}

fn backup_of(replaced: Replaced) -> Option<String> {
    match replaced {
        Replaced::Done(backup) => backup,
        Replaced::Stays => None,
    }
}

fn own(directory: &Directory, name: &str) -> Option<Map<String, Value>> {
    own_bytes(directory, name).1
}

/// The same, and what it was read from. What is a link or no file at all is not read.
fn own_bytes(directory: &Directory, name: &str) -> (Vec<u8>, Option<Map<String, Value>>) {
    let bytes = directory.read_own(name, LIMIT).unwrap_or_default();
    let settings = parsed(&bytes);
    (bytes, settings)
}

fn names(settings: &Map<String, Value>, command: &str) -> bool {
    settings.get(HELPER).and_then(Value::as_str) == Some(command)
}

/// The shared settings as this user may read them; without a program of their own for keys.
fn copy_of(shared: &Path) -> Map<String, Value> {
    let (Some(parent), Some(name)) = (
        shared.parent(),
        shared.file_name().and_then(|name| name.to_str()),
    ) else {
        return Map::new();
    };
    let read = Directory::open_shared(parent).and_then(|directory| directory.read(name, LIMIT));
    let mut settings = read
        .ok()
        .and_then(|bytes| parsed(&bytes))
        .unwrap_or_default();
    remove_ours(&mut settings);
    settings
}

fn add_ours(settings: &mut Map<String, Value>, command: &str) {
    settings.insert(HELPER.to_owned(), Value::from(command));
    let environment = settings
        .entry("env")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(environment) = environment.as_object_mut() {
        environment
            .entry(PATIENCE)
            .or_insert_with(|| Value::from(MILLISECONDS));
    }
}

fn remove_ours(settings: &mut Map<String, Value>) {
    settings.shift_remove(HELPER);
    let Some(environment) = settings.get_mut("env").and_then(Value::as_object_mut) else {
        return;
    };
    if environment.get(PATIENCE).and_then(Value::as_str) == Some(MILLISECONDS) {
        environment.shift_remove(PATIENCE);
    }
    if environment.is_empty() {
        settings.shift_remove("env");
    }
}

/// Whether a file has nothing but what is shared and what we added: it needs no backup.
pub(super) fn is_only_ours(directory: &Directory, there: &str, shared: &Path) -> bool {
    let Some(mut settings) = own(directory, there) else {
        return false;
    };
    let helper = settings
        .get(HELPER)
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !helper
        .trim_end_matches(" key")
        .trim_matches('\'')
        .ends_with("claude-share")
    {
        return false;
    }
    remove_ours(&mut settings);
    settings == copy_of(shared)
}

/// What a settings file of the user's own holds, if it is a JSON object.
pub(super) fn contents(directory: &Directory, name: &str) -> Option<String> {
    own(directory, name)?;
    String::from_utf8(directory.read(name, LIMIT).ok()?).ok()
}

fn parsed(bytes: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(bytes).ok()
}
