//! Undoing what was done, the last first.

use std::time::Duration;

use vault::durable::{self, Placing};
use vault::{NoPassphrase, Vault};

use super::Event;
use super::carry_out::{Undo, Work};
use crate::name::UserName;
use crate::server::keeper_control;
use crate::server::shared_tree;
use crate::server::step::Step;
use crate::{ShareError, systemd};

impl Work<'_> {
    /// Undoes everything that can be undone; gives what was undone, and what is left.
    ///
    /// The vault keeps a login that could not be given back, whatever else is undone.
    pub(super) fn roll_back(mut self, tell: &mut dyn FnMut(Event)) -> (Vec<String>, Vec<String>) {
        let (mut undone, mut left) = (Vec::new(), Vec::new());
        let mut has_login_back = true;
        while let Some(undo) = self.done.pop() {
            let described = undo.describe();
            if !has_login_back && undo.loses_login() {
                left.extend(
                    described.map(|described| {
                        format!("not done: {described} (nobody else has the login)")
                    }),
                );
                continue;
            }
            let gives_back = matches!(undo, Undo::Step(Step::SetUpSource { .. }));
            match self.undo(undo) {
                Ok(()) => undone.extend(described),
                Err(error) => {
                    has_login_back &= !gives_back;
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
            Undo::Step(Step::CreateUser(user)) => self.delete_user(&user),
            Undo::Step(Step::SetUpHome { user, .. }) => self.take_back_home(&user),
            Undo::Step(Step::SetUpSource { user, .. }) => self.give_back_login(&user),
            Undo::Step(Step::InstallUnit { .. }) => systemd::stop_and_remove(paths).map(drop),
            Undo::Step(Step::StartKeeper) => keeper_control::stop(paths),
            Undo::Step(_) => Ok(()),
            Undo::Tree(directory, changes) => {
                match shared_tree::unmake(&directory, &changes).as_slice() {
                    [] => Ok(()),
                    left => Err(ShareError::Name(left.join("; "))),
                }
            }
            Undo::State(before) => {
                let restored = match &before {
                    Some(state) => state.store(&paths.state()),
                    None => remove(&paths.state()),
                };
                self.state = before.map(|state| *state);
                restored
            }
            Undo::File {
                path,
                before: Some(bytes),
                mode,
            } => Ok(durable::write(&path, &bytes, mode, Placing::Replace)?),
            Undo::File {
                path, before: None, ..
            } => remove(&path),
            Undo::Vault(path) => remove_vault(&path),
            Undo::Account(name) => {
                let vault = Vault::open(&paths.vault(), Box::new(NoPassphrase))?;
                Ok(vault.remove(&vault.find(&name)?.id)?)
            }
        }
    }
}

impl Work<'_> {
    /// Processes of ours that were in his home may take a moment to end.
    fn delete_user(&self, user: &UserName) -> Result<(), ShareError> {
        const ATTEMPTS: usize = 30;
        let tools = self.machine.tools;
        for _attempt in 1..ATTEMPTS {
            if tools.delete_user(user, true).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        tools.delete_user(user, true)
    }
}

impl Undo {
    /// Whether a login is gone with it that nobody else has.
    fn loses_login(&self) -> bool {
        matches!(self, Self::Account(_) | Self::Vault(_) | Self::State(_))
    }

    fn describe(&self) -> Option<String> {
        match self {
            Self::Step(step) => Some(step.undo()),
            Self::Tree(directory, _) => {
                Some(format!("remove what was made in {}", directory.display()))
            }
            Self::State(_) => None,
            Self::File { path, .. } => Some(format!("restore {} as it was", path.display())),
            Self::Vault(path) => Some(format!("remove the vault {}", path.display())),
            Self::Account(name) => Some(format!("remove {name} from the vault")),
        }
    }
}

/// Only one without accounts.
fn remove_vault(path: &std::path::Path) -> Result<(), ShareError> {
    let vault = Vault::open(&vault::VaultPaths::new(path), Box::new(NoPassphrase))?;
    if !vault.accounts()?.is_empty() {
        return Ok(());
    }
    drop(vault);
    std::fs::remove_dir_all(path).map_err(ShareError::system(format!("remove {}", path.display())))
}

fn remove(path: &std::path::Path) -> Result<(), ShareError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(ShareError::system(format!("remove {}", path.display()))),
    }
}
