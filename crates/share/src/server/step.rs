//! One change of the machine: what it will do, what would undo it, and what is said when it is
//! done.

#![expect(
    missing_docs,
    reason = "the line above a variant says what its fields are"
)]

use std::path::PathBuf;

use model::Secret;

use super::shared_tree::TreeWish;
use crate::name::{GroupName, UserName};
use crate::settings::Settings;

/// One change of the machine. No text of one holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the group.
    CreateGroup(GroupName),
    /// Put a user into it.
    JoinGroup { user: UserName, group: GroupName },
    /// Take a user out of it.
    LeaveGroup { user: UserName, group: GroupName },
    /// Remove the group.
    DeleteGroup(GroupName),
    /// Make the shared directory, or put it right.
    SharedTree {
        wish: TreeWish,
        group: GroupName,
        wrong: Vec<String>,
    },
    /// Take the login out of the shared directory.
    RemoveSharedLogin(PathBuf),
    /// Move the shared directory aside.
    RemoveSharedDirectory(PathBuf),
    /// Make a Linux user.
    CreateUser(UserName),
    /// Give him a password.
    SetPassword { user: UserName, password: Secret },
    /// Make every password wrong for him.
    LockPassword(UserName),
    /// Let whoever has this key log in as him.
    AuthorizeKey { user: UserName, key: String },
    /// Remove a Linux user with his home.
    DeleteUser(UserName),
    /// Take the source user's login into the vault.
    TakeLogin {
        source: UserName,
        settings: Settings,
        account: String,
    },
    /// Make a user's home as it is to be.
    SetUpHome {
        user: UserName,
        wrong: Vec<String>,
        reclaim: bool,
        is_new: bool,
    },
    /// Put a view in the place of the source user's login.
    SetUpSource {
        user: UserName,
        reclaim: bool,
        is_new: bool,
    },
    /// Take back what is ours in a user's home, and put back what was there before.
    TakeBackHome(UserName),
    /// Give the source user his whole login back.
    GiveBackLogin(UserName),
    /// Record something in the state.
    Record(Change),
    /// Make the config file say what is in force.
    WriteConfig {
        path: PathBuf,
        settings: Settings,
        users: Vec<UserName>,
    },
    /// Remove the config file.
    RemoveConfig(PathBuf),
    /// Remove the record of what was set up.
    RemoveState(PathBuf),
    /// Remove the vault with all its logins and keys.
    DeleteVault(PathBuf),
    /// Install the keeper's unit and start it.
    InstallUnit { path: PathBuf, text: String },
    /// Stop the keeper and remove its unit.
    RemoveUnit(PathBuf),
    /// Start the keeper in the background.
    StartKeeper,
    /// Stop it.
    StopKeeper,
    /// Have it read the state anew.
    ReloadKeeper,
}

/// A change of the record. Accounts are given by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What is in force, and which account users get.
    Server {
        settings: Settings,
        account: String,
        made_group: bool,
    },
    /// What is in force.
    Settings(Settings),
    /// Whose login the vault has.
    Source {
        user: UserName,
        account: String,
        joined_group: bool,
    },
    /// A user who is being set up: the keeper does not know him yet.
    User {
        user: UserName,
        account: Option<String>,
        created: bool,
        joined_group: bool,
    },
    /// A user who has been set up: the keeper's from now on.
    SetUp(UserName),
    /// That a user has been put into the group.
    Joined(UserName),
    /// Another account for a user; `None`: the default one.
    Assign {
        user: UserName,
        account: Option<String>,
    },
    /// A user whom the keeper is to leave alone, as he is being taken off.
    Leaving(UserName),
    /// A user who is managed no longer.
    Forget(UserName),
}

