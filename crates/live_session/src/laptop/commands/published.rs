//! The published directories, as commands have to do with them.

use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use live::files::Root;
use proxy::{Pair, Paths};

/// How many links one may come through: as many as the kernel follows.
const MOST_LINKS: usize = 40;

/// A published directory.
#[derive(Clone, Debug)]
pub(in crate::laptop) struct Published {
    pub(in crate::laptop) root: Root,
    /// On the laptop.
    pub(in crate::laptop) directory: PathBuf,
    pub(in crate::laptop) read_only: bool,
    /// Where it is on the server, if it is mounted there. The server's word.
    pub(in crate::laptop) mounted: Option<PathBuf>,
}

/// All of them, resolved.
pub(super) struct Directories(Vec<Published>);

impl Directories {
    /// Blocks.
    pub(super) fn resolve(mut published: Vec<Published>) -> Self {
        for one in &mut published {
            // What is gone is nowhere.
            if let Ok(directory) = fs::canonicalize(&one.directory) {
                one.directory = directory;
            }
        }
        Self(published)
    }

    /// Whether `directory`, which is resolved, is one of these, in one, or has one in it.
    pub(super) fn touch(&self, directory: &Path) -> bool {
        let mut all = self.0.iter().map(|one| &one.directory);
        all.any(|one| directory.starts_with(one) || one.starts_with(directory))
    }

    /// Whether the way to `path`, which is absolute, leads through one of these, or by any link into one: then the server may
    /// lead it elsewhere. Blocks.
    pub(super) fn are_on_the_way(&self, path: &Path) -> bool {
        let mut at = PathBuf::new();
        let mut left: Vec<PathBuf> = names(path);
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == Path::new("..") {
                at.pop();
                continue;
            }
            let next = at.join(name);
            if self.0.iter().any(|one| next.starts_with(&one.directory)) {
                return true;
            }
            match fs::read_link(&next) {
                Ok(_) if links == MOST_LINKS => return true,
                Ok(target) => {
                    links += 1;
                    left.extend(names(&target));
                }
                // No link.
                Err(_) => at = next,
            }
        }
        false
    }

    /// Those that may be written, as bytes.
    pub(super) fn writable(&self) -> Vec<live::Bytes> {
        let writable = self.0.iter().filter(|one| !one.read_only);
        let bytes = writable.map(|one| one.directory.clone().into_os_string().into_vec());
        bytes.map(live::Bytes::from).collect()
    }

    /// What their paths are on each end.
    pub(super) fn paths(&self) -> Paths {
        Paths::new(self.0.iter().filter_map(Published::pair).collect())
    }
}

/// Of a path, the last first.
fn names(path: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = path
        .components()
        .map(|name| name.as_os_str().into())
        .collect();
    names.reverse();
    names
}

impl Published {
    fn pair(&self) -> Option<Pair> {
        let server = self.mounted.as_ref()?.as_os_str().as_bytes();
        let end = server.iter().rposition(|byte| *byte != b'/')? + 1;
        let server = server[..end].to_vec();
        server.starts_with(b"/").then(|| Pair {
            laptop: self.directory.as_os_str().as_bytes().to_vec(),
            server,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(all: &[(&str, Option<&str>)]) -> Directories {
        let published = all
            .iter()
            .enumerate()
            .map(|(number, (directory, mounted))| Published {
                root: Root(u32::try_from(number).unwrap()),
                directory: directory.into(),
                read_only: number == 0,
                mounted: mounted.map(PathBuf::from),
            });
        Directories::resolve(published.collect())
    }

    #[test]
    fn what_is_in_one_or_has_one_in_it_is_found() {
        let directories = directories(&[("/nowhere/a", None), ("/nowhere/b/c", None)]);
        for path in [
            "/",
            "/nowhere",
            "/nowhere/a",
            "/nowhere/a/bin",
            "/nowhere/b",
        ] {
            assert!(directories.touch(Path::new(path)), "{path}");
        }
        for path in ["/nowhere/ab", "/nowhere/b/d", "/usr/bin"] {
            assert!(!directories.touch(Path::new(path)), "{path}");
        }
        assert_eq!(directories.writable(), [&b"/nowhere/b/c"[..]]);
    }

    #[test]
    fn only_what_is_mounted_at_a_path_has_two_names() {
        let directories = directories(&[
            ("/nowhere/a", Some("/mnt/a//")),
            ("/nowhere/b", None),
            ("/nowhere/c", Some("/")),
            ("/nowhere/d", Some("")),
            ("/nowhere/e", Some("mnt/e")),
        ]);
        let pair = Pair {
            laptop: b"/nowhere/a".to_vec(),
            server: b"/mnt/a".to_vec(),
        };
        assert_eq!(directories.paths().pairs(), [pair]);
    }
}
