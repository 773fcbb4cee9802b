//! Names that were made and removed from here: the kernel has told of these itself, and the laptop tells of them again.

use std::collections::VecDeque;
use std::ffi::OsStr;

use live::files::Identity;

use super::Name;
use crate::nodes::NodeId;

/// How many are remembered. The laptop tells of them a few milliseconds later.
const REMEMBERED: usize = 1024;

/// The last ones, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Own {
    made: VecDeque<(Name, Identity)>,
    gone: VecDeque<(Name, Identity)>,
}

impl Own {
    /// This name was made from here.
    pub(crate) fn made(&mut self, name: Name, identity: Identity) {
        self.gone.retain(|gone| *gone != (name.clone(), identity));
        remember(&mut self.made, (name, identity));
    }

    /// It was removed from here.
    pub(crate) fn gone(&mut self, name: Name, identity: Identity) {
        remember(&mut self.gone, (name, identity));
    }

    /// The laptop has told that it is not there, as is known: what is told of it from here on is news.
    pub(crate) fn told_gone(&mut self, parent: NodeId, name: &OsStr) {
        self.gone.retain(|(gone, _)| !is(gone, parent, name));
    }

    /// Whether that name was made from here for that file, or has been that file's and was removed.
    pub(crate) fn has_made(&self, parent: NodeId, name: &OsStr, identity: Identity) -> bool {
        let is_it = |(own, its): &(Name, Identity)| is(own, parent, name) && *its == identity;
        self.made.iter().chain(&self.gone).any(is_it)
    }

    /// Whether that name was made from here for any: that it is gone may be told of the time before.
    pub(crate) fn may_be_made(&self, parent: NodeId, name: &OsStr) -> bool {
        self.made.iter().any(|(own, _)| is(own, parent, name))
    }

    /// Whether that name was removed from here, when it was that file's; of any file if that is not known.
    pub(crate) fn has_removed(
        &self,
        parent: NodeId,
        name: &OsStr,
        identity: Option<Identity>,
    ) -> bool {
        let is_file = |its: &Identity| identity.is_none_or(|identity| identity == *its);
        let mut gone = self.gone.iter();
        gone.any(|(own, its)| is(own, parent, name) && is_file(its))
    }
}

fn is(own: &Name, parent: NodeId, name: &OsStr) -> bool {
    own.0 == parent && own.1 == name
}

fn remember(names: &mut VecDeque<(Name, Identity)>, name: (Name, Identity)) {
    if names.len() >= REMEMBERED {
        names.pop_front();
    }
    names.push_back(name);
}
