//! The thread that does in the mount what the laptop has done, so that the kernel tells whoever watches.
//!
//! What it asks for is known by its thread's number and by what it is doing at the time, and is answered on the spot: see
//! `filesystem::replayed`. Whatever else it might ask for that changes something is refused. It follows no link and
//! leaves the mount nowhere: what it does elsewhere would be done. It holds nothing that an answer needs, and the mount
//! open only while it has something to do.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::{io, iter};

use live::files::{Attributes, Kind};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;

use super::{Event, Known, Name, Queue, What};
use crate::nodes::NodeId;
use crate::pending::Waiter;
use crate::shared::Shared;

/// Nowhere but below the directory that is named, in the same mount, and through no link.
const CONFINED: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_XDEV)
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// How often it is looked for what is in doubt while more is told all the time.
const LOOKS: usize = 8;

/// What is to be replayed, and what is at the moment.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    state: Mutex<State>,
    ready: Condvar,
    /// The number of the thread; 0 if there is none.
    thread: AtomicU32,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    doing: Option<Event>,
    is_running: bool,
}

/// Where the mount is, and the number by which the kernel calls it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) number: u32,
}

impl Replay {
    /// Has these replayed, if there is a thread for it. Does not wait.
    pub(crate) fn add(&self, events: Vec<Event>) {
        let mut state = self.lock();
        if state.is_running {
            events.into_iter().for_each(|event| state.queue.push(event));
            self.ready.notify_all();
        }
    }

    /// Nothing is to be replayed any more.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.is_running = false;
        state.queue.clear();
        self.ready.notify_all();
    }

    /// `None`: that is not the thread. Otherwise what it is doing.
    pub(crate) fn doing(&self, waiter: Waiter) -> Option<Option<Event>> {
        let thread = self.thread.load(Ordering::Acquire);
        (thread != 0 && thread == waiter.0).then(|| self.lock().doing.clone())
    }

    /// The next one. Waits for it if `is_to_wait`.
    fn next(&self, is_to_wait: bool) -> Option<Event> {
        let mut state = self.lock();
        loop {
            let next = state.queue.pop();
            if next.is_some() || !is_to_wait || !state.is_running {
                return next;
            }
            state = self
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread. It ends when [`Replay::end`] is called.
///
/// # Errors
/// If there can be no thread more.
pub(crate) fn start(shared: Arc<Shared>, place: Place) -> io::Result<JoinHandle<()>> {
    shared.replay.lock().is_running = true;
    let thread = thread::Builder::new().name("mount-events".to_owned());
    thread.spawn(move || {
        let replay = &shared.replay;
        let number = rustix::thread::gettid().as_raw_nonzero().get();
        replay
            .thread
            .store(number.unsigned_abs(), Ordering::Release);
        while let Some(event) = replay.next(true) {
            let root = open_root(&place);
            for event in iter::once(event).chain(iter::from_fn(|| replay.next(false))) {
                // What cannot be done, nobody is told of: the name is elsewhere by now, or the user may not do it.
                if let Ok(root) = &root {
                    let shared = &shared;
                    Doer { shared, root }.replay(event).ok();
                }
            }
        }
        replay.thread.store(0, Ordering::Release);
    })
}

/// The mount itself, and nothing else that is there now.
pub(crate) fn open_root(place: &Place) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = rustix::fs::open(&place.directory, flags, Mode::empty())?;
    // Without asking: it might be somebody else's, or wait for the laptop.
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = rustix::fs::statx(&root, "", flags, StatxFlags::empty())?;
    match (found.stx_dev_major, found.stx_dev_minor) == (0, place.number) {
        true => Ok(root),
        false => Err(Errno::XDEV),
    }
}

/// Does it once more.
struct Doer<'a> {
    shared: &'a Arc<Shared>,
    root: &'a OwnedFd,
}