impl Step {
    /// What it will do, in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::CreateGroup(group) => format!("create the group {group}"),
            Self::JoinGroup { user, group } => format!("add {user} to the group {group}"),
            Self::LeaveGroup { user, group } => format!("take {user} out of the group {group}"),
            Self::DeleteGroup(group) => format!("delete the group {group}"),
            Self::SharedTree { wish, group, wrong } => format!(
                "make the shared directory {} for the group {group}: {}",
                wish.directory.display(),
                wrong.join("; ")
            ),
            Self::RemoveSharedLogin(path) => {
                format!(
                    "take the login out of {}, for root alone to read",
                    path.display()
                )
            }
            Self::RemoveSharedDirectory(path) => {
                format!(
                    "move the shared directory {} aside as a dated backup",
                    path.display()
                )
            }
            Self::CreateUser(user) => format!("create the Linux user {user}"),
            Self::SetPassword { user, .. } => format!("set a password for {user}"),
            Self::LockPassword(user) => format!("let {user} log in without password only"),
            Self::AuthorizeKey { user, .. } => format!("add an SSH key to those of {user}"),
            Self::DeleteUser(user) => format!("delete the Linux user {user} with his home"),
            Self::TakeLogin {
                source, account, ..
            } => {
                format!("take the login of {source} into the vault as {account}")
            }
            Self::SetUpHome { user, wrong, .. } if wrong.is_empty() => {
                format!("link {user} to shared auth")
            }
            Self::SetUpHome { user, wrong, .. } => {
                format!("put the home of {user} right: {}", wrong.join("; "))
            }
            Self::SetUpSource { user, .. } => {
                format!("put a view in the place of the login of {user}, which the vault has")
            }
            Self::TakeBackHome(user) => format!("take back what is ours in the home of {user}"),
            Self::GiveBackLogin(user) => format!("give {user} his whole login back"),
            Self::Record(change) => change.describe(),
            Self::WriteConfig { path, .. } => format!("write {}", path.display()),
            Self::RemoveConfig(path) | Self::RemoveState(path) => {
                format!("remove {}", path.display())
            }
            Self::DeleteVault(path) => {
                format!(
                    "delete the vault {} with every login and key in it",
                    path.display()
                )
            }
            Self::InstallUnit { path, .. } => {
                format!("install {} and start the keeper", path.display())
            }
            Self::RemoveUnit(path) => format!("stop the keeper and remove {}", path.display()),
            Self::StartKeeper => "start the keeper in the background".to_owned(),
            Self::StopKeeper => "stop the keeper".to_owned(),
            Self::ReloadKeeper => "have the keeper read anew what is set up".to_owned(),
        }
    }

    /// What would undo it, in one line.
    #[must_use]
    pub fn undo(&self) -> String {
        match self {
            Self::CreateGroup(group) => format!("delete the group {group}"),
            Self::JoinGroup { user, group } => format!("take {user} out of the group {group}"),
            Self::LeaveGroup { user, group } => format!("add {user} to the group {group}"),
            Self::DeleteGroup(group) => format!("create the group {group}"),
            Self::SharedTree { .. } => {
                "remove what was made there; what was replaced stands beside as a dated backup"
                    .to_owned()
            }
            Self::RemoveSharedLogin(path) => format!("copy it back to {}", path.display()),
            Self::RemoveSharedDirectory(path) => {
                format!("move the backup back to {}", path.display())
            }
            Self::CreateUser(user) => format!("delete the Linux user {user} with his home"),
            Self::SetPassword { user, .. } | Self::LockPassword(user) => {
                format!("nothing: {user} keeps it until he or you change it")
            }
            Self::AuthorizeKey { user, .. } => {
                format!("remove the line from ~{user}/.ssh/authorized_keys")
            }
            Self::DeleteUser(_) | Self::DeleteVault(_) => "nothing can".to_owned(),
            Self::TakeLogin { account, .. } => format!("remove {account} from the vault"),
            Self::SetUpHome { user, .. } => {
                format!("take back what is ours in the home of {user} and restore what he had")
            }
            Self::SetUpSource { user, .. } => format!("give {user} his whole login back"),
            Self::TakeBackHome(user) => format!("link {user} to shared auth again"),
            Self::GiveBackLogin(user) => format!("put a view in the place of the login of {user}"),
            Self::Record(_) => "restore the record as it was".to_owned(),
            Self::WriteConfig { path, .. } => format!("restore {} as it was", path.display()),
            Self::RemoveConfig(_) | Self::RemoveState(_) => {
                "write it again: `claude-share server init`".to_owned()
            }
            Self::InstallUnit { path, .. } => {
                format!("stop the keeper and remove {}", path.display())
            }
            Self::RemoveUnit(path) => format!("install {} again", path.display()),
            Self::StartKeeper => "stop the keeper".to_owned(),
            Self::StopKeeper => "start the keeper".to_owned(),
            Self::ReloadKeeper => "nothing to undo".to_owned(),
        }
    }

    /// What is said when it is done, after a check mark; nothing for what goes without saying.
    #[must_use]
    pub fn done(&self) -> Option<String> {
        Some(match self {
            Self::CreateGroup(group) => format!("Created group: {group}"),
            Self::JoinGroup { user, group } => format!("Added {user} to group {group}"),
            Self::LeaveGroup { user, group } => format!("Took {user} out of group {group}"),
            Self::DeleteGroup(group) => format!("Deleted group: {group}"),
            Self::SharedTree { wish, .. } => {
                format!("Shared dir ready: {}", wish.directory.display())
            }
            Self::RemoveSharedLogin(path) => {
                format!(
                    "Took the login out of the group's reach: {}",
                    path.display()
                )
            }
            Self::RemoveSharedDirectory(path) => format!("Moved aside: {}", path.display()),
            Self::CreateUser(user) => format!("Created user: {user}"),
            Self::SetPassword { user, .. } => format!("Set password for {user}"),
            Self::LockPassword(user) => format!("No password is right for {user}"),
            Self::AuthorizeKey { user, .. } => format!("Added SSH key for {user}"),
            Self::DeleteUser(user) => format!("Deleted user: {user}"),
            Self::TakeLogin {
                source, account, ..
            } => {
                format!("Took the login of {source} into the vault: {account}")
            }
            Self::SetUpHome {
                user, is_new: true, ..
            } => format!("Linked {user} to shared auth"),
            Self::SetUpHome { user, .. } => format!("Put right: {user}"),
            Self::SetUpSource { user, .. } => {
                format!("{user} has a view now; the keeper alone renews")
            }
            Self::TakeBackHome(user) => format!("Took {user} off shared auth"),
            Self::GiveBackLogin(user) => format!("Gave {user} the whole login back"),
            Self::Record(change) => return change.done(),
            Self::WriteConfig { path, .. } => format!("Wrote config: {}", path.display()),
            Self::RemoveConfig(path) | Self::RemoveState(path) | Self::DeleteVault(path) => {
                format!("Removed: {}", path.display())
            }
            Self::InstallUnit { path, .. } => {
                format!("Keeper installed and running: {}", path.display())
            }
            Self::RemoveUnit(path) => format!("Keeper stopped, unit removed: {}", path.display()),
            Self::StartKeeper => "Keeper running in the background".to_owned(),
            Self::StopKeeper => "Keeper stopped".to_owned(),
            Self::ReloadKeeper => return None,
        })
    }
}

