//! What is open: which node, and by which number on the laptop.
//!
//! A file that is opened to be read, and whose contents are here, is not opened on the laptop before something of it is
//! needed that the kernel does not have, or it has been open for a while. A directory is not before it is read.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use live::files::{Access, Entry, ErrorNumber, Handle, Opening};

use crate::nodes::{Epoch, NodeId};
use crate::stream::Stream;
use crate::writing::Through;

/// The number that the kernel has been given for an open file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OpenId(pub(crate) u64);

/// What waits for the laptop's number. Runs on any thread, and must not wait.
pub(crate) type ThenHandle = Box<dyn FnOnce(Result<Handle, ErrorNumber>) + Send>;

/// As what something is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    File(Opening),
    Directory,
}

/// How long after a file was opened here it may be opened on the laptop as what has taken its name there: about how long
/// that may not have been told. Whoever opened it has found what would have been found a moment later.
const MOMENT: Duration = Duration::from_secs(5);
/// How long a file may be open that is not open on the laptop, where another may take its name. Most are read and closed
/// much sooner.
pub(crate) const PASSING: Duration = Duration::from_millis(100);
/// How many writes have to follow each other until nobody waits for each.
const WRITES: u32 = 3;
/// How many files are read ahead at once, each with some pieces of a megabyte.
const MOST_STREAMS: usize = 4;

/// Whether it is open on the laptop.
pub(crate) enum OnLaptop {
    /// Nobody has asked for that.
    NotYet,
    /// It was asked for; these wait for it.
    Asked(Vec<ThenHandle>),
    /// It is.
    Open(Handle),
}

/// An open file or directory.
pub(crate) struct Open {
    pub(crate) node: NodeId,
    pub(crate) how: How,
    pub(crate) on_laptop: OnLaptop,
    pub(crate) listing: Listing,
    pub(crate) stream: Stream,
    /// Why something could not be written through it that was accepted.
    pub(crate) write_error: Option<ErrorNumber>,
    /// The file was empty when it was opened, and has been written from its beginning on since: whoever does that is
    /// making it.
    pub(crate) is_making: bool,
    opened_at: Instant,
    /// It was opened here alone, and nobody has seen to it since that it stays.
    is_passing: bool,
    /// Where the last write through it ended, and how many have followed each other.
    written: (u64, u32),
}

/// How far a directory has been read.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// And when each part was asked for.
    pub(crate) entries: Vec<(Entry, Epoch)>,
    pub(crate) is_complete: bool,
    /// It is to be read from its beginning.
    pub(crate) is_restarted: bool,
}

/// All that are open.
#[derive(Default)]
pub(crate) struct Opened {
    next: u64,
    open: HashMap<OpenId, Open>,
    /// Through which of them those who have locks on a node have them: a lock is in the way of the same owner's through
    /// another.
    locks: HashMap<(NodeId, u64), OpenId>,
    /// Somebody is going to ask for those that stay open here alone.
    is_being_kept: bool,
}

impl Opened {
    pub(crate) fn insert(&mut self, node: NodeId, how: How, on_laptop: OnLaptop) -> OpenId {
        self.next += 1;
        let id = OpenId(self.next);
        self.open.insert(
            id,
            Open {
                node,
                how,
                on_laptop,
                listing: Listing::default(),
                stream: Stream::default(),
                write_error: None,
                is_making: false,
                opened_at: Instant::now(),
                is_passing: false,
                written: (0, 0),
            },
        );
        id
    }

    pub(crate) fn get(&self, id: OpenId) -> Option<&Open> {
        self.open.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: OpenId) -> Option<&mut Open> {
        self.open.get_mut(&id)
    }

    /// It was closed.
    pub(crate) fn remove(&mut self, id: OpenId) -> Option<Open> {
        self.locks.retain(|_, through| *through != id);
        self.open.remove(&id)
    }

    /// A file that is opened here alone, for now. Whether [`take_lasting`](Self::take_lasting) is to be called after
    /// [`PASSING`].
    pub(crate) fn insert_passing(&mut self, node: NodeId, opening: Opening) -> (OpenId, bool) {
        let id = self.insert(node, How::File(opening), OnLaptop::NotYet);
        if let Some(open) = self.open.get_mut(&id) {
            open.is_passing = true;
        }
        (id, !std::mem::replace(&mut self.is_being_kept, true))
    }

    /// Those that have been open here alone for [`PASSING`], once, and whether it is to be called again, because there are
    /// others that have not.
    pub(crate) fn take_lasting(&mut self) -> (Vec<OpenId>, bool) {
        let mut lasting = Vec::new();
        let mut are_left = false;
        for (id, open) in &mut self.open {
            let is_over = open.is_passing && open.opened_at.elapsed() >= PASSING;
            if is_over {
                open.is_passing = false;
                lasting.push(*id);
            }
            are_left |= open.is_passing;
        }
        self.is_being_kept = are_left;
        (lasting, are_left)
    }

