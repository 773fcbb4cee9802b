//! What a change on the laptop means: which of what the kernel keeps is no longer so.
//!
//! Pure. What is known already, mostly because it was done from here, means nothing.

use std::ffi::{OsStr, OsString};

use live::RelativePath;
use live::files::Attributes;

use crate::nodes::{NodeId, Nodes, ROOT};

/// What the kernel must not keep.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Invalidation {
    /// The attributes of a node, and its contents: of a directory, what was listed.
    Node(NodeId),
    /// Which file a name in a directory leads to, or that it leads to none.
    Name(NodeId, OsString),
}

/// The file at `path` is like that now.
pub(crate) fn at(
    nodes: &mut Nodes,
    path: &RelativePath,
    attributes: Option<&Attributes>,
) -> Vec<Invalidation> {
    let Some((parent, name)) = path.split() else {
        return at_root(nodes, attributes);
    };
    let Some(parent) = nodes.find(&parent) else {
        // The kernel knows no name there; a file that was moved there, it may know.
        let known =
            attributes.and_then(|attributes| Some((nodes.by_identity(attributes)?, attributes)));
        return known.map_or_else(Vec::new, |(id, attributes)| changed(nodes, id, attributes));
    };
    match (nodes.child(parent, name), attributes) {
        (None, None) if nodes.is_absent(parent, name) => Vec::new(),
        (child, None) => vanished(nodes, parent, name, child),
        (Some(child), Some(attributes)) if nodes.by_identity(attributes) == Some(child) => {
            changed(nodes, child, attributes)
        }
        (child, Some(attributes)) => appeared(nodes, parent, name, child, attributes),
    }
}

/// Anything may have changed at `path` and below.
pub(crate) fn anything(nodes: &mut Nodes, path: &RelativePath) -> Vec<Invalidation> {
    let mut invalidations = Vec::new();
    if let Some((parent, name)) = path.split() {
        let Some(parent) = nodes.find(&parent) else {
            return invalidations;
        };
        invalidations = names(parent, name);
        let Some(_) = nodes.child(parent, name) else {
            nodes.doubt(parent);
            return invalidations;
        };
    }
    let Some(top) = nodes.find(path) else {
        return invalidations;
    };
    for id in nodes.below(top) {
        invalidations.extend(
            nodes
                .names_in(id)
                .into_iter()
                .map(|name| Invalidation::Name(id, name)),
        );
        invalidations.push(Invalidation::Node(id));
        nodes.doubt(id);
    }
    invalidations
}

fn at_root(nodes: &mut Nodes, attributes: Option<&Attributes>) -> Vec<Invalidation> {
    match attributes {
        Some(attributes) => changed(nodes, ROOT, attributes),
        None => anything(nodes, &RelativePath::root()),
    }
}

fn changed(nodes: &mut Nodes, id: NodeId, attributes: &Attributes) -> Vec<Invalidation> {
    if nodes.change(id, attributes) {
        vec![Invalidation::Node(id)]
    } else {
        Vec::new()
    }
}

fn vanished(
    nodes: &mut Nodes,
    parent: NodeId,
    name: &OsStr,
    child: Option<NodeId>,
) -> Vec<Invalidation> {
    nodes.removed(parent, name);
    let mut invalidations = names(parent, name);
    if let Some(child) = child {
        // One name less is another `st_nlink`.
        nodes.doubt(child);
        invalidations.push(Invalidation::Node(child));
    }
    invalidations
}

fn appeared(
    nodes: &mut Nodes,
    parent: NodeId,
    name: &OsStr,
    replaced: Option<NodeId>,
    attributes: &Attributes,
) -> Vec<Invalidation> {
    let known = nodes.by_identity(attributes);
    nodes.replaced(parent, name, known);
    let mut invalidations = names(parent, name);
    if let Some(replaced) = replaced {
        nodes.doubt(replaced);
        invalidations.push(Invalidation::Node(replaced));
    }
    invalidations.extend(known.map_or_else(Vec::new, |id| changed(nodes, id, attributes)));
    invalidations
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
