//! Names: which node they lead to, and since when.

use std::ffi::{OsStr, OsString};

use live::RelativePath;
use live::files::{Attributes, Kind};

use super::{
    ABSENT_NAMES, Entries, Epoch, Found, Node, NodeId, Nodes, Observed, REMEMBERED_NAMES, ROOT,
};

/// How many names a node may be guessed by that it has lost.
const FORMER_NAMES: usize = 3;

impl Nodes {
    /// What is called `name` there, if that is known.
    pub(crate) fn child(&self, parent: NodeId, name: &OsStr) -> Option<NodeId> {
        self.nodes.get(&parent)?.entries.present.get(name).copied()
    }

    /// The node at that path, if it is known.
    pub(crate) fn find(&self, path: &RelativePath) -> Option<NodeId> {
        path.names().try_fold(ROOT, |at, name| self.child(at, name))
    }

    /// Whether `name` is known not to be there.
    pub(crate) fn is_absent(&self, parent: NodeId, name: &OsStr) -> bool {
        self.nodes
            .get(&parent)
            .is_some_and(|node| node.entries.absent.contains(name))
    }

    /// Whether what was asked of that name then may tell of the state before a change.
    pub(crate) fn is_name_stale(&self, parent: NodeId, name: &OsStr, asked: Epoch) -> bool {
        self.nodes
            .get(&parent)
            .is_none_or(|node| node.entries.last_change(name) > asked)
    }

    /// The laptop has told, when it was asked at `asked`, that `name` leads to a file like that. The kernel is to be given
    /// it: it counts as looked up.
    pub(crate) fn found(
        &mut self,
        parent: NodeId,
        name: &OsStr,
        attributes: &Attributes,
        asked: Epoch,
    ) -> Found {
        let id = self.intern(attributes);
        let is_name_fresh = !self.is_name_stale(parent, name, asked);
        // A name that is doubtful is better than none.
        let is_nameless = self
            .nodes
            .get(&id)
            .is_some_and(|node| node.names.is_empty());
        if is_name_fresh || (is_nameless && self.child(parent, name).is_none()) {
            self.set_name(parent, name, id);
        }
        if is_name_fresh {
            self.forget_former(Some(id));
        }
        let observed = self.observe(id, attributes, asked);
        self.remember(id);
        Found {
            id,
            is_fresh: is_name_fresh && observed != Observed::Stale,
        }
    }

    /// The laptop has told, when it was asked at `asked`, that there is no such name. Whether that may be kept: only what is
    /// remembered can be taken back when nobody knows which names have come.
    pub(crate) fn missed(&mut self, parent: NodeId, name: &OsStr, asked: Epoch) -> bool {
        if self.is_name_stale(parent, name, asked) {
            return false;
        }
        let id = self.unset_name(parent, name);
        self.forget_former(id);
        self.note_absent(parent, name)
    }

    /// It is certain that its name is gone.
    fn forget_former(&mut self, id: Option<NodeId>) {
        if let Some(node) = id.and_then(|id| self.nodes.get_mut(&id)) {
            node.former.clear();
        }
    }

    /// The laptop has told of `name`: it is gone. The node that it led to.
    pub(crate) fn removed(&mut self, parent: NodeId, name: &OsStr) -> Option<NodeId> {
        let id = self.lose(parent, name);
        if let Some(node) = id.and_then(|id| self.nodes.get_mut(&id)) {
            node.note_former((parent, name.to_owned()));
        }
        id
    }

    /// Which file `name` leads to has to be asked.
    pub(crate) fn doubt_name(&mut self, parent: NodeId, name: &OsStr) {
        self.note_change(parent, name);
    }

    /// `name` is gone.
    fn lose(&mut self, parent: NodeId, name: &OsStr) -> Option<NodeId> {
        self.note_change(parent, name);
        let id = self.unset_name(parent, name);
        self.drop_unused(parent);
        id
    }

