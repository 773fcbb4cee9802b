//! Where a command's program is.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use live::files::Root;
use proxy::Name;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::published::{Directories, Published};

/// The program that runs on the laptop as `name`, where these directories are published. `path` is what `PATH` is for its
/// commands. Blocks.
#[must_use]
pub fn find_program(name: &Name, path: &OsStr, published: &[&Path]) -> Option<PathBuf> {
    let published = published.iter().map(|directory| Published {
        root: Root(0),
        directory: directory.to_path_buf(),
        read_only: true,
        mounted: None,
    });
    find(name, path, &Directories::resolve(published.collect()))
}

/// The file of the first directory of `PATH` that has one of this name which can be executed. Directories that are not
/// absolute do not count, and none that the server can put files into, nor a file that it can change. Blocks.
pub(super) fn find(name: &Name, path: &OsStr, published: &Directories) -> Option<PathBuf> {
    let directories = path.as_bytes().split(|byte| *byte == b':');
    let directories = directories.map(|bytes| Path::new(OsStr::from_bytes(bytes)));
    let mut found = directories
        .filter(|directory| directory.is_absolute())
        .map(|directory| (directory, directory.join(name.as_str())))
        .filter(|(_, file)| is_executable(file));
    let is_own = |directory: &Path| {
        let resolved = fs::canonicalize(directory);
        resolved.is_ok_and(|directory| !published.touch(&directory))
    };
    let (_, file) =
        found.find(|(directory, file)| is_own(directory) && !published.are_on_the_way(file))?;
    Some(file)
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file())
        && accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_program_is_found_where_only_the_laptop_puts_any() {
        let home = tempfile::tempdir().unwrap();
        let directory = |name: &str, mode: Option<u32>| {
            let directory = home.path().join(name);
            fs::create_dir_all(&directory).unwrap();
            if let Some(mode) = mode {
                let file = directory.join("npm");
                fs::File::create(&file).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            }
            directory
        };
        let project = directory("project", Some(0o755));
        let inside = directory("project/bin", Some(0o755));
        let plain = directory("plain", Some(0o644));
        let of_directories = directory("of_directories", None);
        fs::create_dir(of_directories.join("npm")).unwrap();
        let link = home.path().join("link");
        symlink(&inside, &link).unwrap();
        let to_directory = |name: &str, target: &Path| {
            let directory = directory(name, None);
            symlink(target, directory.join("npm")).unwrap();
            directory
        };
        // What `npm link` makes, also where what it leads to leads out again: the server can lead that elsewhere.
        let linked = to_directory("linked", &link.join("npm"));
        let twice = to_directory("twice", Path::new("../linked/npm"));
        symlink("/bin/sh", project.join("out")).unwrap();
        let out = to_directory("out", Path::new("../project/out"));
        let round = to_directory("round", Path::new("npm"));
        symlink("/bin", project.join("directory")).unwrap();
        let through = to_directory("through", Path::new("../project/directory/sh"));
        let good = directory("good", Some(0o755));
        let own = to_directory("own", &good.join("npm"));
        let published = Directories::resolve(vec![Published {
            root: Root(1),
            directory: project.clone(),
            read_only: true,
            mounted: None,
        }]);
        let name = Name::new("npm").unwrap();
        let search = |directories: &[&Path]| {
            let words: Vec<_> = directories.iter().map(|path| path.as_os_str()).collect();
            find(&name, &words.join(OsStr::new(":")), &published)
        };
        let bad = [
            Path::new(""),
            Path::new("."),
            Path::new("good"),
            &project,
            &inside,
            &plain,
            &of_directories,
            &link,
            &linked,
            &twice,
            &out,
            &round,
            &through,
        ];
        assert_eq!(search(&bad), None);
        let all: Vec<&Path> = bad.into_iter().chain([good.as_path()]).collect();
        assert_eq!(search(&all), Some(good.join("npm")));
        // A link between places of the laptop's own is as good.
        assert_eq!(search(&[&own]), Some(own.join("npm")));
    }
}
