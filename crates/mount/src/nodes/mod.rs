//! The table of what the kernel knows: nodes, their names, and when they last changed.
//!
//! Pure. A node is a file, whatever its names are; two names of one file are one node. The table knows no more than the
//! kernel does: what the kernel forgets, and nobody has open, is dropped.
//!
//! Everything that is asked notes the [`Epoch`] at that time. What comes back is *stale* where the node, or the name, has
//! changed since: it may tell of the state before.

mod contents;
mod kept;
mod names;
mod news;
mod paths;

#[cfg(test)]
mod model;
#[cfg(test)]
pub(crate) mod tests;

use news::Latest;
pub(crate) use news::News;
pub(crate) use paths::GUESSES;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use live::files::{Attributes, Identity, Kind, Root};

use crate::attributes::same;
use crate::events::own::Own;

/// How many changed names a directory remembers.
const REMEMBERED_NAMES: usize = 1024;
/// How many absent ones. A compiler looks for every header in every directory that may have it.
const ABSENT_NAMES: usize = 16 << 10;

/// A node's number: `st_ino` on the server. Its low 32 bits are those of the laptop's `st_ino`, which is what git compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u64);

/// The published directory itself.
pub(crate) const ROOT: NodeId = NodeId(fuser::INodeNo::ROOT.0);

/// A point between two changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

#[derive(Debug)]
struct Node {
    /// Which file; `None` for the published directory until it is found out.
    identity: Option<Identity>,
    kind: Kind,
    /// Where it is: directories and names there. A directory has one at most.
    names: Vec<(NodeId, OsString)>,
    /// Names that it has lost by what was told, the latest first. That may have been out of date, so they are still good
    /// guesses.
    former: Vec<(NodeId, OsString)>,
    entries: Entries,
    /// How many times the kernel has been given it and not yet forgotten.
    lookups: u64,
    /// How many times it is open.
    open: usize,
    /// As they were last seen, or told.
    known: Option<Attributes>,
    /// When that was.
    known_at: Epoch,
    /// When it last changed, other than from here.
    changed: Epoch,
    /// When it was last changed from here.
    touched: Epoch,
    /// It is known to have no extended attributes.
    is_plain: bool,
    /// It was changed from here then, and nobody has seen what it is like since.
    unseen: Option<Epoch>,
    /// When it was looked at for that last.
    looked: Epoch,
    /// How much is being done to it from here: what it is seen to be like may be of before.
    under_way: usize,
    /// It is to be looked at when that has been done.
    is_to_be_looked_at: bool,
    /// The laptop has changed it, which was seen before it was told. The kernel may have been given both what it was like
    /// before and since, and keeps what it has taken last.
    is_early: bool,
    /// Its contents were asked for since it was last told to have changed.
    is_read: bool,
    /// They were before it was, and may be again.
    is_wanted: bool,
    /// How many bytes of them the kernel has been given since, about.
    given: u64,
    /// What those who watch may have found, by the latest that was seen or told.
    latest: Option<Latest>,
}

/// What is known of a directory's names.
#[derive(Debug, Default)]
struct Entries {
    present: HashMap<OsString, NodeId>,
    /// Names that are known not to be there. Not all of them.
    absent: HashSet<OsString>,
    /// When a name last changed; any that is not in here, not after `floor`.
    changed: HashMap<OsString, Epoch>,
    floor: Epoch,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Nodes {
    root: Root,
    nodes: HashMap<NodeId, Node>,
    by_identity: HashMap<Identity, NodeId>,
    /// The laptop's file systems, in the order in which they were met.
    devices: Vec<u64>,
    epoch: Epoch,
    /// Names that were made and removed from here.
    pub(crate) own: Own,
    /// How many nodes have stood for such as are gone.
    stand_ins: u64,
}

/// A file that the laptop has told of under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: NodeId,
    /// Nothing is known that happened after it was asked for: the kernel may keep the name and the attributes.
    pub(crate) is_fresh: bool,
}

/// What attributes that the laptop has given mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// They are as they were known.
    Same,
    /// They are news.
    Different,
    /// They may be those of before a change that is known already; they were not taken down.
    Stale,
}

