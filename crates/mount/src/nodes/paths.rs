//! Paths, as the laptop is asked for them.
//!
//! What is told of names may be older than what was done from here, and a node may seem to have lost its name, or to have
//! another, until more is told. So there are guesses. Where a file has to be that one, the laptop checks it.

use std::ffi::OsStr;

use live::files::{ErrorNumber, Place};
use live::{PathError, RelativePath};

use super::{NodeId, Nodes, ROOT};
use crate::errors;

/// How many paths are tried for a node that is not found.
pub(crate) const GUESSES: usize = 4;

impl Nodes {
    /// Where it is, as far as is known; `None` for one that has no name any more.
    pub(crate) fn path(&self, id: NodeId) -> Option<RelativePath> {
        if id == ROOT {
            return Some(RelativePath::root());
        }
        let names = &self.nodes.get(&id)?.names;
        names
            .iter()
            .find_map(|(parent, name)| self.directory_path(*parent)?.join(name).ok())
    }

    /// A directory has one name at most.
    fn directory_path(&self, id: NodeId) -> Option<RelativePath> {
        let mut names = Vec::new();
        let mut at = id;
        while at != ROOT {
            let (parent, name) = self.nodes.get(&at)?.names.first()?;
            names.push(name);
            at = *parent;
            // Directories that were moved into each other by turns may seem to form a ring until more is told.
            if names.len() > self.nodes.len() {
                return None;
            }
        }
        names
            .iter()
            .rev()
            .try_fold(RelativePath::root(), |path, name| path.join(name))
            .ok()
    }

    /// Everywhere that it is, or may be.
    pub(crate) fn paths(&self, id: NodeId) -> Vec<RelativePath> {
        let Some(node) = self.nodes.get(&id) else {
            return Vec::new();
        };
        let names = node.names.iter().chain(&node.former);
        let paths =
            names.filter_map(|(parent, name)| self.directory_path(*parent)?.join(name).ok());
        paths.chain((id == ROOT).then(RelativePath::root)).collect()
    }

    /// Where it may be otherwise: by its other names, or by one that it, or a directory on the way, has had.
    fn other_paths(&self, id: NodeId) -> Vec<RelativePath> {
        let Some(node) = self.nodes.get(&id) else {
            return Vec::new();
        };
        let names = node.names.iter().chain(&node.former).take(GUESSES);
        let mut paths: Vec<_> = names
            .clone()
            .filter_map(|(parent, name)| self.directory_path(*parent)?.join(name).ok())
            .collect();
        paths.extend(names.filter_map(|(parent, name)| self.former_path(*parent)?.join(name).ok()));
        paths
    }

    /// The path of a directory if the nearest one on the way that has had another name has that still.
    fn former_path(&self, id: NodeId) -> Option<RelativePath> {
        let mut names = Vec::new();
        let mut at = id;
        loop {
            let node = self
                .nodes
                .get(&at)
                .filter(|_| names.len() <= self.nodes.len())?;
            let former = node.former.first();
            let (parent, name) = former.or(node.names.first())?;
            names.push(name);
            at = *parent;
            if former.is_some() {
                let above = self.directory_path(at)?;
                return names
                    .iter()
                    .rev()
                    .try_fold(above, |path, name| path.join(name))
                    .ok();
            }
        }
    }

    /// Whether it has a name, as far as is known.
    pub(crate) fn has_name(&self, id: NodeId) -> bool {
        id == ROOT
            || self
                .nodes
                .get(&id)
                .is_some_and(|node| !node.names.is_empty())
    }

    fn guessed_path(&self, id: NodeId, guess: usize) -> Option<RelativePath> {
        match (self.path(id), guess) {
            (Some(path), 0) => Some(path),
            (_, guess) => self
                .other_paths(id)
                .into_iter()
                .nth(guess.saturating_sub(1)),
        }
    }

    /// Where it is, and which file has to be there. The first guess is 0.
    pub(crate) fn place(&self, id: NodeId, guess: usize) -> Option<Place> {
        let path = self.guessed_path(id, guess)?;
        let identity = self.nodes.get(&id)?.identity;
        Some(Place {
            root: self.root,
            path,
            identity,
        })
    }

    /// What is called `name` in that directory, whichever it is. The first guess is 0.
    ///
    /// # Errors
    /// `ENOENT` if the directory has no name any more, `ENAMETOOLONG`, `EINVAL` if that is no name.
    pub(crate) fn place_in(
        &self,
        parent: NodeId,
        name: &OsStr,
        guess: usize,
    ) -> Result<Place, ErrorNumber> {
        let directory = self.guessed_path(parent, guess).ok_or(errors::NOT_FOUND)?;
        let path = directory.join(name).map_err(|error| match error {
            PathError::TooLong => errors::NAME_TOO_LONG,
            PathError::Elsewhere => errors::INVALID,
        })?;
        Ok(Place {
            root: self.root,
            path,
            identity: None,
        })
    }
}
