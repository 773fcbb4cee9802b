//! What a change on the laptop means: which of what the kernel keeps is no longer so, and what those who watch are told.
//!
//! Pure. What is known already, mostly because it was done from here, means nothing.

use std::ffi::{OsStr, OsString};

use live::RelativePath;
use live::files::{Attributes, Kind};

use crate::events::{Event, Known, What};
use crate::nodes::{News, NodeId, Nodes, ROOT};

/// What the kernel must not keep.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Invalidation {
    /// The attributes of a node, and its contents: of a directory, what was listed.
    Node(NodeId),
    /// Which file a name in a directory leads to, or that it leads to none.
    Name(NodeId, OsString),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Meaning {
    pub(crate) invalidations: Vec<Invalidation>,
    /// To be told when the kernel has forgotten that.
    pub(crate) events: Vec<Event>,
    /// What may have been changed from here, or by the laptop: it is to be looked at.
    pub(crate) unclear: Option<NodeId>,
}

impl Meaning {
    fn and(mut self, other: Self) -> Self {
        self.invalidations.extend(other.invalidations);
        self.events.extend(other.events);
        self.unclear = self.unclear.or(other.unclear);
        self
    }
}

/// The file at `path` is like that now.
pub(crate) fn at(
    nodes: &mut Nodes,
    path: &RelativePath,
    attributes: Option<&Attributes>,
) -> Meaning {
    let Some((parent, name)) = path.split() else {
        return at_root(nodes, attributes);
    };
    let Some(parent) = nodes.find(&parent) else {
        // The kernel knows no name there; a file that was moved there, or has another name, it may know.
        let known =
            attributes.and_then(|attributes| Some((nodes.by_identity(attributes)?, attributes)));
        return known.map_or_else(Meaning::default, |(id, attributes)| {
            let name = nodes.name(id);
            changed(nodes, id, attributes, name)
        });
    };
    match (nodes.child(parent, name), attributes) {
        (None, None) if nodes.is_absent(parent, name) => told_gone(nodes, parent, name),
        (Some(child), None) if is_own_file(nodes, parent, name, child) => {
            perhaps_vanished(nodes, parent, name, child)
        }
        (child, None) => vanished(nodes, parent, name, child),
        (Some(child), Some(attributes)) if nodes.by_identity(attributes) == Some(child) => {
            changed(nodes, child, attributes, Some((parent, name.to_owned())))
        }
        (child, Some(attributes)) => appeared(nodes, parent, name, child, attributes),
    }
}

/// Anything may have changed at `path` and below.
pub(crate) fn anything(nodes: &mut Nodes, path: &RelativePath) -> Meaning {
    let mut meaning = Meaning::default();
    if let Some((parent, name)) = path.split() {
        let Some(parent) = nodes.find(&parent) else {
            return meaning;
        };
        meaning.invalidations = names(parent, name);
        let Some(_) = nodes.child(parent, name) else {
            nodes.doubt(parent);
            return meaning;
        };
    }
    let Some(top) = nodes.find(path) else {
        return meaning;
    };
    let below = nodes.below(top);
    for &id in &below {
        let names = nodes.names_in(id);
        let doubts = names.iter().filter_map(|name| doubted(nodes, id, name));
        meaning.events.extend(doubts);
        let names = names.into_iter().map(|name| Invalidation::Name(id, name));
        meaning.invalidations.extend(names);
        meaning.invalidations.push(Invalidation::Node(id));
    }
    below.into_iter().for_each(|id| nodes.doubt(id));
    meaning
}

/// That a file that was known there may be gone.
fn doubted(nodes: &Nodes, parent: NodeId, name: &OsStr) -> Option<Event> {
    let id = nodes.child(parent, name)?;
    let attributes = *nodes.known(id)?;
    Some(Event {
        name: (parent, name.to_owned()),
        what: What::Doubted(Known { id, attributes }),
    })
}

fn at_root(nodes: &mut Nodes, attributes: Option<&Attributes>) -> Meaning {
    match attributes {
        Some(attributes) => changed(nodes, ROOT, attributes, None),
        None => anything(nodes, &RelativePath::root()),
    }
}

