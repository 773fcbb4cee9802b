//! Undoing what was done, the last first.

use vault::durable::{self, Placing};
use vault::{NoPassphrase, Vault};

use super::Event;
use super::carry_out::{Undo, Work};
use crate::server::keeper_control;
use crate::server::shared_tree;
use crate::server::step::Step;
use crate::{ShareError, systemd};

impl Work<'_> {
    /// Undoes everything that can be undone; gives what was undone, and what is left.
    pub(super) fn roll_back(mut self, tell: &mut dyn FnMut(Event)) -> (Vec<String>, Vec<String>) {
        let (mut undone, mut left) = (Vec::new(), Vec::new());
        while let Some(undo) = self.done.pop() {
            let described = undo.describe();
            match self.undo(undo) {
                Ok(()) => undone.extend(described),
                Err(error) => {
                    let described = described.unwrap_or_default();
                    tell(Event::Failed(format!("{described}: {error}")));
                    left.push(format!("not done: {described} ({error})"));
                }
            }
        }
        (undone, left)
    }

    fn undo(&mut self, undo: Undo) -> Result<(), ShareError> {
        let paths = self.machine.paths;
        let tools = self.machine.tools;
        match undo {
            Undo::Step(Step::CreateGroup(group)) => tools.delete_group(&group),
            Undo::Step(Step::JoinGroup { user, group }) => tools.remove_from_group(&user, &group),
            Undo::Step(Step::CreateUser(user)) => tools.delete_user(&user, true),
            Undo::Step(Step::SetUpHome { user, .. }) => self.take_back_home(&user),
            Undo::Step(Step::SetUpSource { user, .. }) => self.give_back_login(&user),
            Undo::Step(Step::InstallUnit { .. }) => systemd::stop_and_remove(paths).map(drop),
            Undo::Step(Step::StartKeeper) => keeper_control::stop(paths),
            Undo::Step(_) => Ok(()),
            Undo::Tree(directory, changes) => match shared_tree::unmake(&directory, &changes).as_slice() {
                [] => Ok(()),
                left => Err(ShareError::Name(left.join("; "))),
            },
            Undo::State(before) => {
                let restored = match &before {
                    Some(state) => state.store(&paths.state()),
                    None => remove(&paths.state()),
                };
                self.state = before.map(|state| *state);
                restored
            }
            Undo::Config(path, Some(bytes)) => {
                Ok(durable::write(&path, &bytes, 0o644, Placing::Replace)?)
            }
            Undo::Config(path, None) => remove(&path),
            Undo::Account(name) => {
                let vault = Vault::open(&paths.vault(), Box::new(NoPassphrase))?;
                Ok(vault.remove(&vault.find(&name)?.id)?)
            }
        }
    }
}

impl Undo {
    fn describe(&self) -> Option<String> {
        match self {
            Self::Step(step) => Some(step.undo()),
            Self::Tree(directory, _) => Some(format!("remove what was made in {}", directory.display())),
            Self::State(_) => None,
            Self::Config(path, _) => Some(format!("restore {} as it was", path.display())),
            Self::Account(name) => Some(format!("remove {name} from the vault")),
        }
    }
}

fn remove(path: &std::path::Path) -> Result<(), ShareError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(ShareError::system(format!("remove {}", path.display()))),
    }
}
