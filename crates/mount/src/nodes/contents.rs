//! How much of a file's contents the kernel has.

use std::ops::Range;

use super::{NodeId, Nodes};

/// What the kernel keeps whole, in bytes: of the last part of a file that was written it may not have the rest of the page.
const PAGE: u64 = 4096;

impl Nodes {
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

    /// The kernel has been given so many bytes of its contents.
    pub(crate) fn given(&mut self, id: NodeId, bytes: usize) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.given = node.given.saturating_add(bytes as u64);
        }
    }

    /// That part of it is written through the kernel, which keeps whole pages of it.
    pub(crate) fn written(&mut self, id: NodeId, range: &Range<u64>) {
        let (first, end) = (range.start.div_ceil(PAGE), range.end / PAGE);
        let pages = end.saturating_sub(first);
        self.given(id, usize::try_from(pages * PAGE).unwrap_or(usize::MAX));
    }

    /// The kernel has none of it any more.
    pub(crate) fn dropped(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.given = 0;
        }
    }

    /// Whether the kernel has all of it, as far as that is known: it drops what it has no room for. Of a file of more than
    /// `small` bytes, whether it has any: such are used in parts.
    pub(crate) fn has_been_given(&self, id: NodeId, small: u64) -> bool {
        let Some(node) = self.nodes.get(&id) else {
            return false;
        };
        node.known.is_some_and(|known| match known.size > small {
            true => node.given > 0,
            false => node.given >= known.size,
        })
    }
}
