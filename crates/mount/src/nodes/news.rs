//! What is to be told to those who watch, and what was done from here.

use std::ffi::OsStr;

use live::files::{Attributes, Kind, Time};

use super::{Node, NodeId, Nodes, REMEMBERED_NAMES};
use crate::events::Name;

/// What told attributes say that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing that those who watch are told, or nothing that was not done from here.
    Nothing,
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
        let told = Latest::of(attributes);
        if self
            .latest
            .is_some_and(|latest| latest.is_later_than(&told))
        {
            return;
        }
        // That it has another name, say, tells nothing of contents that are being written.
        let latest = self.latest.replace(told);
        self.is_unseen &= latest.is_none_or(|latest| latest.contents != told.contents);
    }
}

impl Nodes {
    /// What it is that it is told to be like that now: before [`Nodes::change`].
    pub(crate) fn news(&self, id: NodeId, attributes: &Attributes) -> News {
        let node = self.nodes.get(&id).filter(|node| !node.is_unseen);
        let is_file = attributes.kind == Kind::File;
        let told = Latest::of(attributes);
        match node.map(|node| node.latest) {
            // Names in a directory are told of by themselves.
            Some(None) if is_file => News::Contents,
            Some(Some(latest)) if latest.is_later_than(&told) => News::Nothing,
            Some(Some(latest)) if is_file && latest.contents != told.contents => News::Contents,
            Some(Some(latest)) if latest.rights != told.rights => News::Attributes,
            _ => News::Nothing,
        }
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
        let is_unseen = self.is_unseen(id);
        self.touched(id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_unseen = is_unseen;
        }
    }

    /// Something is being done to it from here.
    pub(crate) fn begun(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_unseen = true;
        }
    }

    /// Whether it was changed from here, and nobody has seen what it is like since.
    pub(crate) fn is_unseen(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.is_unseen)
    }

    /// Its contents are asked for.
    pub(crate) fn read(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_read = true;
        }
    }

    /// Whether it was told to have changed, and was read before; once.
    pub(crate) fn take_wanted(&mut self, id: NodeId) -> bool {
        let node = self.nodes.get_mut(&id);
        node.is_some_and(|node| std::mem::take(&mut node.is_wanted))
    }

    /// A name of it.
    pub(crate) fn name(&self, id: NodeId) -> Option<Name> {
        self.nodes.get(&id)?.names.first().cloned()
    }

    /// Whether all names are remembered that were removed from that directory.
    pub(crate) fn remembers_absent(&self, parent: NodeId) -> bool {
        let node = self.nodes.get(&parent);
        node.is_some_and(|node| node.entries.absent.len() < REMEMBERED_NAMES)
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
