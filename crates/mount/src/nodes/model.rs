//! The table against a tree that is changed the same way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;

use live::files::{Kind, Root};
use proptest::prelude::*;

use super::tests::{attributes, find};
use super::{NodeId, Nodes, ROOT};

/// Directories have numbers below, files from there on.
const FILES: u64 = 6;
const ALL: u64 = 12;

#[derive(Clone, Debug)]
enum Step {
    LookUp {
        parent: usize,
        name: u8,
        inode: u64,
    },
    Remove {
        name: usize,
    },
    Rename {
        from: usize,
        parent: usize,
        name: u8,
    },
    Exchange {
        one: usize,
        other: usize,
    },
    Forget {
        node: usize,
        count: u64,
    },
    Open {
        node: usize,
    },
    Close {
        node: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0_usize..64;
    prop_oneof![
        4 => (any.clone(), 0_u8..5, 2..ALL).prop_map(|(parent, name, inode)| Step::LookUp { parent, name, inode }),
        1 => any.clone().prop_map(|name| Step::Remove { name }),
        2 => (any.clone(), any.clone(), 0_u8..5).prop_map(|(from, parent, name)| Step::Rename { from, parent, name }),
        1 => (any.clone(), any.clone()).prop_map(|(one, other)| Step::Exchange { one, other }),
        2 => (any.clone(), 1_u64..3).prop_map(|(node, count)| Step::Forget { node, count }),
        1 => any.clone().prop_map(|node| Step::Open { node }),
        1 => any.prop_map(|node| Step::Close { node }),
    ]
}

#[derive(Default)]
struct Model {
    /// What each name leads to.
    names: BTreeMap<(NodeId, String), NodeId>,
    lookups: HashMap<NodeId, u64>,
    open: HashMap<NodeId, u64>,
}

impl Model {
    fn known(&self) -> Vec<NodeId> {
        let mut known: Vec<_> = self
            .lookups
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(id, _)| *id)
            .collect();
        known.sort_unstable();
        known
    }

    /// Whether `id` is `within`, or below it by any of its names.
    fn is_within(&self, id: NodeId, within: NodeId) -> bool {
        id == within
            || self
                .parents(id)
                .any(|parent| self.is_within(parent, within))
    }

    fn parents(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.names
            .iter()
            .filter(move |(_, child)| **child == id)
            .map(|((parent, _), _)| *parent)
    }
}

fn pick<T: Clone>(items: &[T], index: usize) -> Option<T> {
    (!items.is_empty()).then(|| items[index % items.len()].clone())
}