    /// The laptop has told of `name`: it leads to another file; to `id` if that is known.
    pub(crate) fn replaced(&mut self, parent: NodeId, name: &OsStr, id: Option<NodeId>) {
        self.removed(parent, name);
        let moved = id
            .and_then(|id| self.nodes.get_mut(&id))
            .filter(|node| node.kind == Kind::Directory);
        if let Some(node) = moved {
            node.names
                .clone()
                .into_iter()
                .for_each(|name| node.note_former(name));
        }
        self.gain(parent, name, id);
    }

    /// `name` leads to another file.
    fn gain(&mut self, parent: NodeId, name: &OsStr, id: Option<NodeId>) {
        self.note_change(parent, name);
        match id {
            Some(id) => self.set_name(parent, name, id),
            None => drop(self.unset_name(parent, name)),
        }
        if let Some(directory) = self.nodes.get_mut(&parent) {
            directory.entries.absent.remove(name);
        }
        self.drop_unused(parent);
    }

    /// `name` was removed from here, which was asked for at `asked`. What was told of the name meanwhile stands, and more will
    /// be told if that was of before. Whether nothing was.
    pub(crate) fn unlinked(&mut self, parent: NodeId, name: &OsStr, asked: Epoch) -> bool {
        let is_fresh = !self.is_name_stale(parent, name, asked);
        if is_fresh {
            let last = self.child(parent, name).filter(|id| self.is_last_name(*id));
            let id = self.lose(parent, name);
            self.note_absent(parent, name);
            self.forget_former(id);
            last.into_iter().for_each(|id| self.retire(id));
        }
        is_fresh
    }

    /// Whether its file goes with its name.
    fn is_last_name(&self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get(&id) else {
            return false;
        };
        node.kind == Kind::Directory || node.known.is_some_and(|known| known.links <= 1)
    }

    /// Its file is gone, so that another may get its number: that one is to be another node. The kernel would take a new
    /// directory for the removed one, in which nothing can be made.
    pub(super) fn retire(&mut self, id: NodeId) {
        let identity = self.nodes.get(&id).and_then(|node| node.identity);
        if let Some(identity) =
            identity.filter(|identity| self.by_identity.get(identity) == Some(&id))
        {
            self.by_identity.remove(&identity);
        }
    }

    /// What was `from` then, `moved`, was given the name `to` from here, in place of what was there. Otherwise as
    /// [`Nodes::unlinked`].
    pub(crate) fn renamed(
        &mut self,
        from: (NodeId, &OsStr),
        to: (NodeId, &OsStr),
        moved: Option<NodeId>,
        asked: Epoch,
    ) -> bool {
        let is_to_fresh = !self.is_name_stale(to.0, to.1, asked);
        let is_from_fresh = !self.is_name_stale(from.0, from.1, asked);
        if is_from_fresh {
            self.lose(from.0, from.1);
            self.note_absent(from.0, from.1);
        }
        if is_to_fresh {
            self.unlinked(to.0, to.1, asked);
            self.gain(to.0, to.1, moved);
            self.forget_former(moved);
        }
        is_from_fresh && is_to_fresh
    }

    /// The two have changed places, which led to `were` then. Otherwise as [`Nodes::unlinked`].
    pub(crate) fn exchanged(
        &mut self,
        names: [(NodeId, &OsStr); 2],
        were: [Option<NodeId>; 2],
        asked: Epoch,
    ) -> bool {
        let [one, other] = names;
        let is_stale = |nodes: &Self, (parent, name): (NodeId, &OsStr)| {
            nodes.is_name_stale(parent, name, asked)
        };
        let fresh = [!is_stale(self, one), !is_stale(self, other)];
        for ((parent, name), is_fresh) in names.into_iter().zip(fresh) {
            if is_fresh {
                self.gain(parent, name, None);
            }
        }
        for (((parent, name), is_fresh), id) in names.into_iter().zip(fresh).zip([were[1], were[0]])
        {
            if is_fresh {
                self.gain(parent, name, id);
                self.forget_former(id);
            }
        }
        fresh == [true, true]
    }

