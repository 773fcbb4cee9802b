//! What is known of one mount, all together.

use std::ffi::OsStr;
use std::time::Duration;

use live::RelativePath;
use live::files::{Attributes, ErrorNumber, Kind, Root, Target};

use crate::ahead::Ahead;
use crate::errors;
use crate::nodes::{Epoch, NodeId, Nodes, Observed};
use crate::opened::{OnLaptop, OpenId, Opened};
use crate::writing::Writing;

/// How long the kernel may keep what it is told of changes of.
const WATCHED: Duration = Duration::from_secs(3600);
/// How long otherwise.
const UNWATCHED: Duration = Duration::from_secs(1);

/// What is known.
pub(crate) struct Table {
    pub(crate) nodes: Nodes,
    pub(crate) opened: Opened,
    pub(crate) ahead: Ahead,
    pub(crate) writing: Writing,
    /// All changes are told.
    pub(crate) is_watched: bool,
}

impl Table {
    pub(crate) fn new(root: Root) -> Self {
        Self {
            nodes: Nodes::new(root),
            opened: Opened::default(),
            ahead: Ahead::default(),
            writing: Writing::default(),
            is_watched: false,
        }
    }

    /// How long the kernel may keep what it is given.
    pub(crate) fn lifetime(&self, is_fresh: bool) -> Duration {
        match (is_fresh, self.is_watched) {
            (false, _) => Duration::ZERO,
            (true, true) => WATCHED,
            (true, false) => UNWATCHED,
        }
    }

    /// It was changed from here: see [`Nodes::touched`].
    pub(crate) fn touched(&mut self, id: NodeId) {
        self.nodes.touched(id);
        self.forget_ahead(id);
    }

    /// It was changed from here, its contents were not.
    pub(crate) fn touched_besides(&mut self, id: NodeId) {
        self.nodes.touched_besides(id);
        self.forget_ahead(id);
    }

    /// It was given another size from here. `is_known`: what is known of it is of after that.
    pub(crate) fn resized(&mut self, id: NodeId, is_known: bool) {
        self.nodes.resized(id, is_known);
        self.forget_ahead(id);
    }

    /// A name in that directory was made, removed or moved from here, which was asked for at `asked`; `after`: what the
    /// directory is like since then, if that was told. The kernel asks for it each time.
    pub(crate) fn changed_in(&mut self, id: NodeId, after: Option<&Attributes>, asked: Epoch) {
        // It may have been another one, by then or by now.
        let after = after.filter(|after| {
            let identity = self.nodes.identity(id);
            identity.is_none_or(|identity| identity == after.identity)
                && after.kind == Kind::Directory
        });
        let observed = after.map(|after| self.nodes.observe_own(id, after, asked));
        match observed {
            Some(Observed::Same | Observed::Different) => self.resized(id, true),
            // Names are told of by themselves: what else the laptop does to it is news all the same.
            Some(Observed::Stale) | None => self.touched_besides(id),
        }
    }

    /// What was read ahead of it is not good any more.
    pub(crate) fn forget_ahead(&mut self, id: NodeId) {
        for path in self.nodes.paths(id) {
            self.ahead.forget(&path, false);
        }
    }

    /// The same of a name, and of what is below it.
    pub(crate) fn forget_name_ahead(&mut self, parent: NodeId, name: &OsStr) {
        for path in self.nodes.paths(parent) {
            if let Ok(path) = path.join(name) {
                self.ahead.forget(&path, true);
            }
        }
    }

    /// Whether there is a directory at `path`, and it is that one.
    pub(crate) fn is_known(&self, path: &RelativePath, attributes: Option<&Attributes>) -> bool {
        let identity = self.nodes.find(path).and_then(|id| self.nodes.identity(id));
        attributes.is_some_and(|attributes| {
            attributes.kind == Kind::Directory && identity == Some(attributes.identity)
        })
    }

    /// A node as the laptop finds it: by what is open, if that is `through`, by its name, by anything that is open, or by
    /// where it was.
    pub(crate) fn target(
        &self,
        id: NodeId,
        through: Option<OpenId>,
        to_write: bool,
        guess: usize,
    ) -> Result<Target, ErrorNumber> {
        let open = through.and_then(|through| self.opened.get(through));
        if let Some(OnLaptop::Open(handle)) = open.map(|open| &open.on_laptop) {
            return Ok(Target::Handle(*handle));
        }
        let open = || self.opened.handle_of(id, to_write).map(Target::Handle);
        let open = if self.nodes.has_name(id) {
            None
        } else {
            open()
        };
        open.or_else(|| self.nodes.place(id, guess).map(Target::Place))
            .ok_or(errors::STALE)
    }
}