impl Nodes {
    pub(crate) fn new(root: Root) -> Self {
        let nodes = HashMap::from([(ROOT, Node::new(None, Kind::Directory))]);
        Self {
            root,
            nodes,
            by_identity: HashMap::new(),
            devices: Vec::new(),
            epoch: Epoch::default(),
            own: Own::default(),
            stand_ins: 0,
        }
    }

    /// The present. To be taken before something is asked.
    pub(crate) fn now(&self) -> Epoch {
        self.epoch
    }

    /// A new present: what was asked for before this was asked for before something.
    pub(crate) fn advance(&mut self) -> Epoch {
        self.next_epoch()
    }

    fn next_epoch(&mut self) -> Epoch {
        self.epoch.0 += 1;
        self.epoch
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn kind(&self, id: NodeId) -> Option<Kind> {
        self.nodes.get(&id).map(|node| node.kind)
    }

    /// As they were last seen, or told.
    pub(crate) fn known(&self, id: NodeId) -> Option<&Attributes> {
        self.nodes.get(&id)?.known.as_ref()
    }

    /// As they are, if nothing is known to have happened to it since they were seen, or told.
    pub(crate) fn current(&self, id: NodeId) -> Option<&Attributes> {
        let node = self.nodes.get(&id)?;
        node.known
            .as_ref()
            .filter(|_| node.last_change() <= node.known_at)
    }

    /// Whether it is known to have no extended attributes.
    pub(crate) fn is_plain(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.is_plain)
    }

