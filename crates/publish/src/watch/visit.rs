//! Looks at what a name is now, and watches it if it is a directory.
//!
//! A directory is watched before it is read: what changes afterwards makes an event, what was there before is read.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use live::RelativePath;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, StatxFlags, openat, statx};
use rustix::io::Errno;

use super::directories::Watch;
use super::follow::Tree;
use super::local::is_local;
use crate::mounts::mount_of;
use crate::stat::{Stat, fstat, statat};

/// How many names of new directories are told one by one: where there are more, that anything is there is told instead.
const MOST_MARKS: usize = 4096;

/// What becomes of the names in a directory that is visited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// They are told, unless the directory was known to be there.
    IfNew,
    /// They are told, and those below them.
    Told,
    /// Those are told that have changed while events were lost.
    IfChanged,
    /// They are only visited.
    Untold,
}

/// Where to look.
pub(super) struct Visit {
    /// `None`: at the published directory itself.
    place: Option<(Watch, OsString)>,
    contents: Contents,
}

impl Visit {
    pub(super) fn to(parent: Watch, name: &OsStr, contents: Contents) -> Self {
        Self {
            place: Some((parent, name.to_owned())),
            contents,
        }
    }

    pub(super) fn to_root(contents: Contents) -> Self {
        Self {
            place: None,
            contents,
        }
    }
}

/// Why not everything is told.
#[derive(Clone, Copy, Default)]
pub(super) struct Lacking {
    /// There are no more watches to be had.
    watches: bool,
    /// A directory cannot be read, or was found in two places.
    sight: bool,
    /// Others write to a file system.
    locality: bool,
}

impl Lacking {
    pub(super) fn any(self) -> bool {
        self.locality || self.may_pass()
    }

    /// It is worthwhile to try again.
    pub(super) fn may_pass(self) -> bool {
        self.watches || self.sight
    }
}

/// A directory that has been found.
struct Found {
    path: RelativePath,
    descriptor: OwnedFd,
    stat: Stat,
}

impl Tree {
    /// Looks there, watches what is found, and puts on the list what is to be visited next.
    pub(super) fn visit(&mut self, visit: &Visit) {
        let Some(path) = self.path_of(visit) else {
            return;
        };
        let Some(found) = self.find(path) else {
            return self.clear(visit);
        };
        self.check_locality(&found);
        let directories = &self.directories;
        let added = self
            .inotify
            .add(&found.descriptor, |watch| directories.contains(watch));
        let watch = match added {
            Ok(watch) => watch,
            Err(errno) => {
                self.note(errno, &found);
                return self.clear(visit);
            }
        };
        let is_new = !self.directories.contains(watch);
        let Some((parent, name)) = &visit.place else {
            self.directories.set_root(watch);
            self.read(watch, &found, visit.contents);
            return;
        };
        if self.directories.child(*parent, name) == Some(watch) {
            if visit.contents != Contents::IfNew {
                self.read_in_place(watch, &found, visit.contents);
            }
            return;
        }
        if !is_new && self.is_elsewhere_too(watch, *parent, &found) {
            return self.clear(visit);
        }
        self.place(watch, *parent, name, &found.path);
        let contents = match visit.contents {
            Contents::Untold => Contents::Untold,
            // It may have been moved here, so that the times of what is in it tell nothing.
            Contents::IfChanged if is_new => Contents::Told,
            Contents::IfChanged => Contents::IfChanged,
            Contents::IfNew | Contents::Told => self.told_contents(&found),
        };
        let has_names = self.read(watch, &found, contents);
        if is_new && visit.contents != Contents::Untold && (has_names || has_been_used(&found)) {
            self.unsettle(&found.path);
        }
    }

    pub(super) fn path_of(&self, visit: &Visit) -> Option<RelativePath> {
        match &visit.place {
            None => Some(RelativePath::root()),
            // Fails where the directory has lost its place, or the path is too long to be asked for.
            Some((parent, name)) => self.directories.path(*parent)?.join(name).ok(),
        }
    }

    /// `None` if there is no directory, or none that the service would look into.
    fn find(&mut self, path: RelativePath) -> Option<Found> {
        match self
            .published
            .find(&path)
            .and_then(|found| Ok((fstat(&found)?, found)))
        {
            Ok((stat, descriptor)) => {
                let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                is_directory.then_some(Found {
                    path,
                    descriptor,
                    stat,
                })
            }
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(_) => {
                self.lacking.sight = true;
                None
            }
        }
    }

    fn check_locality(&mut self, found: &Found) {
        let known = self.is_local.entry(found.stat.st_dev);
        let is_local = *known.or_insert_with(|| is_local(&found.descriptor).unwrap_or(false));
        self.lacking.locality |= !is_local;
    }

    /// Why a directory could not be watched.
    fn note(&mut self, errno: Errno, found: &Found) {
        match errno {
            // Nobody can look at what is in a directory that may be neither read nor searched.
            Errno::ACCESS if statat(&found.descriptor, c".", AtFlags::empty()).is_err() => {}
            Errno::NOSPC | Errno::NOMEM => self.lacking.watches = true,
            _ => self.lacking.sight = true,
        }
    }

