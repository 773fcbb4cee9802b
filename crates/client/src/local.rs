//! The programs on this machine.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::facts::{Platform, ProgramName};
use crate::plan::LocalProgram;
use crate::settings_file::Lock;
use crate::tools::Tools;
use crate::version::Version;
use crate::{ClientError, ClientPaths};

/// What came of putting the programs in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The directory that they are in.
    pub directory: PathBuf,
    /// What was copied there now; none if they run from a directory of `PATH` already.
    pub copied: Vec<ProgramName>,
    /// Whether a shell finds them there.
    pub is_in_path: bool,
}

/// What this system is.
#[must_use]
pub fn platform() -> Platform {
    let name = rustix::system::uname();
    Platform {
        system: name.sysname().to_string_lossy().into_owned(),
        machine: name.machine().to_string_lossy().into_owned(),
    }
}

/// The name of this machine, for people.
#[must_use]
pub fn hostname() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// The programs beside `own`, which is `claude-share` itself. One that is not there is left out.
///
/// # Errors
/// If one cannot be read, or says nothing of its version.
pub fn programs(own: &Path, tools: &Tools) -> Result<Vec<LocalProgram>, ClientError> {
    let mut found = Vec::new();
    for name in ProgramName::ALL {
        let path = match name {
            ProgramName::Share => own.to_owned(),
            name => own.with_file_name(name.as_str()),
        };
        if path.is_file() {
            found.push(program(name, path, tools)?);
        }
    }
    Ok(found)
}

fn program(name: ProgramName, path: PathBuf, tools: &Tools) -> Result<LocalProgram, ClientError> {
    let mut command = tools.command(&path);
    command.arg("--version");
    let said = tools.output(command)?;
    let said = String::from_utf8_lossy(&said);
    let version = Version::of_program(name.as_str(), said.lines().next().unwrap_or_default());
    let version = version.ok_or_else(|| ClientError::Program {
        program: path.display().to_string(),
        problem: "it is another program than its name says".to_owned(),
    })?;
    let (size, sha256) =
        sum(&path).map_err(ClientError::system(format!("read {}", path.display())))?;
    Ok(LocalProgram {
        name,
        path,
        version,
        size,
        sha256,
    })
}

fn sum(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        size += count as u64;
    }
    let digest = hasher.finalize();
    Ok((
        size,
        digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

/// Puts the programs into `~/.local/bin`, unless they are in a directory of `search_path` already. A later version that
/// is there stays.
///
/// # Errors
/// If one cannot be written; then what was there is as it was.
pub fn place(
    paths: &ClientPaths,
    programs: &[LocalProgram],
    search_path: Option<&OsStr>,
    tools: &Tools,
) -> Result<Placed, ClientError> {
    let searched: Vec<PathBuf> = search_path.map_or_else(Vec::new, |path| {
        let whole = std::env::split_paths(path).filter(|path| path.is_absolute());
        whole.collect()
    });
    let own = programs.iter().find_map(|program| program.path.parent());
    let is_searched = |directory: &Path| {
        let same = |searched: &PathBuf| {
            searched == directory || fs::canonicalize(searched).is_ok_and(|path| path == directory)
        };
        searched.iter().any(same)
    };
    if let Some(own) = own.filter(|own| is_searched(own)) {
        return Ok(Placed {
            directory: own.to_owned(),
            copied: Vec::new(),
            is_in_path: true,
        });
    }
    let directory = paths.programs();
    let failed = || ClientError::system(format!("create the directory {}", directory.display()));
    fs::create_dir_all(&directory).map_err(failed())?;
    let _lock = Lock::take(paths)?;
    let mut copied = Vec::new();
    for one in programs {
        let target = directory.join(one.name.as_str());
        let there = target
            .is_file()
            .then(|| program(one.name, target.clone(), tools).ok())
            .flatten();
        let stays =
            there.is_some_and(|there| there.sha256 == one.sha256 || there.version > one.version);
        if stays {
            continue;
        }
        copy(&one.path, &target)
            .map_err(ClientError::system(format!("write {}", target.display())))?;
        copied.push(one.name);
    }
    let is_in_path = is_searched(&directory);
    Ok(Placed {
        directory,
        copied,
        is_in_path,
    })
}

/// Whole or not at all. The name in between is fixed: what a killed copy left is written over by the next one.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let new = to.with_file_name(format!(".{name}.claude-share-new"));
    drop(fs::remove_file(&new));
    let copied = File::open(from).and_then(|mut source| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(&new)?;
        io::copy(&mut source, &mut file)?;
        file.sync_all()
    });
    let moved = copied.and_then(|()| fs::rename(&new, to));
    moved.inspect_err(|_| drop(fs::remove_file(&new)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(path: &Path, name: &str, version: &str) {
        let text = format!("#!/bin/sh\necho {name} {version}\n");
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o755)
            .open(path)
            .unwrap();
        io::Write::write_all(&mut &made, text.as_bytes()).unwrap();
    }

    fn tools() -> Tools {
        Tools {
            ssh: "ssh".into(),
            ssh_keygen: "ssh-keygen".into(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        }
    }

    #[test]
    fn programs_are_put_where_a_shell_finds_them() {
        let home = tempfile::tempdir().unwrap();
        let built = home.path().join("built");
        fs::create_dir(&built).unwrap();
        script(&built.join("claude-share"), "claude-share", "0.2.0");
        script(&built.join("cs"), "cs", "0.2.0");
        let paths = ClientPaths::new(home.path());
        let found = programs(&built.join("claude-share"), &tools()).unwrap();
        assert_eq!(found.len(), 2, "what is not built is left out");
        let in_path =
            |path: &Path| place(&paths, &found, Some(path.as_os_str()), &tools()).unwrap();
        let nothing = in_path(&built);
        assert!(nothing.copied.is_empty() && nothing.is_in_path);
        assert!(!paths.programs().exists());
        let placed = in_path(Path::new("/usr/bin"));
        assert_eq!(placed.copied, [ProgramName::Share, ProgramName::Cs]);
        assert!(!placed.is_in_path);
        let again = in_path(&paths.programs());
        assert!(again.copied.is_empty() && again.is_in_path);
    }

    #[test]
    fn an_older_one_is_updated_and_a_newer_one_stays() {
        let home = tempfile::tempdir().unwrap();
        let built = home.path().join("claude-share");
        script(&built, "claude-share", "0.2.0");
        let paths = ClientPaths::new(home.path());
        fs::create_dir_all(paths.programs()).unwrap();
        let there = paths.programs().join("claude-share");
        let found = programs(&built, &tools()).unwrap();
        for (version, is_replaced) in [("0.1.0", true), ("0.3.0", false)] {
            script(&there, "claude-share", version);
            let placed = place(&paths, &found, None, &tools()).unwrap();
            assert_eq!(!placed.copied.is_empty(), is_replaced, "{version}");
        }
        script(&built, "another", "0.2.0");
        assert!(programs(&built, &tools()).is_err());
    }
}
