//! Looking at what was done from here: what the laptop tells of it is no news then, and what it tells of later is.
//!
//! Only for those who watch. What nobody looks at is not passed on to them as long as it might be what was done from here.

use std::sync::Arc;

use live::files::{Attributes, Request};

use crate::changes::Invalidation;
use crate::events::{Event, What};
use crate::nodes::{Epoch, NodeId, Observed};
use crate::pending::NOBODY;
use crate::shared::{Shared, attributes};

/// Looks at it, if something was done to it that nobody has seen.
pub(crate) fn look(shared: &Arc<Shared>, node: NodeId) {
    let is_due = {
        let mut table = shared.table();
        table.is_watched && table.nodes.take_look(node)
    };
    if !is_due {
        return;
    }
    let make = Request::Attributes;
    shared.ask_node(NOBODY, node, None, make, move |shared, asked, outcome| {
        looked(shared, node, attributes(outcome).ok().as_ref(), asked);
    });
}

fn looked(shared: &Shared, node: NodeId, attributes: Option<&Attributes>, asked: Epoch) {
    let (event, observed) = {
        let nodes = &mut shared.table().nodes;
        let what = What::of(nodes.looked(node, attributes, asked), node);
        let name = nodes.name(node);
        let event = name.zip(what).map(|(name, what)| Event { name, what });
        let observed = attributes.map(|attributes| nodes.observe(node, attributes, asked));
        (event, observed)
    };
    if observed == Some(Observed::Different) {
        shared.invalidator.add([Invalidation::Node(node)]);
    }
    shared.invalidator.then_replay(event.into_iter().collect());
}

/// What was begun has been done, or could not be: see [`crate::nodes::Nodes::begun`].
pub(super) fn ended(shared: &Arc<Shared>, node: NodeId) {
    let is_to_be_looked_at = shared.table().nodes.ended(node);
    if is_to_be_looked_at {
        look(shared, node);
    }
}