    /// Nothing that is watched is there.
    fn clear(&mut self, visit: &Visit) {
        let Some((parent, name)) = &visit.place else {
            return;
        };
        if self.directories.take(*parent, name) {
            self.await_strays();
            if let Some(path) = self.path_of(visit) {
                self.mark_gone(path);
            }
        }
    }

    /// Whether a watched directory is still where it was: there are events to come that tell where it is at last, or a bind
    /// mount shows it in two places, or within itself. Only the latter is lacking: within one mount it has one place.
    fn is_elsewhere_too(&mut self, watch: Watch, parent: Watch, found: &Found) -> bool {
        let is_above = self.directories.is_above(watch, parent);
        let Some(known) = self.directories.path(watch) else {
            return is_above;
        };
        let Ok((there, stat)) = self.published.find(&known).and_then(|there| {
            let stat = fstat(&there)?;
            Ok((there, stat))
        }) else {
            return is_above;
        };
        let is_same = (stat.st_dev, stat.st_ino) == (found.stat.st_dev, found.stat.st_ino);
        let mounts = (mount_of(&there), mount_of(&found.descriptor));
        self.lacking.sight |= is_same && mounts.0 != mounts.1;
        is_same || is_above
    }

    /// It is there now, and neither where it was nor is what was there.
    fn place(&mut self, watch: Watch, parent: Watch, name: &OsStr, path: &RelativePath) {
        if let Some(before) = self.directories.path(watch) {
            self.mark_gone(before);
        }
        if self.directories.take(parent, name) {
            self.mark_gone(path.clone());
        }
        self.directories.put(watch, parent, name);
        self.await_strays();
    }

    fn told_contents(&mut self, found: &Found) -> Contents {
        if self.visit_marks > MOST_MARKS {
            self.unsettle(&found.path);
            return Contents::Untold;
        }
        Contents::Told
    }

    /// One that has been moved with a directory above it, or is visited for what may be new below it.
    fn read_in_place(&mut self, watch: Watch, found: &Found, contents: Contents) {
        let contents = match contents {
            Contents::Told => self.told_contents(found),
            Contents::IfNew | Contents::IfChanged | Contents::Untold => contents,
        };
        self.read(watch, found, contents);
    }

    /// Whether there is any name in it.
    fn read(&mut self, watch: Watch, found: &Found, contents: Contents) -> bool {
        let mut has_names = false;
        let names = match open_to_read(&found.descriptor) {
            Ok(names) => names,
            // It has been removed meanwhile.
            Err(Errno::NOENT) => return has_names,
            Err(_) => {
                self.lacking.sight = true;
                return has_names;
            }
        };
        let mut missing: HashSet<OsString> = self.directories.children(watch).into_iter().collect();
        for entry in names {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::NOENT) => return has_names,
                Err(_) => {
                    self.lacking.sight = true;
                    return has_names;
                }
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            has_names = true;
            self.take_name(found, name, contents);
            if is_directory(&found.descriptor, name, entry.file_type()) {
                missing.remove(name);
                self.unvisited.push_back(Visit::to(watch, name, contents));
            }
        }
        for name in missing {
            self.clear(&Visit::to(watch, &name, contents));
        }
        has_names
    }
}

impl Tree {
    /// What becomes of a name in a directory that is visited.
    fn take_name(&mut self, found: &Found, name: &OsStr, contents: Contents) {
        let is_told = match contents {
            Contents::Told => true,
            Contents::IfChanged => self.may_have_changed(&found.descriptor, name),
            Contents::IfNew | Contents::Untold => false,
        };
        if is_told && let Ok(path) = found.path.join(name) {
            self.visit_marks += usize::from(contents == Contents::Told);
            self.mark(path);
        }
    }
}

fn open_to_read(directory: &OwnedFd) -> Result<Dir, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Dir::new(openat(directory, c".", flags, Mode::empty())?)
}

fn is_directory(parent: &OwnedFd, name: &OsStr, told: FileType) -> bool {
    let kind = match told {
        // Some file systems do not tell.
        FileType::Unknown => statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(told, |stat| FileType::from_raw_mode(stat.st_mode)),
        told => told,
    };
    kind == FileType::Directory
}

/// Whether a directory may have had other names in it since it was made. Where the file system tells times only as exactly
/// as the kernel's clock ticks, one that came and went within the first tick is not seen.
fn has_been_used(found: &Found) -> bool {
    let asked = StatxFlags::BTIME | StatxFlags::MTIME;
    match statx(&found.descriptor, c"", AtFlags::EMPTY_PATH, asked) {
        Ok(told) if StatxFlags::from_bits_retain(told.stx_mask).contains(asked) => {
            let (made, modified) = (told.stx_btime, told.stx_mtime);
            (made.tv_sec, made.tv_nsec) != (modified.tv_sec, modified.tv_nsec)
        }
        _ => true,
    }
}