impl Doer<'_> {
    fn replay(&self, event: Event) -> Result<(), Errno> {
        if let What::ToldGone { removals } = event.what {
            let (parent, name) = &event.name;
            let own = &mut self.shared.table().nodes.own;
            own.told_gone(*parent, name, removals);
            return Ok(());
        }
        if event.is_own(&self.shared.table().nodes) {
            return Ok(());
        }
        let directory = self.directory(event.name.0)?;
        match event.what {
            What::Removed(known) => self.make_sure(directory.as_fd(), &event.name, known)?,
            What::Doubted(known) => return self.look_again(directory.as_fd(), event, &known),
            _ => {}
        }
        let from = match &event.what {
            What::Moved { from, .. } => Some((self.directory(from.0)?, from.1.clone())),
            _ => None,
        };
        if let (
            What::Moved {
                from: name, moved, ..
            },
            Some((directory, _)),
        ) = (&event.what, &from)
        {
            self.make_sure(directory.as_fd(), name, Some(*moved))?;
        }
        if !event.is_news(&self.shared.table().nodes) {
            return Ok(());
        }
        let replay = &self.shared.replay;
        replay.lock().doing = Some(event.clone());
        let done = self.act(directory.as_fd(), from, &event);
        replay.lock().doing = None;
        match &event.what {
            What::Made { attributes, .. } if done.is_ok() => self.fill(event.name, attributes),
            _ => done,
        }
    }

    /// Tells what has become of what was known there.
    fn look_again(
        &self,
        directory: BorrowedFd<'_>,
        event: Event,
        known: &Known,
    ) -> Result<(), Errno> {
        match known.became(self.settled(directory, &event.name)?) {
            None => Ok(()),
            Some(what) => self.replay(Event { what, ..event }),
        }
    }

    /// What the laptop has there, as nothing else was told meanwhile.
    fn settled(
        &self,
        directory: BorrowedFd<'_>,
        name: &Name,
    ) -> Result<Option<(NodeId, Attributes)>, Errno> {
        let found = iter::repeat_with(|| self.found(directory, name));
        let is_settled = |found: &Result<_, _>| !matches!(found, Err(Errno::STALE));
        let found = found.take(LOOKS).find(is_settled);
        found.unwrap_or(Err(Errno::STALE))
    }

    /// What the laptop has there when it is asked now; `STALE` if something was told meanwhile.
    fn found(
        &self,
        directory: BorrowedFd<'_>,
        (parent, name): &Name,
    ) -> Result<Option<(NodeId, Attributes)>, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_FORCE_SYNC;
        match rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS) {
            told @ (Ok(_) | Err(Errno::NOENT)) => self.known(*parent, name, told.is_ok()),
            Err(error) => Err(error),
        }
    }

    /// What is known by now of a name that was, or was not, there.
    fn known(
        &self,
        parent: NodeId,
        name: &OsStr,
        is_there: bool,
    ) -> Result<Option<(NodeId, Attributes)>, Errno> {
        let nodes = &self.shared.table().nodes;
        match (nodes.child(parent, name), is_there) {
            (None, false) => Ok(None),
            (Some(id), true) => Ok(Some((id, *nodes.known(id).ok_or(Errno::STALE)?))),
            (None, true) | (Some(_), false) => Err(Errno::STALE),
        }
    }

    /// That a name is gone may have been told of the time before it was made from here: finds out. What was changed from here is
    /// being looked at, and that is over when more is asked.
    fn make_sure(
        &self,
        directory: BorrowedFd<'_>,
        name: &Name,
        known: Option<Known>,
    ) -> Result<(), Errno> {
        let is_own = {
            let nodes = &self.shared.table().nodes;
            let is_unseen = known.is_some_and(|known| nodes.is_unseen(known.id));
            nodes.own.may_be_made(name.0, &name.1) || is_unseen
        };
        match is_own {
            true => self.settled(directory, name).map(drop),
            false => Ok(()),
        }
    }

    /// What was made has contents, too.
    fn fill(&self, name: Name, attributes: &Attributes) -> Result<(), Errno> {
        if attributes.kind != Kind::File || attributes.size == 0 {
            return Ok(());
        }
        let id = self.shared.table().nodes.by_identity(attributes);
        let what = What::Contents(id.ok_or(Errno::NOENT)?);
        self.replay(Event { name, what })
    }

    /// Opens the directory that is `id`.
    fn directory(&self, id: NodeId) -> Result<OwnedFd, Errno> {
        let path = self.shared.table().nodes.path(id).ok_or(Errno::NOENT)?;
        let path = match path.is_root() {
            true => Path::new("."),
            false => Path::new(OsStr::from_bytes(path.as_bytes())),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat2(self.root, path, flags, Mode::empty(), CONFINED)
    }

    fn act(
        &self,
        directory: BorrowedFd<'_>,
        from: Option<(OwnedFd, OsString)>,
        event: &Event,
    ) -> Result<(), Errno> {
        let name = event.name.1.as_os_str();
        match &event.what {
            What::Contents(id) => write(directory, name, self.is_program(*id)),
            What::Attributes(_) => touch(directory, name, UTIME_NOW),
            What::Made { attributes, .. } => make(directory, name, attributes.kind),
            What::Removed(known) => {
                let kind = known.map(|known| known.attributes.kind);
                let flags = match kind == Some(Kind::Directory) {
                    true => AtFlags::REMOVEDIR,
                    false => AtFlags::empty(),
                };
                rustix::fs::unlinkat(directory, name, flags)
            }
            What::Doubted(_) | What::ToldGone { .. } => Ok(()),
            What::Moved { .. } => {
                let (from, from_name) = from.ok_or(Errno::INVAL)?;
                rustix::fs::renameat(from, from_name, directory, name)
            }
        }
    }

    /// Whether somebody may want to run it: nothing that is open to be written can be.
    fn is_program(&self, id: NodeId) -> bool {
        let table = self.shared.table();
        let known = table.nodes.known(id);
        known.is_none_or(|known| known.permissions & 0o111 != 0)
    }
}

