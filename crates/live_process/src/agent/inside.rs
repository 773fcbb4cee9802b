//! What stands between a login shell and a program of a session: the files that such a shell reads may make `PATH` anew, so
//! it is only here that the commands that run on the laptop become the first in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use live_session::server::path_with;
use rustix::fs::{Access, access};
use rustix::io::Errno;

/// What runs a script that does not say what runs it.
const SHELL: &str = "/bin/sh";

/// Why this process has not become another program.
#[derive(Debug, thiserror::Error)]
pub enum InsideError {
    /// There is none of that name.
    #[error("{}: command not found", .0.display())]
    Missing(OsString),
    /// There is, but it cannot be executed.
    #[error("{}: {}", .0.display(), .1)]
    CannotExecute(OsString, io::Error),
}

impl InsideError {
    /// What a shell exits with then.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) => 127,
            Self::CannotExecute(..) => 126,
        }
    }
}

/// Becomes the program that `words` name, with this `environment`, but for `directory` being the first in its `PATH`. Gives why
/// that failed: otherwise it does not return.
#[must_use]
pub fn become_inside(
    directory: &Path,
    words: &[OsString],
    environment: &[(OsString, OsString)],
) -> InsideError {
    let path = environment.iter().find(|(name, _)| name == "PATH");
    let path = path_with(directory, path.map(|(_, path)| path.as_os_str()));
    let Some((name, arguments)) = words.split_first() else {
        return InsideError::Missing(OsString::new());
    };
    let program = match find(name, &path) {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(&program);
    command.arg0(name).args(arguments).env("PATH", &path);
    let mut error = command.exec();
    if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) {
        let mut command = Command::new(SHELL);
        error = command
            .arg(&program)
            .args(arguments)
            .env("PATH", &path)
            .exec();
    }
    match error.kind() {
        io::ErrorKind::NotFound if !program.exists() => InsideError::Missing(name.clone()),
        _ => InsideError::CannotExecute(name.clone(), error),
    }
}

/// Where the program of that name is.
fn find(name: &OsStr, path: &OsStr) -> Result<PathBuf, InsideError> {
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let missing = || InsideError::Missing(name.to_owned());
    if name.is_empty() {
        return Err(missing());
    }
    let mut found = Err(missing());
    for directory in path.as_bytes().split(|&byte| byte == b':') {
        let directory = match directory {
            b"" => Path::new("."),
            directory => Path::new(OsStr::from_bytes(directory)),
        };
        let program = directory.join(name);
        if !program.is_file() {
            continue;
        }
        match access(&program, Access::EXEC_OK) {
            Ok(()) => return Ok(program),
            Err(error) => found = Err(InsideError::CannotExecute(name.to_owned(), error.into())),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, mode) in [
            ("one/tool", 0o644),
            ("two/tool", 0o755),
            ("one/text", 0o644),
        ] {
            let path = at(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(at("one/folder")).unwrap();
        let path = [at("none"), at("one"), at("two")].map(PathBuf::into_os_string);
        let path = path.join(OsStr::new(":"));
        let find = |name: &str| find(OsStr::new(name), &path);
        assert_eq!(find("tool").unwrap(), at("two/tool"));
        assert_eq!(find("/x/y").unwrap(), Path::new("/x/y"));
        for (name, code) in [("text", 126), ("folder", 127), ("missing", 127), ("", 127)] {
            assert_eq!(find(name).unwrap_err().exit_code(), code, "{name}");
        }
        let words = find("missing").unwrap_err().to_string();
        assert_eq!(words, "missing: command not found");
    }

    #[test]
    fn what_cannot_be_executed_is_told() {
        let become_one = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            become_inside(Path::new("/bin-of-the-session"), &words, &[])
        };
        assert_eq!(become_one(&[]).exit_code(), 127);
        assert_eq!(become_one(&["/nowhere/at-all"]).exit_code(), 127);
        assert_eq!(become_one(&["/etc"]).exit_code(), 126);
    }
}
