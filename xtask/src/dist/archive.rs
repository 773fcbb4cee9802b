//! The archive and the sums, the same bytes for the same contents.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Options;
use super::staging::Staging;
use crate::Result;
use crate::process::must;
use crate::workspace::Workspace;

/// The file in the archive with the sums of all others.
const SUMS: &str = "SHA256SUMS";

/// The time of every file where nothing says another: the first that all archives can hold, 1980.
const EARLIEST: &str = "315532800";

/// Writes the sums into `staging`, packs it, and returns the archive and the file with its own sum.
pub(super) fn write(
    workspace: &Workspace,
    staging: &Staging,
    options: Options,
) -> Result<Vec<PathBuf>> {
    sum_files(&staging.root())?;
    let archive = staging.directory.join(format!("{}.tar.gz", staging.name));
    let level = if options.debug { "-1" } else { "-9" };
    pack(staging, &epoch(workspace), level, &archive)?;
    let name = format!("{}.tar.gz", staging.name);
    let line = must(
        Command::new("sha256sum")
            .arg(&name)
            .current_dir(&staging.directory),
    )?;
    let sum = staging.directory.join(format!("{name}.sha256"));
    std::fs::write(&sum, line)?;
    Ok(vec![archive, sum])
}

/// Seconds since 1970 that every file in the archive is given.
pub(super) fn epoch(workspace: &Workspace) -> String {
    let told = std::env::var("SOURCE_DATE_EPOCH").ok();
    told.or_else(|| last_commit(workspace))
        .unwrap_or_else(|| EARLIEST.to_owned())
}

fn last_commit(workspace: &Workspace) -> Option<String> {
    if !workspace.root.join(".git").exists() {
        return None;
    }
    let mut git = workspace.command("git", &["log", "-1", "--format=%ct"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let time = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!time.is_empty()).then_some(time)
}

/// Writes [`SUMS`] as sha256sum does, in the order of the names.
fn sum_files(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort();
    let sums = must(Command::new("sha256sum").args(&files).current_dir(root))?;
    Ok(std::fs::write(root.join(SUMS), sums)?)
}

/// The files below `directory`, as seen from `root`.
pub(super) fn collect(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}

/// Order, owners, modes and times are fixed; gzip keeps neither name nor time.
fn pack(staging: &Staging, epoch: &str, level: &str, archive: &Path) -> Result<()> {
    let mut tar = Command::new("tar")
        .args([
            "--create",
            "--format=gnu",
            "--sort=name",
            "--mode=u=rwX,go=rX",
        ])
        .args(["--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{epoch}"))
        .arg(&staging.name)
        .current_dir(&staging.directory)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("tar: {error}"))?;
    let output = tar.stdout.take().ok_or("tar has no output")?;
    let packed = Command::new("gzip")
        .args(["-n", level])
        .stdin(output)
        .stdout(File::create(archive)?)
        .status()
        .map_err(|error| format!("gzip: {error}"))?;
    if tar.wait()?.success() && packed.success() {
        return Ok(());
    }
    Err(format!("{} could not be packed", archive.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    /// A directory with files that were written in the given order, `age` ago, with `mode`.
    fn staging(directory: &Path, files: [&str; 2], age: Duration, mode: u32) -> Staging {
        let staging = Staging {
            directory: directory.to_owned(),
            name: "it".to_owned(),
        };
        std::fs::create_dir_all(staging.root()).unwrap();
        for name in files {
            let path = staging.root().join(name);
            std::fs::write(&path, name).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let file = File::open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        staging
    }

    #[test]
    fn the_same_contents_are_the_same_bytes() {
        let directory = std::env::temp_dir().join(format!("xtask-pack-{}", std::process::id()));
        let (one, two) = (directory.join("one"), directory.join("two"));
        let first = staging(&one, ["a", "b"], Duration::ZERO, 0o600);
        let second = staging(&two, ["b", "a"], Duration::from_secs(86_400), 0o664);
        let packed = [&first, &second].map(|staging| {
            let archive = staging.directory.join("it.tar.gz");
            sum_files(&staging.root()).unwrap();
            pack(staging, "1700000000", "-1", &archive).unwrap();
            std::fs::read(archive).unwrap()
        });
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(packed[0] == packed[1], "the archives differ");
    }
}