/// `MODIFY` and `CLOSE_WRITE`; the former alone for a program, and for what the user may not write.
fn write(directory: BorrowedFd<'_>, name: &OsStr, is_program: bool) -> Result<(), Errno> {
    // Whoever has a lease is not waited for.
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = match is_program {
        true => Err(Errno::TXTBSY),
        false => rustix::fs::openat2(directory, name, flags, Mode::empty(), CONFINED),
    };
    match opened {
        Ok(file) => rustix::fs::futimens(&file, &times(UTIME_OMIT)),
        Err(Errno::ACCESS | Errno::TXTBSY | Errno::WOULDBLOCK) => {
            touch(directory, name, UTIME_OMIT)
        }
        Err(error) => Err(error),
    }
}

/// `ATTRIB` if both times are set, otherwise `MODIFY`.
fn touch(directory: BorrowedFd<'_>, name: &OsStr, accessed: i64) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(directory, name, flags, Mode::empty(), CONFINED)?;
    rustix::fs::utimensat(&file, "", &times(accessed), AtFlags::EMPTY_PATH)
}

fn times(accessed: i64) -> Timestamps {
    let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    Timestamps {
        last_access: time(accessed),
        last_modification: time(UTIME_NOW),
    }
}

/// `CREATE`. What the answer says is made, whatever is asked for here.
fn make(directory: BorrowedFd<'_>, name: &OsStr, kind: Kind) -> Result<(), Errno> {
    let kind = match kind {
        Kind::Directory => return rustix::fs::mkdirat(directory, name, Mode::RWXU),
        Kind::Link => return rustix::fs::symlinkat("-", directory, name),
        Kind::File => FileType::RegularFile,
        Kind::Pipe => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        // Nobody but root may make one.
        Kind::CharacterDevice | Kind::BlockDevice => return Err(Errno::PERM),
    };
    rustix::fs::mknodat(directory, name, kind, Mode::RUSR | Mode::WUSR, 0)
}