/// `name`: where those who watch are told of it.
fn changed(
    nodes: &mut Nodes,
    id: NodeId,
    attributes: &Attributes,
    name: Option<(NodeId, OsString)>,
) -> Meaning {
    let news = nodes.news(id, attributes);
    if !nodes.change(id, attributes) {
        return Meaning::default();
    }
    let what = What::of(news, id);
    let event = name.and_then(|name| Some(Event { name, what: what? }));
    Meaning {
        invalidations: vec![Invalidation::Node(id)],
        events: event.into_iter().collect(),
        unclear: (news == News::Unclear).then_some(id),
    }
}

/// Whether that is told to be gone may be of the time before it was made from here. Not of directories: what is asked for below
/// goes by their names.
fn is_own_file(nodes: &Nodes, parent: NodeId, name: &OsStr, child: NodeId) -> bool {
    nodes.kind(child) != Some(Kind::Directory) && nodes.own.may_be_made(parent, name)
}

/// Whether it is there has to be asked.
fn perhaps_vanished(nodes: &mut Nodes, parent: NodeId, name: &OsStr, child: NodeId) -> Meaning {
    let event = removal(nodes, parent, name, Some(child));
    nodes.doubt_name(parent, name);
    nodes.doubt(child);
    let mut invalidations = names(parent, name);
    invalidations.push(Invalidation::Node(child));
    Meaning {
        invalidations,
        events: event.into_iter().collect(),
        ..Meaning::default()
    }
}

fn vanished(nodes: &mut Nodes, parent: NodeId, name: &OsStr, child: Option<NodeId>) -> Meaning {
    let events = removal(nodes, parent, name, child);
    nodes.removed(parent, name);
    let mut invalidations = names(parent, name);
    if let Some(child) = child {
        // One name less is another `st_nlink`.
        nodes.doubt(child);
        invalidations.push(Invalidation::Node(child));
    }
    Meaning {
        invalidations,
        events: events.into_iter().collect(),
        ..Meaning::default()
    }
}

/// It was removed from here, or is not news for another reason.
fn told_gone(nodes: &Nodes, parent: NodeId, name: &OsStr) -> Meaning {
    let is_own = nodes.own.has_removed(parent, name, None);
    let event = is_own.then(|| Event {
        name: (parent, name.to_owned()),
        what: What::ToldGone {
            removals: nodes.own.removals(),
        },
    });
    Meaning {
        invalidations: Vec::new(),
        events: event.into_iter().collect(),
        ..Meaning::default()
    }
}

/// That the name is gone. Nothing where it may have been removed from here and was forgotten.
fn removal(nodes: &Nodes, parent: NodeId, name: &OsStr, child: Option<NodeId>) -> Option<Event> {
    if child.is_none() && !nodes.remembers_absent(parent) {
        return None;
    }
    let known = child.and_then(|id| {
        let attributes = *nodes.known(id)?;
        Some(Known { id, attributes })
    });
    Some(Event {
        name: (parent, name.to_owned()),
        what: What::Removed(known),
    })
}

fn appeared(
    nodes: &mut Nodes,
    parent: NodeId,
    name: &OsStr,
    replaced: Option<NodeId>,
    attributes: &Attributes,
) -> Meaning {
    let known = nodes.by_identity(attributes);
    let removal = replaced.and_then(|replaced| removal(nodes, parent, name, Some(replaced)));
    nodes.replaced(parent, name, known);
    let mut invalidations = names(parent, name);
    if let Some(replaced) = replaced {
        nodes.doubt(replaced);
        invalidations.push(Invalidation::Node(replaced));
    }
    let place = (parent, name.to_owned());
    let changed = known.map_or_else(Meaning::default, |id| {
        changed(nodes, id, attributes, Some(place.clone()))
    });
    let made = Event {
        name: place,
        what: What::Made {
            attributes: *attributes,
            asked: nodes.now(),
        },
    };
    let appeared = Meaning {
        invalidations,
        events: removal.into_iter().chain([made]).collect(),
        ..Meaning::default()
    };
    appeared.and(changed)
}

/// A name leads elsewhere, so that its directory is another.
fn names(parent: NodeId, name: &OsStr) -> Vec<Invalidation> {
    vec![
        Invalidation::Name(parent, name.to_owned()),
        Invalidation::Node(parent),
    ]
}

#[cfg(test)]
mod tests;
