//! The keeper as a service of systemd: its unit, and putting it there and taking it away.
//!
//! The unit gives the keeper what it needs and nothing else: becoming other users, ending their
//! processes, reading the shared files that they wrote, and the directories that homes are in.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vault::durable::{self, Placing};

use crate::user_tools::run::{self, Call};
use crate::{ServerPaths, ShareError};

/// Longest wait for `systemctl`: the keeper finishes a renewal (30 s) before it leaves.
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// Largest unit that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Whether systemd runs this machine (sd_booted(3)).
#[must_use]
pub fn is_running() -> bool {
    // Not through a link.
    fs::symlink_metadata("/run/systemd/system").is_ok_and(|found| found.is_dir())
}

/// The directories that the keeper's processes write in: where the homes are, and where the shared
/// files are. A home directly below `/` stands for itself.
#[must_use]
pub fn writable<'a>(
    shared_directory: &Path,
    homes: impl IntoIterator<Item = &'a Path>,
) -> Vec<PathBuf> {
    let parent = |home: &Path| match home.parent() {
        Some(parent) if parent != Path::new("/") => parent.to_owned(),
        _ => home.to_owned(),
    };
    // `/` as a home, which system users have, would open everything.
    let usable = |home: &&Path| home.is_absolute() && *home != Path::new("/");
    let mut directories: BTreeSet<PathBuf> = homes.into_iter().filter(usable).map(parent).collect();
    directories.insert(shared_directory.to_owned());
    directories.into_iter().collect()
}

/// The unit. `program` is started with `server keeper`; `writable` may be written in besides the
/// server's own directories, where they exist when the keeper starts.
///
/// Not closed off, since the keeper is for it: homes, the network (the token server may be
/// anywhere), and changing to any user.
#[must_use]
pub fn unit_text(program: &Path, paths: &ServerPaths, writable: &[PathBuf]) -> String {
    let program = quoted(program).replace('$', "$$");
    let own = [&paths.data, &paths.runtime];
    let writable: Vec<String> = own
        .into_iter()
        .chain(writable)
        // A path that is missing is no reason not to start.
        .map(|path| format!("ReadWritePaths=-{}\n", quoted(path)))
        .collect();
    let start = format!("ExecStart={program} server keeper\n");
    UNIT.replacen(WRITABLE_LINE, &writable.concat(), 1)
        .replacen(PROGRAM_LINE, &start, 1)
}

/// The one text of the unit, which packages bring too. What [`unit_text`] puts into it is on two lines of it.
const UNIT: &str = include_str!("../../../packaging/systemd/system/claude-share-keeper.service");

const PROGRAM_LINE: &str = "ExecStart=@BINDIR@/claude-share server keeper\n";

const WRITABLE_LINE: &str =
    "ReadWritePaths=-/var/lib/claude-share -/run/claude-share -/home -/root\n";

/// A path as one word of a unit (systemd.syntax(7), systemd.unit(5)): no byte of it is an escape,
/// a specifier or the end of a line.
fn quoted(path: &Path) -> String {
    let mut text = String::from("\"");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' => text.push_str("%%"),
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// The unit as it is there; `None` if there is none.
///
/// # Errors
/// If it cannot be read.
pub fn installed(paths: &ServerPaths) -> Result<Option<String>, ShareError> {
    let bytes = durable::read_regular(&paths.unit, LIMIT)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Puts the unit there and tells systemd; `false` if it was there just so.
///
/// # Errors
/// If it cannot be written, or systemd does not answer.
pub fn install(paths: &ServerPaths, text: &str) -> Result<bool, ShareError> {
    if installed(paths)?.as_deref() == Some(text) {
        return Ok(false);
    }
    durable::write(&paths.unit, text.as_bytes(), 0o644, Placing::Replace)?;
    systemctl(["daemon-reload"])?;
    Ok(true)
}

/// Starts the keeper, now and whenever the machine starts. One that runs is started anew if
/// `restart`, as its unit or this program has changed.
///
/// # Errors
/// If it does not come up; `journalctl` says why.
pub fn enable_and_start(paths: &ServerPaths, restart: bool) -> Result<(), ShareError> {
    let unit = unit_name(paths);
    systemctl(["enable", "--quiet", &unit])?;
    systemctl([if restart { "restart" } else { "start" }, &unit])
}

/// Stops the keeper and takes the unit away; `false` if there was none.
///
/// # Errors
/// If it does not stop, or the unit cannot be removed.
pub fn stop_and_remove(paths: &ServerPaths) -> Result<bool, ShareError> {
    if fs::symlink_metadata(&paths.unit).is_err() {
        return Ok(false);
    }
    if is_running() {
        systemctl(["disable", "--quiet", "--now", &unit_name(paths)])?;
    }
    fs::remove_file(&paths.unit).map_err(ShareError::system(format!(
        "remove {}",
        paths.unit.display()
    )))?;
    if is_running() {
        systemctl(["daemon-reload"])?;
    }
    Ok(true)
}

/// As systemd and people know it.
#[must_use]
pub fn unit_name(paths: &ServerPaths) -> String {
    let name = paths.unit.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn systemctl<const COUNT: usize>(arguments: [&str; COUNT]) -> Result<(), ShareError> {
    let call = Call::new(
        "systemctl",
        ["--no-ask-password"].into_iter().chain(arguments),
    );
    let Some(program) = run::find(call.program) else {
        return Err(ShareError::Program {
            program: call.shown(),
            problem: "there is no such program in the system's directories".to_owned(),
        });
    };
    let ended = run::run(&program, &call, TIME_LIMIT)?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(ended.error(&call)),
    }
}