impl Change {
    fn describe(&self) -> String {
        match self {
            Self::Server { account, .. } => {
                format!("record what is set up, with {account} as the default account")
            }
            Self::Settings(_) => "record the settings".to_owned(),
            Self::Source { user, .. } => format!("record that the vault has the login of {user}"),
            Self::User {
                user,
                account: Some(account),
                ..
            } => {
                format!("record {user} as a managed user with the account {account}")
            }
            Self::User { user, .. } => format!("record {user} as a managed user"),
            Self::SetUp(user) => format!("record that {user} is set up"),
            Self::Joined(user) => format!("record that {user} was put into the group"),
            Self::Assign {
                user,
                account: Some(account),
            } => {
                format!("assign the account {account} to {user}")
            }
            Self::Assign { user, .. } => format!("assign the default account to {user}"),
            Self::Leaving(user) => format!("record that {user} is being taken off"),
            Self::Forget(user) => format!("forget {user}"),
        }
    }

    fn done(&self) -> Option<String> {
        match self {
            Self::Assign {
                user,
                account: Some(account),
            } => Some(format!("Assigned {account} to {user}")),
            Self::Assign { user, .. } => Some(format!("Assigned the default account to {user}")),
            Self::Server { .. }
            | Self::Settings(_)
            | Self::Source { .. }
            | Self::User { .. }
            | Self::SetUp(_)
            | Self::Joined(_)
            | Self::Leaving(_)
            | Self::Forget(_) => None,
        }
    }
}