fn apply(nodes: &mut Nodes, model: &mut Model, step: &Step) {
    let known = model.known();
    let directories: Vec<_> = std::iter::once(ROOT)
        .chain(
            known
                .iter()
                .copied()
                .filter(|id| nodes.kind(*id) == Some(Kind::Directory)),
        )
        .collect();
    let names: Vec<_> = model
        .names
        .iter()
        .map(|(name, id)| (name.clone(), *id))
        .collect();
    let now = nodes.now();
    match *step {
        Step::LookUp {
            parent,
            name,
            inode,
        } => {
            let parent = pick(&directories, parent).unwrap();
            let kind = if inode < FILES {
                Kind::Directory
            } else {
                Kind::File
            };
            // The kernel has no directory in itself.
            let known = nodes.by_identity(&attributes(inode, kind, 0));
            if known.is_some_and(|known| model.is_within(parent, known)) {
                return;
            }
            let name = name.to_string();
            let id = find(nodes, parent, &name, &attributes(inode, kind, 0));
            if kind == Kind::Directory {
                model.names.retain(|_, child| *child != id);
            }
            model.names.insert((parent, name), id);
            *model.lookups.entry(id).or_default() += 1;
        }
        Step::Remove { name } => {
            let Some(((parent, name), id)) = pick(&names, name) else {
                return;
            };
            assert_eq!(nodes.child(parent, OsStr::new(&name)), Some(id));
            assert!(nodes.unlinked(parent, OsStr::new(&name), now));
            model.names.remove(&(parent, name));
        }
        Step::Rename { from, parent, name } => {
            let Some((from, id)) = pick(&names, from) else {
                return;
            };
            let to = (pick(&directories, parent).unwrap(), name.to_string());
            // The kernel refuses the one, and does nothing for the other.
            if model.is_within(to.0, id) || model.names.get(&to) == Some(&id) {
                return;
            }
            assert!(nodes.renamed(
                (from.0, from.1.as_ref()),
                (to.0, to.1.as_ref()),
                Some(id),
                now
            ));
            model.names.remove(&from);
            model.names.insert(to, id);
        }
        Step::Exchange { one, other } => {
            let (Some((one, first)), Some((other, second))) =
                (pick(&names, one), pick(&names, other))
            else {
                return;
            };
            if first == second || model.is_within(one.0, second) || model.is_within(other.0, first)
            {
                return;
            }
            let pair = [(one.0, one.1.as_ref()), (other.0, other.1.as_ref())];
            assert!(nodes.exchanged(pair, [Some(first), Some(second)], now));
            model.names.insert(one, second);
            model.names.insert(other, first);
        }
        Step::Forget { node, count } => {
            let Some(id) = pick(&known, node) else { return };
            // The kernel forgets no directory of which it knows something.
            if model.names.keys().any(|(parent, _)| *parent == id) {
                return;
            }
            let count = count.min(model.lookups[&id]);
            nodes.forget(id, count);
            *model.lookups.get_mut(&id).unwrap() -= count;
        }
        Step::Open { node } => {
            let Some(id) = pick(&known, node) else { return };
            nodes.opened(id);
            *model.open.entry(id).or_default() += 1;
        }
        Step::Close { node } => {
            let open: Vec<_> = model
                .open
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(id, _)| *id)
                .collect();
            let Some(id) = pick(&open, node) else { return };
            nodes.closed(id);
            *model.open.get_mut(&id).unwrap() -= 1;
        }
    }
    drop_unused(model);
}

/// What the kernel does not know, and nobody has open, has no name.
fn drop_unused(model: &mut Model) {
    loop {
        let is_used = |id: &NodeId| {
            let count = |of: &HashMap<NodeId, u64>| of.get(id).copied().unwrap_or(0);
            count(&model.lookups) > 0
                || count(&model.open) > 0
                || model.names.keys().any(|(parent, _)| parent == id)
        };
        let unused: Vec<_> = model
            .names
            .iter()
            .filter(|(_, id)| !is_used(id))
            .map(|(name, _)| name.clone())
            .collect();
        if unused.is_empty() {
            return;
        }
        model.names.retain(|name, _| !unused.contains(name));
    }
}

fn check(nodes: &Nodes, model: &Model) {
    for ((parent, name), id) in &model.names {
        assert_eq!(
            nodes.child(*parent, OsStr::new(name)),
            Some(*id),
            "{name} in {parent:?}"
        );
    }
    let named: usize = nodes.below(ROOT).len();
    let expected: HashSet<_> = model
        .names
        .iter()
        .filter(|(_, id)| model.is_within(**id, ROOT))
        .map(|(_, id)| *id)
        .collect();
    assert_eq!(named, expected.len() + 1);
    for id in model.known() {
        assert!(nodes.kind(id).is_some(), "the kernel knows {id:?}");
        let is_reachable = model.is_within(id, ROOT);
        // Without a name, there may be a guess.
        assert!(
            !is_reachable || nodes.path(id).and_then(|path| nodes.find(&path)) == Some(id),
            "{id:?}"
        );
    }
}

proptest! {
    #[test]
    fn the_table_is_as_the_tree_is(steps in proptest::collection::vec(step(), 1..80)) {
        let (mut nodes, mut model) = (Nodes::new(Root(1)), Model::default());
        for step in &steps {
            apply(&mut nodes, &mut model, step);
            check(&nodes, &model);
        }
        // Nothing is left when the kernel has forgotten everything.
        for (id, count) in std::mem::take(&mut model.open) {
            (0..count).for_each(|_| nodes.closed(id));
        }
        for (id, count) in std::mem::take(&mut model.lookups) {
            nodes.forget(id, count);
        }
        prop_assert_eq!(nodes.count(), 1);
    }
}
