//! What is to be told to those who watch, and what was done from here.

use std::ffi::OsStr;

use live::files::{Attributes, Kind, Time};

use super::{ABSENT_NAMES, Epoch, Node, NodeId, Nodes};
use crate::events::Name;

/// What told attributes say that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing that those who watch are told, or nothing that was not done from here.
    Nothing,
    /// That may be what was done from here: it has to be looked at.
    Unclear,
    /// The file has other contents.
    Contents,
    /// It has other permissions, or another owner.
    Attributes,
}

/// What matters to those who watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest {
    /// What is told of before that is out of date.
    changed: Time,
    contents: (u64, Time),
    rights: (u16, u32, u32),
}

impl Latest {
    pub(super) fn of(attributes: &Attributes) -> Self {
        Self {
            changed: attributes.changed,
            contents: (attributes.size, attributes.modified),
            rights: (attributes.permissions, attributes.user, attributes.group),
        }
    }

    fn is_later_than(&self, told: &Self) -> bool {
        let order = |time: Time| (time.seconds, time.nanoseconds);
        order(self.changed) > order(told.changed)
    }

    /// What it says that was not known.
    fn after(&self, known: &Self, is_file: bool) -> News {
        match () {
            () if is_file && known.contents != self.contents => News::Contents,
            () if known.rights != self.rights => News::Attributes,
            () => News::Nothing,
        }
    }
}

impl Node {
    /// Whether these are certainly of later than what was seen last. Changes that follow one another quickly may have the same
    /// time.
    pub(super) fn is_newer(&self, attributes: &Attributes) -> bool {
        let told = Latest::of(attributes);
        self.latest.is_none_or(|latest| told.is_later_than(&latest))
    }

    /// It is told to be like that now.
    pub(super) fn told(&mut self, attributes: &Attributes) {
        if self.later(attributes).is_none() {
            self.latest = Some(Latest::of(attributes));
        }
    }

    /// What was seen or told of it that is of later than these.
    fn later(&self, attributes: &Attributes) -> Option<Latest> {
        let of = Latest::of(attributes);
        self.latest.filter(|latest| latest.is_later_than(&of))
    }

    /// Whether what was done from here, and not seen, is seen by what was asked for at `asked`.
    pub(super) fn is_seen(&self, asked: Epoch) -> bool {
        self.under_way == 0 && self.unseen.is_some_and(|since| since <= asked)
    }

    /// It is seen to be like that since. Not if what was told meanwhile, and might have been that, is of later: see
    /// [`Nodes::looked`].
    pub(super) fn see(&mut self, attributes: &Attributes) {
        if self.later(attributes).is_none() {
            self.unseen = None;
            self.latest = Some(Latest::of(attributes));
        }
    }
}

impl Nodes {
    /// What it is that it is told to be like that now: before [`Nodes::change`].
    pub(crate) fn news(&self, id: NodeId, attributes: &Attributes) -> News {
        let Some(node) = self.nodes.get(&id) else {
            return News::Nothing;
        };
        let is_file = attributes.kind == Kind::File;
        let told = Latest::of(attributes);
        let news = match node.latest {
            // Names in a directory are told of by themselves.
            None if is_file => News::Contents,
            None => News::Nothing,
            Some(latest) if latest.is_later_than(&told) => News::Nothing,
            Some(latest) => told.after(&latest, is_file),
        };
        match node.unseen {
            Some(_) if news != News::Nothing => News::Unclear,
            _ => news,
        }
    }

    /// Whether it is to be looked at, now: what was done from here has not been seen, and was not looked at since. If more
    /// is under way, that is to be told when it has been done.
    pub(crate) fn take_look(&mut self, id: NodeId) -> bool {
        let now = self.now();
        let node = self.nodes.get_mut(&id);
        let is_due = |node: &&mut Node| node.unseen.is_some_and(|since| node.looked < since);
        let Some(node) = node.filter(is_due) else {
            return false;
        };
        node.is_to_be_looked_at = node.under_way > 0;
        if !node.is_to_be_looked_at {
            node.looked = now;
        }
        !node.is_to_be_looked_at
    }

