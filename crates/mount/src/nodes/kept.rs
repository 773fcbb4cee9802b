//! How long a node is kept: as long as the kernel knows it, or somebody has it open.

use super::{Node, NodeId, Nodes, ROOT};

impl Nodes {
    /// The kernel has been given it once more.
    pub(crate) fn remember(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lookups += 1;
        }
    }

    /// The kernel has forgotten it `count` times.
    pub(crate) fn forget(&mut self, id: NodeId, count: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lookups = node.lookups.saturating_sub(count);
        }
        self.drop_unused(id);
    }

    /// It has been opened once more.
    pub(crate) fn opened(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open += 1;
        }
    }

    /// It has been closed once.
    pub(crate) fn closed(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open = node.open.saturating_sub(1);
        }
        self.drop_unused(id);
    }

    /// Drops it if nobody needs it any more, and the directories that were there for its sake alone.
    pub(super) fn drop_unused(&mut self, id: NodeId) {
        let mut doubtful = vec![id];
        while let Some(id) = doubtful.pop() {
            if id == ROOT || self.nodes.get(&id).is_none_or(Node::is_needed) {
                continue;
            }
            let Some(node) = self.nodes.remove(&id) else {
                continue;
            };
            // Its number may have been given to another file.
            if let Some(identity) = node
                .identity
                .filter(|identity| self.by_identity.get(identity) == Some(&id))
            {
                self.by_identity.remove(&identity);
            }
            for (parent, name) in node.names {
                if let Some(parent_node) = self.nodes.get_mut(&parent) {
                    parent_node.entries.present.remove(&name);
                    doubtful.push(parent);
                }
            }
        }
    }
}
