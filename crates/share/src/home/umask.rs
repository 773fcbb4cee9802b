//! `umask 002` in a marked block of the files that the user's shell reads.

use std::path::Path;

use model::marked_block::Marker;

use super::directory::{Directory, Entry, Fate, New, Replaced};
use super::wish::{Condition, Mended};

/// The block is marked as ours.
const BLOCK: Marker = Marker {
    program: "claude-share",
    made_by: "server",
    removed_by: "server remove-user",
};

/// What is put into the block: what the user writes in the shared directory is for the group.
const BODY: &[u8] = b"umask 002\n";

/// Largest file of a shell that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// The files, each with whether it is made where it is missing.
fn files(shell: &Path) -> &'static [(&'static str, bool)] {
    match shell.file_name().and_then(|name| name.to_str()) {
        Some("bash") => &[
            (".bashrc", true),
            (".profile", true),
            // Where one of these is, bash reads it in the place of .profile.
            (".bash_profile", false),
            (".bash_login", false),
        ],
        Some("zsh") => &[(".zshenv", true), (".profile", false)],
        // fish has its files elsewhere; whoever gave it to a user has to say it there.
        Some("fish") => &[],
        _ => &[(".profile", true)],
    }
}

/// How the block is.
pub(super) fn look(home: &Directory, shell: &Path) -> Condition {
    for (name, make) in files(shell) {
        match edited(home, name, *make, true) {
            Ok(None) => {}
            Ok(Some(_)) => return Condition::Wrong(format!("~/{name} lacks it")),
            Err(problem) => return Condition::Wrong(problem),
        }
    }
    Condition::Good
}

/// Puts the block in.
pub(super) fn mend(home: &Directory, shell: &Path, stamp: &str) -> Result<Option<Mended>, String> {
    for (name, make) in files(shell) {
        change(home, name, *make, true, stamp)?;
    }
    Ok(Some(Mended { backup: None }))
}

/// Takes the block out, whatever the shell is by now.
pub(super) fn take_back(home: &Directory, stamp: &str) -> Result<Option<Mended>, String> {
    for name in [
        ".bashrc",
        ".profile",
        ".bash_profile",
        ".bash_login",
        ".zshenv",
    ] {
        change(home, name, false, false, stamp)?;
    }
    Ok(Some(Mended { backup: None }))
}

/// What the file is to be; `None` if it is so already.
fn edited(home: &Directory, name: &str, make: bool, add: bool) -> Result<Option<Vec<u8>>, String> {
    let there = match home.entry(name) {
        Ok(Entry::File(_)) => home
            .read(name, LIMIT)
            .map_err(|error| format!("~/{name}: {error}"))?,
        Ok(Entry::Missing) if make => Vec::new(),
        // A link leads to a file that others may share; it is not followed.
        _ => return Ok(None),
    };
    let is_new = matches!(home.entry(name), Ok(Entry::Missing));
    let edited = match add {
        true => BLOCK.add(&there, BODY, is_new),
        false => BLOCK.remove(&there),
    };
    edited.map_err(|error| format!("~/{name}: {error}"))
}

fn change(home: &Directory, name: &str, make: bool, add: bool, stamp: &str) -> Result<(), String> {
    const ATTEMPTS: usize = 8;
    let explain = |error: std::io::Error| format!("~/{name}: {error}");
    for _attempt in 0..ATTEMPTS {
        // First, so that a file that changes in between comes out as another one.
        let before = home.read(name, LIMIT).unwrap_or_default();
        let Some(bytes) = edited(home, name, make, add)? else {
            return Ok(());
        };
        let mode = match home.entry(name) {
            Ok(Entry::File(file)) => file.mode & 0o777,
            _ => 0o644,
        };
        let unchanged = |directory: &Directory, there: &str| match directory
            .read(there, LIMIT)
            .is_ok_and(|found| found == before)
        {
            true => Fate::Discard,
            false => Fate::PutBack,
        };
        let made = BLOCK.made_file(&before);
        let replaced = if !add && bytes.is_empty() && made {
            home.remove(name, stamp, unchanged)
        } else {
            home.replace(
                name,
                &New::File {
                    bytes: &bytes,
                    mode,
                    durable: true,
                },
                stamp,
                unchanged,
            )
        };
        match replaced.map_err(explain)? {
            Replaced::Done(_) => {
                // The process's umask has taken bits away that the user had given.
                return match home.entry(name) {
                    Ok(Entry::File(file)) if file.mode != mode => {
                        home.set_mode(name, mode).map_err(explain)
                    }
                    _ => Ok(()),
                };
            }
            Replaced::Stays => {}
        }
    }
    Err(format!("~/{name} keeps changing"))
}
