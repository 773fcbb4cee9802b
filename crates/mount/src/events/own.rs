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
    made: VecDeque<Done>,
    gone: VecDeque<Done>,
    /// How many have been removed.
    removals: u64,
}

/// That a name was made for a file, or was that file's and was removed.
#[derive(Debug)]
struct Done {
    name: Name,
    /// `None`: any file's, it was not known which one.
    identity: Option<Identity>,
    /// How many had been removed by then.
    removals: u64,
}

impl Own {
    /// This name was made from here.
    pub(crate) fn made(&mut self, name: Name, identity: Identity) {
        let identity = Some(identity);
        self.gone.retain(|gone| {
            gone.name != name || gone.identity.is_some_and(|gone| Some(gone) != identity)
        });
        let removals = self.removals;
        remember(
            &mut self.made,
            Done {
                name,
                identity,
                removals,
            },
        );
    }

    /// It was removed from here; `identity`: if it is known which file's it was.
    pub(crate) fn gone(&mut self, name: Name, identity: Option<Identity>) {
        self.removals += 1;
        let removals = self.removals;
        remember(
            &mut self.gone,
            Done {
                name,
                identity,
                removals,
            },
        );
    }

    /// How many names have been removed from here.
    pub(crate) fn removals(&self) -> u64 {
        self.removals
    }

    /// When there had been so many removals, the laptop told that the name is not there, as is known: what it tells of the
    /// name from here on is news, unless that was removed from here once more since.
    pub(crate) fn told_gone(&mut self, parent: NodeId, name: &OsStr, removals: u64) {
        self.gone
            .retain(|gone| gone.removals > removals || !gone.is(parent, name));
    }

    /// Whether that name was made from here for that file, or has been that file's and was removed.
    pub(crate) fn has_made(&self, parent: NodeId, name: &OsStr, identity: Identity) -> bool {
        let is_it = |own: &Done| own.is(parent, name) && own.identity == Some(identity);
        self.made.iter().chain(&self.gone).any(is_it)
    }

    /// Whether that name was made from here for any: that it is gone may be told of the time before.
    pub(crate) fn may_be_made(&self, parent: NodeId, name: &OsStr) -> bool {
        self.made.iter().any(|own| own.is(parent, name))
    }

    /// Whether that name was removed from here, when it was that file's; of any file where it is not known which.
    pub(crate) fn has_removed(
        &self,
        parent: NodeId,
        name: &OsStr,
        identity: Option<Identity>,
    ) -> bool {
        let is_file = |own: &Done| match (own.identity, identity) {
            (Some(own), Some(asked)) => own == asked,
            _ => true,
        };
        let mut gone = self.gone.iter();
        gone.any(|own| own.is(parent, name) && is_file(own))
    }
}

impl Done {
    fn is(&self, parent: NodeId, name: &OsStr) -> bool {
        self.name.0 == parent && self.name.1 == name
    }
}

fn remember(names: &mut VecDeque<Done>, done: Done) {
    if names.len() >= REMEMBERED {
        names.pop_front();
    }
    names.push_back(done);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::ROOT;
    use crate::nodes::tests::attributes;

    fn identity(number: u64) -> Identity {
        attributes(number, live::files::Kind::File, 0).identity
    }

    #[test]
    fn what_is_told_to_be_gone_is_not_what_was_removed_later() {
        let mut own = Own::default();
        let name = OsStr::new("a");
        own.gone((ROOT, name.into()), Some(identity(9)));
        let removals = own.removals();
        own.gone((ROOT, name.into()), Some(identity(10)));
        own.told_gone(ROOT, name, removals);
        assert!(!own.has_removed(ROOT, name, Some(identity(9))));
        assert!(own.has_removed(ROOT, name, Some(identity(10))));
        own.told_gone(ROOT, name, own.removals());
        assert!(!own.has_removed(ROOT, name, None));
    }

    #[test]
    fn a_name_may_have_been_any_files() {
        let mut own = Own::default();
        let name = OsStr::new("a");
        own.gone((ROOT, name.into()), None);
        assert!(own.has_removed(ROOT, name, Some(identity(9))));
        assert!(!own.has_made(ROOT, name, identity(9)));
        own.made((ROOT, name.into()), identity(10));
        assert!(!own.has_removed(ROOT, name, Some(identity(9))));
    }
}
