//! What comes next for who goes through a tree, and how far ahead that is read.
//!
//! Those who go through a tree take a directory's entries in the order in which they were listed, and what is below one
//! before the next. Where that is not so, little of what was read ahead is used, and less is read the next time.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use live::RelativePath;
use live::files::{Entry, Kind, LARGEST_TRANSFER, MOST_PLACES, Place, Root};

use super::{Ahead, Listed};

/// Files up to so many bytes are read ahead.
pub(crate) const LARGEST_SMALL: u64 = 128 << 10;
/// How much of files is read ahead at first, and at least, in bytes.
const SMALLEST_WINDOW: u64 = 64 << 10;
/// How many entries are looked at for those that come next.
const MOST_LOOKED_AT: usize = 8192;
/// How many names may be asked for, one by one, before their directories are read ahead; and the most of them, after that
/// was in vain again and again: in a directory in which names are made, its list does not stay good.
const NAMES: usize = 4;
const MOST_NAMES: usize = 4096;
/// When names are answered within this, those who ask for some here and some there do best to ask for each: a tree takes as
/// long to read as dozens of them. Whoever asks for several in one directory is taken to want more all the same.
const SOON: Duration = Duration::from_millis(1);
/// How many answers tell. The soonest does: it is the way's, and the others waited for something else, too.
const ANSWERS: usize = 8;

/// How far a walk has been noticed.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The last directory that was listed without having been read ahead.
    list: Option<RelativePath>,
    /// The last name that was asked for alone, and how many there were since directories were read ahead.
    name: Option<RelativePath>,
    names: usize,
    /// How many of them it takes, and how many have been found here since.
    names_wanted: usize,
    names_found: usize,
    /// How long the last answers took, the next to be replaced first.
    answers: [Option<Duration>; ANSWERS],
    next_answer: usize,
    /// The last file that was read without having been read ahead.
    file: Option<RelativePath>,
    /// The last file that was read ahead.
    front: Option<RelativePath>,
    /// How much is read ahead, in bytes.
    window: u64,
    /// How many files were read ahead the last time, and how many have been used since.
    batch: usize,
    pub(super) used: usize,
}

impl Ahead {
    /// The directory at `path` is to be listed and is not here: what is to be read ahead instead, itself first. Nothing for
    /// the first one: who lists one directory need not want others.
    pub(crate) fn list_missed(&mut self, root: Root, path: &RelativePath) -> Option<Vec<Place>> {
        let is_first = self.walk.list.as_ref().is_none_or(|last| last == path);
        self.walk.list = Some(path.clone());
        if is_first {
            return None;
        }
        Some(self.directory_and_after(root, path))
    }

    /// The directory at `path`, and those after it.
    fn directory_and_after(&self, root: Root, path: &RelativePath) -> Vec<Place> {
        let place = |path| Place {
            root,
            path,
            identity: None,
        };
        let mut places = vec![place(path.clone())];
        self.directories_after(path, |path| {
            places.push(place(path));
            places.len() < MOST_PLACES
        });
        places
    }

    /// A name that was asked for alone was answered after `took`.
    pub(crate) fn name_answered(&mut self, took: Duration) {
        let walk = &mut self.walk;
        walk.answers[walk.next_answer] = Some(took);
        walk.next_answer = (walk.next_answer + 1) % ANSWERS;
    }

    /// A name was found here.
    pub(crate) fn name_found(&mut self) {
        self.walk.names_found += 1;
    }

    /// The file at `path` is asked for, and its directory's list is not here: from where on directories are to
    /// be read ahead. Nothing for the first few.
    pub(crate) fn name_missed(&mut self, root: Root, path: &RelativePath) -> Option<Vec<Place>> {
        let walk = &mut self.walk;
        if walk.answers_come_soon() && !walk.name.as_ref().is_some_and(|last| is_beside(last, path))
        {
            walk.names = 0;
        }
        if walk.name.as_ref() != Some(path) {
            walk.names += 1;
        }
        walk.name = Some(path.clone());
        if walk.names < walk.names_wanted.max(NAMES) {
            return None;
        }
        walk.names_wanted = match walk.names_found >= NAMES || walk.names_wanted == 0 {
            true => NAMES,
            false => (walk.names_wanted * 2).min(MOST_NAMES),
        };
        (walk.names, walk.names_found) = (0, 0);
        // The highest that is not known: its list says where to go on later.
        let mut at = RelativePath::root();
        for name in path.split()?.0.names() {
            if self.listed(&at).is_none() {
                break;
            }
            at = at.join(name).ok()?;
        }
        let is_new = self.listed(&at).is_none() && self.coming_list(&at).is_none();
        is_new.then(|| self.directory_and_after(root, &at))
    }

