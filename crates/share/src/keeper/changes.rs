//! What has changed in the homes, and in our own files.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::home::{Watch, WatchedDirectory};

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Something that is shared, in this user's home.
    Home(String),
    /// Something else there: of interest only if there is too much of it.
    Noise(String),
    /// A directory there is another one by now: it has to be watched anew.
    Moved(String),
    /// What was set up.
    State,
    /// The vault.
    Vault,
    /// The system's users or groups.
    Users,
    /// The shared credential file of `link` mode.
    SharedCredentials,
    /// Events were lost: anything may have changed.
    Anything,
}

/// What is watched besides homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Data,
    Vault,
    System,
    SharedClaude,
}

enum Watched {
    Home(String, WatchedDirectory),
    Place(Place),
}

pub(super) struct Changes {
    descriptor: OwnedFd,
    watched: BTreeMap<i32, Watched>,
    /// How often something happened where nobody is known to be watched: a worker has set the watch,
    /// and has not told yet.
    unclaimed: BTreeMap<i32, u32>,
}

/// Most events that are taken at once: as many as the system keeps, so that users who make them
/// faster than they are taken do not keep the keeper from everything else.
const MOST_EVENTS: usize = 16_384;

/// A watch with so many events that nobody has claimed is taken away: its worker has been killed or
/// stopped.
const MOST_UNCLAIMED: u32 = 4_096;

impl Changes {
    pub(super) fn new() -> io::Result<Self> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        Ok(Self {
            descriptor: inotify::init(flags)?,
            watched: BTreeMap::new(),
            unclaimed: BTreeMap::new(),
        })
    }

    /// Watches a directory of root's. One that cannot be watched is looked at now and then.
    pub(super) fn watch(&mut self, place: Place, directory: &Path) {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        if let Ok(number) = inotify::add_watch(&self.descriptor, directory, flags) {
            self.watched.insert(number, Watched::Place(place));
        }
    }

    /// Notes the watches that a worker has set for a user; `true` if something has happened there
    /// meanwhile.
    pub(super) fn note(&mut self, user: &str, watches: &[Watch]) -> bool {
        let mut has_changed = false;
        for watch in watches {
            let count = self.unclaimed.remove(&watch.number).unwrap_or(0);
            has_changed |= count > 0;
            if count < MOST_UNCLAIMED {
                let home = Watched::Home(user.to_owned(), watch.directory);
                self.watched.insert(watch.number, home);
            }
        }
        has_changed
    }

    fn note_unclaimed(&mut self, number: i32) {
        if self.unclaimed.len() >= MOST_UNCLAIMED as usize {
            self.unclaimed.clear();
        }
        let count = self.unclaimed.entry(number).or_default();
        *count = count.saturating_add(1);
        if *count == MOST_UNCLAIMED {
            inotify::remove_watch(&self.descriptor, number).unwrap_or_default();
        }
    }

    /// How many of a user's two directories are watched.
    pub(super) fn count(&self, user: &str) -> usize {
        let of_user =
            |watched: &&Watched| matches!(watched, Watched::Home(owner, _) if owner == user);
        self.watched.values().filter(of_user).count()
    }

    /// Watches a user no more.
    pub(super) fn forget(&mut self, user: &str) {
        let descriptor = &self.descriptor;
        self.watched.retain(|number, watched| {
            let gone = matches!(watched, Watched::Home(owner, _) if owner == user);
            if gone {
                // Gone already if the directory is.
                inotify::remove_watch(descriptor, *number).unwrap_or_default();
            }
            !gone
        });
    }

    /// All that has happened since it was last asked.
    pub(super) fn drain(&mut self) -> Vec<Change> {
        let mut buffer = [MaybeUninit::uninit(); 64 * 1024];
        let mut reader = inotify::Reader::new(&self.descriptor, &mut buffer);
        let mut changes: Vec<Change> = Vec::new();
        let (mut gone, mut unclaimed) = (Vec::new(), Vec::new());
        let mut count = 0;
        while count < MOST_EVENTS || !reader.is_buffer_empty() {
            let Ok(event) = reader.next() else {
                break;
            };
            count += 1;
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.push(Change::Anything);
                continue;
            }
            let Some(watched) = self.watched.get(&event.wd()) else {
                if !event.events().contains(ReadFlags::IGNORED) {
                    unclaimed.push(event.wd());
                }
                continue;
            };
            if event.events().contains(ReadFlags::IGNORED) {
                gone.push(event.wd());
            }
            let name = event.file_name().map(CStr::to_bytes);
            let change = change(watched, name, event.events());
            if changes.last() != change.as_ref() || matches!(change, Some(Change::Noise(_))) {
                changes.extend(change);
            }
        }
        for number in gone {
            self.watched.remove(&number);
        }
        for number in unclaimed {
            self.note_unclaimed(number);
        }
        changes
    }
}

fn change(watched: &Watched, name: Option<&[u8]>, events: ReadFlags) -> Option<Change> {
    let moved =
        ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT;
    match (watched, name) {
        (Watched::Home(user, _), _) if events.intersects(moved) => {
            Some(Change::Moved(user.clone()))
        }
        (Watched::Home(user, WatchedDirectory::Home), Some(b".claude"))
            if events.intersects(
                ReadFlags::CREATE | ReadFlags::MOVED_TO | ReadFlags::DELETE | ReadFlags::MOVED_FROM,
            ) =>
        {
            Some(Change::Moved(user.clone()))
        }
        (Watched::Home(user, directory), Some(name)) if is_shared(*directory, name) => {
            Some(Change::Home(user.clone()))
        }
        (Watched::Home(user, _), None) => Some(Change::Home(user.clone())),
        (Watched::Home(user, _), Some(_)) => Some(Change::Noise(user.clone())),
        (Watched::Place(Place::Data), Some(b"state.json")) => Some(Change::State),
        (Watched::Place(Place::Vault), Some(_)) => Some(Change::Vault),
        (Watched::Place(Place::System), Some(b"passwd" | b"group")) => Some(Change::Users),
        (Watched::Place(Place::SharedClaude), Some(b".credentials.json")) => {
            Some(Change::SharedCredentials)
        }
        (Watched::Place(_), _) => None,
    }
}

fn is_shared(directory: WatchedDirectory, name: &[u8]) -> bool {
    match directory {
        WatchedDirectory::Home => matches!(name, b".claude.json" | b".claude"),
        WatchedDirectory::Claude => matches!(
            name,
            b".credentials.json" | b"settings.json" | b"settings.local.json"
        ),
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
