//! Files with several names: a change is told of one of them, and what was read of the others is not good any more.

use std::collections::HashMap;

use live::files::{Attributes, Identity, Kind};

use crate::nodes::Epoch;

/// How many are remembered; when there are more, nothing is good that was read of any before.
const MOST: usize = 4096;

/// When which has changed.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    changed: HashMap<Identity, Epoch>,
    /// Any that is not in there, not after this.
    floor: Epoch,
}

impl Linked {
    /// A file is told to be like that, at `now`.
    pub(crate) fn told(&mut self, attributes: &Attributes, now: Epoch) {
        if !may_be_linked(attributes) {
            return;
        }
        if self.changed.len() >= MOST {
            self.changed.clear();
            self.floor = now;
        }
        self.changed.insert(attributes.identity, now);
    }

    /// Whether a file that was like that when it was asked for at `asked` may have changed by another name.
    pub(crate) fn is_doubtful(&self, attributes: &Attributes, asked: Epoch) -> bool {
        let changed = self.changed.get(&attributes.identity);
        let changed = changed.copied().unwrap_or(self.floor);
        may_be_linked(attributes) && changed > asked
    }
}

fn may_be_linked(attributes: &Attributes) -> bool {
    attributes.kind == Kind::File && attributes.links > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::tests::attributes;
    use crate::nodes::{Nodes, ROOT};

    #[test]
    fn only_what_was_asked_for_before_the_change_is_doubtful() {
        let mut nodes = Nodes::new(live::files::Root(1));
        let linked = Attributes {
            links: 2,
            ..attributes(9, Kind::File, 0)
        };
        let other = Attributes {
            links: 2,
            ..attributes(10, Kind::File, 0)
        };
        let (before, now) = (nodes.now(), nodes.advance());
        assert!(now > before && nodes.kind(ROOT).is_some());
        let mut changed = Linked::default();
        changed.told(&linked, now);
        assert!(changed.is_doubtful(&linked, before));
        assert!(!changed.is_doubtful(&linked, now));
        assert!(!changed.is_doubtful(&other, before));
        // One name is told of itself.
        let single = attributes(9, Kind::File, 0);
        assert!(!changed.is_doubtful(&single, before));
    }
}