    /// A small file is to be read and is not here: what is to be read instead, itself first. Nothing for the first one.
    pub(crate) fn file_missed(&mut self, file: &Place, size: u64) -> Option<Vec<Place>> {
        let path = &file.path;
        let is_first = self.walk.file.as_ref().is_none_or(|last| last == path);
        self.walk.file = Some(path.clone());
        if is_first {
            return None;
        }
        let walk = &mut self.walk;
        walk.window = match walk.used * 2 >= walk.batch {
            true => (walk.window * 2).min(LARGEST_TRANSFER.into()),
            false => walk.window / 2,
        };
        walk.window = walk.window.max(SMALLEST_WINDOW);
        let room = walk.window.saturating_sub(size);
        let mut places = vec![file.clone()];
        places.extend(self.files_after(file.root, path, room));
        Some(self.note_batch(places))
    }

    /// Something that was read ahead is used: what is to be read next, if it is time for that.
    pub(crate) fn next_files(&mut self, root: Root) -> Option<Vec<Place>> {
        let is_time =
            (self.contents_length() as u64) < self.walk.window && !self.has_files_coming();
        let front = self.walk.front.clone().filter(|_| is_time)?;
        self.walk.window = (self.walk.window * 2).min(LARGEST_TRANSFER.into());
        let places = self.files_after(root, &front, self.walk.window);
        (!places.is_empty()).then(|| self.note_batch(places))
    }

    fn note_batch(&mut self, places: Vec<Place>) -> Vec<Place> {
        self.walk.front = places.last().map(|place| place.path.clone());
        (self.walk.batch, self.walk.used) = (places.len(), 0);
        places
    }

    /// Directories whose lists are not here, in the order of a walk that is at `path`, until `take` has enough.
    fn directories_after(&self, path: &RelativePath, mut take: impl FnMut(RelativePath) -> bool) {
        let mut at = path.clone();
        while let Some((parent, name)) = at.split() {
            let listed = self.listed(&parent);
            let after = listed.map_or(&[][..], |listed| listed.after(name.as_bytes()));
            for entry in after {
                let below = below(&parent, entry);
                let Some(below) = below.filter(|_| entry.attributes.kind == Kind::Directory) else {
                    continue;
                };
                if self.listed(&below).is_none() && !take(below) {
                    return;
                }
            }
            at = parent;
        }
    }

    /// Small files, in the order of a walk that is at `path`, as far as directories are known, `room` bytes together.
    fn files_after(&self, root: Root, path: &RelativePath, mut room: u64) -> Vec<Place> {
        let mut places = Vec::new();
        let mut looked_at = 0;
        let mut at = path.clone();
        while let Some((parent, name)) = at.split() {
            let mut next: Vec<(RelativePath, &[Entry])> = Vec::new();
            if let Some(listed) = self.listed(&parent) {
                next.push((parent.clone(), listed.after(name.as_bytes())));
            }
            while let Some((directory, entries)) = next.pop() {
                let Some((entry, rest)) = entries.split_first() else {
                    continue;
                };
                next.push((directory.clone(), rest));
                looked_at += 1;
                if looked_at > MOST_LOOKED_AT || places.len() >= MOST_PLACES {
                    return places;
                }
                let Some(path) = below(&directory, entry) else {
                    continue;
                };
                let size = entry.attributes.size;
                match entry.attributes.kind {
                    Kind::Directory => next.extend(self.entries(path)),
                    Kind::File
                        if (1..=LARGEST_SMALL).contains(&size) && self.kept(&path).is_none() =>
                    {
                        let Some(less) = room.checked_sub(size) else {
                            return places;
                        };
                        room = less;
                        let identity = Some(entry.attributes.identity);
                        places.push(Place {
                            root,
                            path,
                            identity,
                        });
                    }
                    _ => {}
                }
            }
            at = parent;
        }
        places
    }

    fn entries(&self, path: RelativePath) -> Option<(RelativePath, &[Entry])> {
        let listed: &Listed = self.listed(&path)?;
        Some((path, &listed.entries))
    }
}

impl Walk {
    fn answers_come_soon(&self) -> bool {
        let soonest = self.answers.iter().flatten().min();
        soonest.is_some_and(|soonest| *soonest < SOON)
    }
}

/// Whether both are in one directory.
fn is_beside(one: &RelativePath, other: &RelativePath) -> bool {
    let directory = |path: &RelativePath| path.split().map(|(parent, _)| parent);
    directory(one) == directory(other)
}

fn below(directory: &RelativePath, entry: &Entry) -> Option<RelativePath> {
    directory.join(OsStr::from_bytes(&entry.name)).ok()
}
