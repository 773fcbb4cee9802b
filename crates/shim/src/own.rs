//! The server's own program of that name.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::fs::{Access, AtFlags, CWD, FileType, accessat, stat};

use crate::called::{Called, identity};
use crate::ending::complain;

/// Where programs are if nobody says it.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What shells exit with if there is no such command.
const NOT_FOUND: u8 = 127;
/// And if there is one that cannot be run.
const NOT_EXECUTABLE: u8 = 126;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Program(PathBuf),
    /// A file of that name that may not be executed.
    File(PathBuf),
    Nothing,
}

impl Found {
    pub(crate) fn program(self) -> Option<PathBuf> {
        match self {
            Self::Program(program) => Some(program),
            Self::File(_) | Self::Nothing => None,
        }
    }
}

/// Becomes it. Returns only if that cannot be.
pub(crate) fn run(called: &Called, path: Option<&OsStr>) -> ExitCode {
    match find(called, path) {
        Found::Program(program) => become_it(called, &program),
        Found::File(file) => {
            let message = format!("{}: Permission denied", file.display());
            complain(&called.name, &message);
            ExitCode::from(NOT_EXECUTABLE)
        }
        Found::Nothing => {
            complain(&called.name, "command not found");
            ExitCode::from(NOT_FOUND)
        }
    }
}

/// Becomes `program`, with the same words. Returns only if that cannot be.
pub(crate) fn become_it(called: &Called, program: &Path) -> ExitCode {
    let mut command = Command::new(program);
    if let [first, rest @ ..] = called.words.as_slice() {
        command.arg0(first).args(rest);
    }
    let error = command.exec();
    complain(&called.name, &format!("{}: {error}", program.display()));
    match error.kind() {
        io::ErrorKind::NotFound => ExitCode::from(NOT_FOUND),
        _ => ExitCode::from(NOT_EXECUTABLE),
    }
}

/// The next program of that name behind the directory of the link, or of all if that is not in `path`. Links to this
/// program are those of other sessions.
pub(crate) fn find(called: &Called, path: Option<&OsStr>) -> Found {
    let path = path.unwrap_or(OsStr::new(USUAL_PATH));
    let entries: Vec<PathBuf> = std::env::split_paths(path).map(named).collect();
    let directory = stat(&called.directory).map(|facts| identity(&facts)).ok();
    let is_own = |entry: &PathBuf| {
        let entry = stat(entry).map(|facts| identity(&facts)).ok();
        entry.is_some() && entry == directory
    };
    let behind = entries.iter().position(is_own).map_or(0, |own| own + 1);
    let mut found = Found::Nothing;
    for candidate in entries[behind..]
        .iter()
        .map(|entry| entry.join(&called.name))
    {
        let Ok(facts) = stat(&candidate) else {
            continue;
        };
        let is_file = FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile;
        if !is_file || identity(&facts) == called.own {
            continue;
        }
        if accessat(CWD, &candidate, Access::EXEC_OK, AtFlags::EACCESS).is_ok() {
            return Found::Program(candidate);
        }
        if found == Found::Nothing {
            found = Found::File(candidate);
        }
    }
    found
}

/// No name at all is the working directory's.
fn named(entry: PathBuf) -> PathBuf {
    match entry.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => entry,
    }
}
