//! What is to be told next: names that have to be looked at, each once however often it has changed.

use std::collections::HashSet;
use std::time::Instant;

use live::RelativePath;
use live::files::{Change, Kind, Root};
use rustix::io::Errno;

use super::LARGEST_BATCH;
use super::ticks::Ticks;
use crate::Published;

/// Changes that are told together.
#[derive(Default)]
pub(super) struct Batch {
    /// Directories that are not there any more with what was below them, whatever has the name now.
    gone: Vec<RelativePath>,
    marked: HashSet<RelativePath>,
    /// Those of them whose contents were written.
    written: HashSet<RelativePath>,
}

impl Batch {
    /// To be looked at.
    pub(super) fn mark(&mut self, path: RelativePath) {
        self.marked.insert(path);
    }

    /// The same, and its contents were written.
    pub(super) fn mark_written(&mut self, path: RelativePath) {
        self.mark(path.clone());
        self.written.insert(path);
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
        self.gone.len() + self.marked.len() + self.written.len() >= LARGEST_BATCH - 2
    }

    /// Empties it, and looks at each name.
    pub(super) fn look(
        &mut self,
        root: Root,
        published: &Published,
        ticks: &mut Ticks,
    ) -> Vec<Change> {
        let Self {
            gone,
            marked,
            written,
        } = std::mem::take(self);
        let now = Instant::now();
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
                change => {
                    let again = untold(&change, &written, ticks, now);
                    changes.push(change);
                    changes.extend(again);
                }
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

/// What is to be told besides, as its attributes do not.
fn untold(
    change: &Change,
    written: &HashSet<RelativePath>,
    ticks: &mut Ticks,
    now: Instant,
) -> Option<Change> {
    let Change::At {
        root,
        path,
        attributes: Some(attributes),
    } = change
    else {
        return None;
    };
    let is_file = attributes.kind == Kind::File;
    let is_untold = is_file && ticks.tell(path, attributes, written.contains(path), now);
    is_untold.then(|| Change::Anything {
        root: *root,
        path: path.clone(),
    })
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