    /// Files that are not open on the laptop. A directory that is removed needs not be: there is nothing in it.
    pub(crate) fn not_on_laptop(&self, node: NodeId) -> Vec<OpenId> {
        let not_open = |open: &Open| {
            open.node == node
                && open.how != How::Directory
                && !matches!(open.on_laptop, OnLaptop::Open(_))
        };
        self.open
            .iter()
            .filter(|(_, open)| not_open(open))
            .map(|(id, _)| *id)
            .collect()
    }

    /// A file to be read that was opened a moment ago, and is not open on the laptop.
    pub(crate) fn just_opened(&self, node: NodeId) -> Option<OpenId> {
        let mut open = self.open.iter().filter(|(_, open)| open.node == node);
        open.find_map(|(id, open)| open.is_new().then_some(*id))
    }

    /// The laptop's number of a node that is open there; of one to write with if that is wanted.
    pub(crate) fn handle_of(&self, node: NodeId, to_write: bool) -> Option<Handle> {
        let mut of_node = self.open.values().filter(|open| open.node == node);
        of_node.find_map(|open| match open.on_laptop {
            OnLaptop::Open(handle) if !to_write || open.is_writable() => Some(handle),
            _ => None,
        })
    }

    /// Whether anything is open to be written.
    pub(crate) fn has_writable(&self) -> bool {
        self.open.values().any(Open::is_writable)
    }

    /// Whether anything is open so that it may be mapped to be written.
    pub(crate) fn has_mappable(&self) -> bool {
        let mut open = self.open.values();
        open.any(|open| open.is_writable() && open.is_readable())
    }

    /// Through which the file is being made, if it is.
    pub(crate) fn making(&self, node: NodeId) -> Option<Through> {
        let mut open = self.open.iter();
        open.find_map(|(id, open)| match open.on_laptop {
            OnLaptop::Open(handle) if open.node == node && open.is_making => {
                Some(Through { id: *id, handle })
            }
            _ => None,
        })
    }

    /// Whether another file may be read ahead.
    pub(crate) fn may_stream(&self) -> bool {
        let running = self.open.values().filter(|open| open.stream.is_running());
        running.count() < MOST_STREAMS
    }

    /// Those that are open on the laptop; they are not from here on.
    pub(crate) fn take_handles(&mut self) -> Vec<Handle> {
        let taken = self
            .open
            .values_mut()
            .filter_map(|open| match open.on_laptop {
                OnLaptop::Open(handle) => {
                    open.on_laptop = OnLaptop::NotYet;
                    Some(handle)
                }
                _ => None,
            });
        taken.collect()
    }

    /// Through which one `owner` is to lock, who has named `through`. From now on it is that one.
    pub(crate) fn locking(&mut self, owner: u64, through: OpenId, to_write: bool) -> OpenId {
        let Some(open) = self.open.get(&through) else {
            return through;
        };
        let node = open.node;
        let before = self.locks.get(&(node, owner)).copied();
        let is_usable = |id: &OpenId| {
            self.open.get(id).is_some_and(|open| match to_write {
                true => open.is_writable(),
                false => open.is_readable(),
            })
        };
        let chosen = before.filter(is_usable).unwrap_or(through);
        self.locks.insert((node, owner), chosen);
        chosen
    }

    /// Through which one `owner` has its locks on what is open as `through`.
    pub(crate) fn locks_through(&self, owner: u64, through: OpenId) -> OpenId {
        let node = self.open.get(&through).map(|open| open.node);
        node.and_then(|node| self.locks.get(&(node, owner)).copied())
            .unwrap_or(through)
    }

    /// `owner` has closed one of the node's: its locks are to be given back, through this one if there are any.
    pub(crate) fn unlocking(&mut self, owner: u64, through: OpenId) -> Option<OpenId> {
        let node = self.open.get(&through)?.node;
        self.locks.remove(&(node, owner))
    }
}

impl Open {
    /// Whether it was opened a moment ago, to be read, and the laptop has not been asked for it yet.
    pub(crate) fn is_new(&self) -> bool {
        self.is_unasked() && self.opened_at.elapsed() < MOMENT
    }

    /// Whether it is a file to be read for which the laptop has not been asked yet.
    pub(crate) fn is_unasked(&self) -> bool {
        let is_unasked = matches!(self.on_laptop, OnLaptop::NotYet);
        let is_read = |opening: Opening| opening.access == Access::Read && !opening.truncate;
        is_unasked && matches!(self.how, How::File(opening) if is_read(opening))
    }

    /// It is written there. Whether that goes on and on from where the one before has ended.
    pub(crate) fn writes_on(&mut self, range: &Range<u64>) -> bool {
        let (end, count) = self.written;
        let goes_on = range.start == end;
        self.is_making &= goes_on;
        let count = if goes_on { count + 1 } else { 0 };
        self.written = (range.end, count.min(WRITES));
        count >= WRITES
    }

    fn is_readable(&self) -> bool {
        matches!(
            self.how,
            How::File(Opening {
                access: Access::Read | Access::ReadWrite,
                ..
            })
        )
    }

    pub(crate) fn is_writable(&self) -> bool {
        matches!(
            self.how,
            How::File(Opening {
                access: Access::Write | Access::ReadWrite,
                ..
            })
        )
    }
}