    /// All that are known at `id` and below.
    pub(crate) fn below(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            found.extend(
                self.nodes
                    .get(&at)
                    .into_iter()
                    .flat_map(|node| node.entries.present.values()),
            );
            // See `path` for rings.
            if found.len() > self.nodes.len() * 2 {
                break;
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The names in that directory that the kernel may know: of files, and of none.
    pub(crate) fn names_in(&self, id: NodeId) -> Vec<OsString> {
        let Some(node) = self.nodes.get(&id) else {
            return Vec::new();
        };
        node.entries
            .present
            .keys()
            .chain(&node.entries.absent)
            .cloned()
            .collect()
    }

    fn set_name(&mut self, parent: NodeId, name: &OsStr, id: NodeId) {
        if self.child(parent, name) == Some(id) || !self.nodes.contains_key(&parent) || id == ROOT {
            return;
        }
        self.unset_name(parent, name);
        if self.kind(id) == Some(Kind::Directory) {
            self.unset_names(id);
        }
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        node.names.push((parent, name.to_owned()));
        if let Some(directory) = self.nodes.get_mut(&parent) {
            directory.entries.absent.remove(name);
            directory.entries.present.insert(name.to_owned(), id);
        }
    }

    /// Takes all names from a node. The directories that they were in stay even if they were there for its sake alone: the
    /// next that is forgotten in them drops them.
    fn unset_names(&mut self, id: NodeId) {
        let names = self
            .nodes
            .get_mut(&id)
            .map(|node| std::mem::take(&mut node.names));
        for (parent, name) in names.into_iter().flatten() {
            if let Some(directory) = self.nodes.get_mut(&parent) {
                directory.entries.present.remove(&name);
            }
        }
    }

    /// Takes the name from the node that it leads to, which may be dropped for it.
    fn unset_name(&mut self, parent: NodeId, name: &OsStr) -> Option<NodeId> {
        let directory = self.nodes.get_mut(&parent)?;
        let id = directory.entries.present.remove(name)?;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.names
                .retain(|(at, its_name)| (*at, its_name.as_os_str()) != (parent, name));
        }
        Some(id)
    }

    fn note_change(&mut self, parent: NodeId, name: &OsStr) {
        let next = self.next_epoch();
        if let Some(directory) = self.nodes.get_mut(&parent) {
            directory.entries.note_change(name, next);
        }
    }

    /// Whether there is room to remember that.
    fn note_absent(&mut self, parent: NodeId, name: &OsStr) -> bool {
        let Some(directory) = self.nodes.get_mut(&parent) else {
            return false;
        };
        let absent = &mut directory.entries.absent;
        let has_room = absent.len() < ABSENT_NAMES || absent.contains(name);
        if has_room {
            absent.insert(name.to_owned());
        }
        has_room
    }
}

impl Node {
    fn note_former(&mut self, name: (NodeId, OsString)) {
        self.former.retain(|former| *former != name);
        self.former.insert(0, name);
        self.former.truncate(FORMER_NAMES);
    }
}

impl Entries {
    fn last_change(&self, name: &OsStr) -> Epoch {
        self.changed
            .get(name)
            .copied()
            .unwrap_or(self.floor)
            .max(self.floor)
    }

    fn note_change(&mut self, name: &OsStr, epoch: Epoch) {
        if self.changed.len() >= REMEMBERED_NAMES {
            self.changed.clear();
            self.floor = epoch;
        }
        self.changed.insert(name.to_owned(), epoch);
    }

    /// Any name may lead elsewhere since `epoch`.
    pub(super) fn doubt(&mut self, epoch: Epoch) {
        self.changed.clear();
        self.absent.clear();
        self.floor = epoch;
    }
}