    /// It was looked at, which was asked for at `asked`; before [`Nodes::observe`]. What was told meanwhile, might have been
    /// what was done from here, and is of later. `attributes`: if it was found; what has taken its name is another.
    pub(crate) fn looked(
        &mut self,
        id: NodeId,
        attributes: Option<&Attributes>,
        asked: Epoch,
    ) -> News {
        let node = self.nodes.get_mut(&id);
        let Some(node) = node.filter(|node| node.is_seen(asked)) else {
            return News::Nothing;
        };
        let is_it = |attributes: &&Attributes| {
            node.identity
                .is_none_or(|identity| identity == attributes.identity)
        };
        let Some(attributes) = attributes.filter(is_it) else {
            node.unseen = None;
            return News::Nothing;
        };
        let Some(later) = node.later(attributes) else {
            return News::Nothing;
        };
        node.unseen = None;
        later.after(&Latest::of(attributes), attributes.kind == Kind::File)
    }

    /// A name was taken from it from here: those who watch know that.
    pub(crate) fn note_gone(&mut self, (parent, name): (NodeId, &OsStr), id: Option<NodeId>) {
        let identity = id.and_then(|id| self.identity(id));
        self.own.gone((parent, name.to_owned()), identity);
    }

    /// The same of one that it was given.
    pub(crate) fn note_made(&mut self, (parent, name): (NodeId, &OsStr), id: Option<NodeId>) {
        if let Some(identity) = id.and_then(|id| self.identity(id)) {
            self.own.made((parent, name.to_owned()), identity);
        }
    }

    /// It was changed from here, its contents were not.
    pub(crate) fn touched_besides(&mut self, id: NodeId) {
        let unseen = |node: &Node| node.unseen;
        let unseen = self.nodes.get(&id).and_then(unseen);
        self.touched(id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.unseen = unseen;
        }
    }

    /// Something is being done to it from here; to be called before the laptop is asked for that, and [`Nodes::ended`] when it
    /// has answered.
    pub(crate) fn begun(&mut self, id: NodeId) {
        let next = self.next_epoch();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.unseen = Some(next);
            node.under_way += 1;
        }
    }

    /// Whether it is to be looked at.
    pub(crate) fn ended(&mut self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else {
            return false;
        };
        node.under_way = node.under_way.saturating_sub(1);
        node.under_way == 0 && std::mem::take(&mut node.is_to_be_looked_at)
    }

    /// Whether it was changed from here, and nobody has seen what it is like since.
    pub(crate) fn is_unseen(&self, id: NodeId) -> bool {
        let node = self.nodes.get(&id);
        node.is_some_and(|node| node.unseen.is_some())
    }

    /// A name of it.
    pub(crate) fn name(&self, id: NodeId) -> Option<Name> {
        self.nodes.get(&id)?.names.first().cloned()
    }

    /// Whether all names are remembered that were removed from that directory.
    pub(crate) fn remembers_absent(&self, parent: NodeId) -> bool {
        let node = self.nodes.get(&parent);
        node.is_some_and(|node| node.entries.absent.len() < ABSENT_NAMES)
    }

    /// Whether the kernel may take that node for removed. A directory that has been moved would never be good again.
    pub(crate) fn may_be_gone(&self, id: NodeId, kind: Kind) -> bool {
        let node = self.nodes.get(&id).filter(|node| node.kind == kind);
        node.is_some_and(|node| {
            let is_used = !node.names.is_empty() || !node.entries.present.is_empty();
            kind != Kind::Directory || (!is_used && node.open == 0)
        })
    }

    /// The kernel takes it for a removed directory.
    pub(crate) fn died(&mut self, id: NodeId) {
        if self.may_be_gone(id, Kind::Directory) {
            self.retire(id);
        }
    }

    /// The number of a node that stands for one that the kernel does not know. No file's: see `free_id`.
    pub(crate) fn stand_in(&mut self) -> NodeId {
        self.stand_ins += 1;
        NodeId(u64::MAX - (self.stand_ins & 0xffff_ffff))
    }
}
