//! One step at a time.

use std::path::{Path, PathBuf};

use vault::{NoPassphrase, Vault};

use super::{Event, record};
use crate::claude_json::Common;
use crate::config::ConfigFile;
use crate::desired::Provision;
use crate::home::{Item, Owner};
use crate::name::{GroupName, UserName};
use crate::owner::owner_of;
use crate::server::machine::Machine;
use crate::server::shared_tree::{self, TreeChanges, TreeWish};
use crate::server::step::{Change, Step};
use crate::server::{keeper_control, take_login, vault_accounts};
use crate::settings::Settings;
use crate::state::ServerState;
use crate::system_users::SystemUsers;
use crate::{ShareError, systemd};

/// What undoes a step, where that needs more than the step.
pub(super) enum Undo {
    Step(Step),
    Tree(PathBuf, TreeChanges),
    State(Option<Box<ServerState>>),
    /// A file as it was, with its mode.
    File {
        path: PathBuf,
        before: Option<Vec<u8>>,
        mode: u32,
    },
    /// An account that was made for the source user's login.
    Account(String),
    /// A vault that was made for it.
    Vault(PathBuf),
}

/// A plan being carried out.
pub(super) struct Work<'a> {
    pub(super) machine: &'a Machine<'a>,
    pub(super) state: Option<ServerState>,
    /// In the order in which it was done.
    pub(super) done: Vec<Undo>,
    lines: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl<'a> Work<'a> {
    pub(super) fn begin(machine: &'a Machine<'a>) -> Result<Self, ShareError> {
        Ok(Self {
            machine,
            state: ServerState::load(&machine.paths.state())?,
            done: Vec::new(),
            lines: Vec::new(),
            notes: Vec::new(),
        })
    }

    pub(super) fn tell_notes(&mut self, tell: &mut dyn FnMut(Event)) {
        for note in self.notes.drain(..) {
            tell(Event::Note(note));
        }
    }

    pub(super) fn done_so_far(&self) -> Vec<String> {
        self.lines.clone()
    }

    pub(super) fn carry_out(&mut self, step: &Step) -> Result<(), ShareError> {
        let tools = self.machine.tools;
        let paths = self.machine.paths;
        match step {
            Step::CreateGroup(group) => tools.create_group(group)?,
            Step::JoinGroup { user, group } => tools.add_to_group(user, group)?,
            Step::LeaveGroup { user, group } => tools.remove_from_group(user, group)?,
            Step::DeleteGroup(group) => tools.delete_group(group)?,
            Step::SharedTree { wish, group, .. } => self.shared_tree(wish, group)?,
            Step::RemoveSharedLogin(directory) => self.remove_shared_login(directory)?,
            Step::RemoveSharedDirectory(directory) => self.remove_shared_directory(directory)?,
            Step::CreateUser(user) => tools.create_user(user)?,
            Step::SetPassword { user, password } => tools.set_password(user, password)?,
            Step::LockPassword(user) => tools.lock_password(user)?,
            Step::AuthorizeKey { user, key } => self.authorize_key(user, key)?,
            Step::DeleteUser(user) => tools.delete_user(user, true)?,
            Step::TakeLogin {
                source,
                settings,
                account,
            } => self.take_login(source, settings, account)?,
            Step::SetUpHome {
                user,
                reclaim,
                is_new,
                ..
            } => {
                self.set_up_home(user, *reclaim, *is_new)?;
            }
            Step::SetUpSource {
                user,
                reclaim,
                is_new,
            } => {
                self.set_up_source(user, *reclaim, *is_new)?;
            }
            Step::TakeBackHome(user) => self.take_back_home(user)?,
            Step::GiveBackLogin(user) => self.give_back_login(user)?,
            Step::Record(change) => self.record(change)?,
            Step::WriteConfig {
                path,
                settings,
                users,
            } => self.write_config(path, settings, users)?,
            Step::RemoveConfig(path) => remove_config(path)?,
            Step::RemoveState(path) => remove_file(path)?,
            Step::DeleteVault(path) => delete_vault(path)?,
            Step::InstallUnit { text, .. } => {
                systemd::install(paths, text)?;
                // One that nobody supervises would hold the lock.
                keeper_control::stop(paths)?;
                systemd::enable_and_start(paths, true)?;
            }
            Step::RemoveUnit(_) => drop(systemd::stop_and_remove(paths)?),
            Step::StartKeeper => keeper_control::start(paths, self.machine.keeper)?,
            Step::StopKeeper => keeper_control::stop(paths)?,
            Step::ReloadKeeper => keeper_control::reload(paths, self.machine.keeper)?,
        }
        self.lines.extend(step.done());
        if is_undone_by_itself(step) {
            self.done.push(Undo::Step(step.clone()));
        }
        Ok(())
    }

    fn shared_tree(&mut self, wish: &TreeWish, group: &GroupName) -> Result<(), ShareError> {
        let gid = self.gid(group)?;
        let mut wish = wish.clone();
        if let (Some(contents), Some(login)) =
            (wish.files.get_mut(&Item::Credentials), self.whole_login()?)
        {
            *contents = login;
        }
        let mut changes = TreeChanges::default();
        let mended = shared_tree::mend(&wish, gid, self.machine.stamp, &mut changes);
        for (from, to) in &changes.kept {
            let (from, to) = (from.display(), to.display());
            self.notes
                .push(format!("what was at {from} is kept as {to}"));
        }
        self.done.push(Undo::Tree(wish.directory.clone(), changes));
        mended
    }

    /// The login of the default account, for the shared file of `link` mode.
    fn whole_login(&self) -> Result<Option<String>, ShareError> {
        let Some(vault) = vault_accounts::open(&self.machine.paths.vault())? else {
            return Ok(None);
        };
        let Some(state) = &self.state else {
            return Ok(None);
        };
        let id = model::AccountId::from_stored(state.default_account.clone());
        let unsealed = vault.unseal(&vault.get(&id)?)?;
        let bytes = unsealed.login().map(model::CredentialDocument::to_bytes);
        Ok(bytes.map(|bytes| String::from_utf8(bytes).expect("JSON is UTF-8")))
    }

    fn remove_shared_login(&mut self, directory: &Path) -> Result<(), ShareError> {
        let group = GroupName::parse(&self.settings()?.group)?;
        let removed = self.machine.paths.data.join("removed");
        let stamp = self.machine.stamp;
        let kept = shared_tree::remove_credentials(directory, self.gid(&group)?, stamp, &removed)?;
        if let Some(kept) = kept {
            self.notes
                .push(format!("what was there is kept as {}", kept.display()));
        }
        Ok(())
    }

    fn remove_shared_directory(&mut self, directory: &Path) -> Result<(), ShareError> {
        if let Some(kept) = shared_tree::set_aside(directory, self.machine.stamp)? {
            self.notes
                .push(format!("it is now {}, for root alone", kept.display()));
        }
        Ok(())
    }

    fn take_login(
        &mut self,
        source: &UserName,
        settings: &Settings,
        account: &str,
    ) -> Result<(), ShareError> {
        let owner = self.owner(source, settings)?;
        let paths = self.machine.paths;
        if !paths.vault().exists() {
            self.done
                .push(Undo::Vault(paths.vault().directory().to_owned()));
        }
        let common = paths.claude_json();
        let before = std::fs::read(&common).ok();
        self.done.push(Undo::File {
            path: common,
            before,
            mode: 0o600,
        });
        if take_login::take(self.machine, settings, &owner, account)?.added {
            self.done.push(Undo::Account(account.to_owned()));
        }
        Ok(())
    }

    fn record(&mut self, change: &Change) -> Result<(), ShareError> {
        let before = self.state.clone();
        let paths = self.machine.paths;
        let account_id = |name: &str| -> Result<String, ShareError> {
            let vault = Vault::open(&paths.vault(), Box::new(NoPassphrase))?;
            Ok(vault.find(name)?.id.as_str().to_owned())
        };
        let after = record::changed(before.clone(), change, account_id)?;
        after.store(&paths.state())?;
        self.state = Some(after);
        self.done.push(Undo::State(before.map(Box::new)));
        if let Change::Forget(user) = change {
            self.forget_in_common(user)?;
        }
        Ok(())
    }

    /// A keeper that runs has it in memory, and forgets him by itself.
    fn forget_in_common(&self, user: &UserName) -> Result<(), ShareError> {
        if keeper_control::is_running(self.machine.paths) {
            return Ok(());
        }
        let path = self.machine.paths.claude_json();
        let mut common = Common::load(&path)?;
        match common.remove_user(user.as_str()) {
            true => common.store(&path),
            false => Ok(()),
        }
    }

    fn write_config(
        &mut self,
        path: &Path,
        settings: &Settings,
        users: &[UserName],
    ) -> Result<(), ShareError> {
        let file = ConfigFile::read(path)?;
        let before = file.as_ref().map(ConfigFile::to_bytes);
        let mut file = file.unwrap_or_else(|| ConfigFile::new(path));
        file.apply(settings, users)?;
        if let Some(directory) = path.parent() {
            use std::os::unix::fs::DirBuilderExt as _;
            let made = std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(directory);
            made.map_err(ShareError::system(format!("make {}", directory.display())))?;
        }
        file.store()?;
        self.done.push(Undo::File {
            path: path.to_owned(),
            before,
            mode: 0o644,
        });
        Ok(())
    }

    pub(super) fn provision(&self, account_id: &str) -> Result<Provision, ShareError> {
        let vault = Vault::open(&self.machine.paths.vault(), Box::new(NoPassphrase))?;
        let account = vault.get(&model::AccountId::from_stored(account_id.to_owned()))?;
        Ok(vault_accounts::provision(&vault, &account))
    }

    pub(super) fn state(&self) -> Result<&ServerState, ShareError> {
        self.state
            .as_ref()
            .ok_or_else(|| ShareError::Name("this server is not set up".to_owned()))
    }

    pub(super) fn settings(&self) -> Result<&Settings, ShareError> {
        Ok(&self.state()?.settings)
    }

    fn gid(&self, group: &GroupName) -> Result<u32, ShareError> {
        let found = SystemUsers::read()?.lookup_group(group)?;
        found
            .map(|group| group.gid)
            .ok_or_else(|| ShareError::Program {
                program: "groupadd".to_owned(),
                problem: format!("the group {group} does not exist"),
            })
    }

    /// The user as he is now. Without the group he has only his own.
    pub(super) fn owner(&self, user: &UserName, settings: &Settings) -> Result<Owner, ShareError> {
        let system = SystemUsers::read()?;
        let found = system
            .lookup(user)?
            .ok_or_else(|| home_error(user, "the Linux user does not exist"))?;
        let group = system.lookup_group(&GroupName::parse(&settings.group)?)?;
        Ok(owner_of(&found, group.map_or(found.gid, |group| group.gid)))
    }
}

/// Whether the step says all that is needed to undo it; others leave word themselves.
fn is_undone_by_itself(step: &Step) -> bool {
    matches!(
        step,
        Step::CreateGroup(_)
            | Step::JoinGroup { .. }
            | Step::CreateUser(_)
            | Step::InstallUnit { .. }
            | Step::StartKeeper
    )
}

fn remove_file(path: &Path) -> Result<(), ShareError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(ShareError::system(format!("remove {}", path.display()))),
    }
}

fn remove_config(path: &Path) -> Result<(), ShareError> {
    remove_file(path)?;
    if let Some(directory) = path.parent() {
        // It stays if somebody has put something else there.
        drop(std::fs::remove_dir(directory));
    }
    Ok(())
}

fn delete_vault(path: &Path) -> Result<(), ShareError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(ShareError::system(format!("remove {}", path.display()))),
    }
}

pub(super) fn home_error(user: &UserName, problem: &str) -> ShareError {
    ShareError::Home {
        user: user.to_string(),
        problem: problem.to_owned(),
    }
}
