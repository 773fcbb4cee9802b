//! What is to be told next: names that have to be looked at, each once however often it has changed.

use std::collections::HashSet;

use live::RelativePath;
use live::files::{Change, Root};
use rustix::io::Errno;

use super::LARGEST_BATCH;
use crate::Published;

/// Changes that are told together.
#[derive(Default)]
pub(super) struct Batch {
    /// Directories that are not there any more with what was below them, whatever has the name now.
    gone: Vec<RelativePath>,
    marked: HashSet<RelativePath>,
}

impl Batch {
    /// To be looked at.
    pub(super) fn mark(&mut self, path: RelativePath) {
        self.marked.insert(path);
    }

    /// What was below it is told to be gone, before anything that is found.
    pub(super) fn mark_gone(&mut self, path: RelativePath) {
        self.mark(path.clone());
        self.gone.push(path);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.marked.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.gone.len() + self.marked.len() >= LARGEST_BATCH - 1
    }

    /// Empties it, and looks at each name.
    pub(super) fn look(&mut self, root: Root, published: &Published) -> Vec<Change> {
        let Self { gone, marked, .. } = std::mem::take(self);
        let mut marked: Vec<RelativePath> = marked.into_iter().collect();
        // Directories before what is in them: where there is another, what was known below it ends first.
        marked.sort_unstable();
        let told_gone: HashSet<&RelativePath> = gone.iter().collect();
        let mut changes = Vec::with_capacity(gone.len() + marked.len());
        for path in marked {
            match look_at(root, path, published) {
                Change::At {
                    path,
                    attributes: None,
                    ..
                } if told_gone.contains(&path) => {}
                change => changes.push(change),
            }
        }
        let gone = gone.iter().map(|path| Change::At {
            root,
            path: path.clone(),
            attributes: None,
        });
        changes.splice(0..0, gone);
        changes
    }
}

fn look_at(root: Root, path: RelativePath, published: &Published) -> Change {
    match published.attributes(&path) {
        Ok(attributes) => Change::At {
            root,
            path,
            attributes: Some(attributes),
        },
        Err(Errno::NOENT | Errno::NOTDIR) => Change::At {
            root,
            path,
            attributes: None,
        },
        // There may be something, which cannot be looked at now: whoever asks is told why.
        Err(_) => Change::Anything { root, path },
    }
}