    /// It had no extended attributes, or got some.
    pub(crate) fn set_plain(&mut self, id: NodeId, is_plain: bool, asked: Epoch) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_plain = is_plain && node.last_change() <= asked;
        }
    }

    /// Whether contents that were asked for then may be those of before a change. The kernel knows what is changed from here.
    pub(crate) fn is_stale(&self, id: NodeId, asked: Epoch) -> bool {
        self.nodes.get(&id).is_none_or(|node| node.changed > asked)
    }

    /// Whether it has changed since then, from wherever.
    pub(crate) fn has_changed(&self, id: NodeId, since: Epoch) -> bool {
        self.nodes
            .get(&id)
            .is_none_or(|node| node.last_change() > since)
    }

    /// Which file it is; `None` for the published directory until it is found out.
    pub(crate) fn identity(&self, id: NodeId) -> Option<Identity> {
        self.nodes.get(&id)?.identity
    }

    /// Takes down attributes of it that were asked for at `asked`.
    pub(crate) fn observe(
        &mut self,
        id: NodeId,
        attributes: &Attributes,
        asked: Epoch,
    ) -> Observed {
        let Some(node) = self.nodes.get_mut(&id) else {
            return Observed::Stale;
        };
        // What is open of it may be what has taken its name.
        let is_other = id != ROOT
            && node
                .identity
                .is_some_and(|identity| identity != attributes.identity);
        let is_own = !is_other && node.is_seen(asked);
        if is_own {
            node.see(attributes);
        }
        if is_other || node.last_change() > asked {
            return Observed::Stale;
        }
        node.identity = Some(attributes.identity);
        node.latest = Some(Latest::of(attributes));
        let is_same = node
            .known
            .as_ref()
            .is_some_and(|known| same(known, attributes));
        node.is_early |= !is_same && !is_own && node.known.is_some();
        node.known = Some(*attributes);
        node.known_at = asked;
        if is_same {
            return Observed::Same;
        }
        node.is_plain = false;
        Observed::Different
    }

    /// It is told to be like that now. Whether that is news.
    ///
    /// What is told may be older than what was seen before, or than what is being done from here: then it only says that the
    /// laptop has to be asked.
    pub(crate) fn change(&mut self, id: NodeId, attributes: &Attributes) -> bool {
        let next = Epoch(self.epoch.0 + 1);
        let Some(node) = self.nodes.get_mut(&id) else {
            return false;
        };
        let is_early = std::mem::take(&mut node.is_early);
        let known = node.known.as_ref();
        if !is_early && known.is_some_and(|known| same(known, attributes)) {
            return false;
        }
        let is_current = node.unseen.is_none() && node.is_newer(attributes);
        node.told(attributes);
        node.known = Some(*attributes);
        if is_current {
            node.known_at = next;
        }
        node.is_plain = false;
        node.is_wanted = std::mem::take(&mut node.is_read);
        node.given = 0;
        node.changed = next;
        self.epoch = next;
        true
    }

    /// It was changed from here, other than its known attributes tell.
    pub(crate) fn touched(&mut self, id: NodeId) {
        let next = self.next_epoch();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_plain = false;
            node.unseen = Some(next);
            node.touched = next;
        }
    }

    /// It was changed from here. `is_known`: its known attributes are of after that, though they were asked for before.
    pub(crate) fn resized(&mut self, id: NodeId, is_known: bool) {
        let next = self.next_epoch();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.touched = next;
            node.given = 0;
            if is_known {
                node.known_at = next;
            }
        }
    }

    /// It is being changed from here, and seen by what comes of that.
    pub(crate) fn observe_own(
        &mut self,
        id: NodeId,
        attributes: &Attributes,
        asked: Epoch,
    ) -> Observed {
        let is_early = |nodes: &Self| nodes.nodes.get(&id).is_some_and(|node| node.is_early);
        let was_early = is_early(self);
        let observed = self.observe(id, attributes, asked);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_early = was_early;
        }
        observed
    }

    /// It has changed, nobody knows how.
    pub(crate) fn doubt(&mut self, id: NodeId) {
        let next = self.next_epoch();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.known = None;
            node.is_plain = false;
            node.given = 0;
            node.changed = next;
            node.entries.doubt(next);
        }
    }

    /// The node of a file, which is made if there is none.
    pub(crate) fn intern(&mut self, attributes: &Attributes) -> NodeId {
        let (identity, kind) = (attributes.identity, attributes.kind);
        if let Some(id) = self.by_identity(attributes) {
            return id;
        }
        // Another kind: the number has been given to a new file, and the kernel still knows the old one.
        let id = self.free_id(identity);
        self.nodes.insert(id, Node::new(Some(identity), kind));
        self.by_identity.insert(identity, id);
        id
    }

    /// A number that is not in use; the same for the same file whenever that can be had, so that `st_ino` stays even when
    /// the kernel has forgotten it for a while.
    fn free_id(&mut self, identity: Identity) -> NodeId {
        let device = self
            .devices
            .iter()
            .position(|&device| device == identity.device);
        let device = device.unwrap_or_else(|| {
            self.devices.push(identity.device);
            self.devices.len() - 1
        });
        let (high, low) = (identity.inode >> 32, identity.inode & 0xffff_ffff);
        let mut slot = (1 + ((device as u64) << 20) + high) & 0xffff_ffff;
        loop {
            let id = NodeId(slot << 32 | low);
            // Slot 0 has the root's number in it.
            if slot != 0 && !self.nodes.contains_key(&id) {
                return id;
            }
            slot = (slot + 1) & 0xffff_ffff;
        }
    }

    /// The node of a file by what it is.
    pub(crate) fn by_identity(&self, attributes: &Attributes) -> Option<NodeId> {
        let id = *self.by_identity.get(&attributes.identity)?;
        (self.kind(id) == Some(attributes.kind)).then_some(id)
    }
}

impl Node {
    fn new(identity: Option<Identity>, kind: Kind) -> Self {
        Self {
            identity,
            kind,
            names: Vec::new(),
            former: Vec::new(),
            entries: Entries::default(),
            lookups: 0,
            open: 0,
            known: None,
            known_at: Epoch::default(),
            changed: Epoch::default(),
            touched: Epoch::default(),
            is_plain: false,
            unseen: None,
            looked: Epoch::default(),
            under_way: 0,
            is_to_be_looked_at: false,
            is_early: false,
            is_read: false,
            is_wanted: false,
            given: 0,
            latest: None,
        }
    }

    fn last_change(&self) -> Epoch {
        self.changed.max(self.touched)
    }

    fn is_needed(&self) -> bool {
        self.lookups > 0 || self.open > 0 || !self.entries.present.is_empty()
    }
}
