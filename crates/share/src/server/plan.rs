//! From facts to steps: pure.

mod assign;
mod builder;
mod init;
mod refusal;
mod sync;
mod uninstall;
mod users;

#[cfg(test)]
mod tests;

use model::Secret;

use super::step::Step;
use crate::name::UserName;
use crate::settings::Settings;

pub use assign::plan_assign;
pub use builder::has_to_log_in_again;
pub use init::plan_init;
pub use refusal::{Refusal, RefusalKind};
pub use sync::plan_sync;
pub use uninstall::plan_uninstall;
pub use users::{plan_add_user, plan_remove_user};

/// What is to be done, in this order. Empty: there is nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What follows from a failure.
    pub on_failure: OnFailure,
}

/// What follows from a step's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// What was done is undone, the last first.
    RollBack,
    /// It ends there, and says what was done.
    Stop,
    /// If it concerns one home, the others' turn comes all the same; else it ends there.
    GoOn,
}

/// A user to be managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// His name.
    pub name: UserName,
    /// What he logs in with.
    pub password: Password,
    /// A line for his `authorized_keys`.
    pub key: Option<String>,
    /// Whether he is there already.
    pub existing: bool,
    /// The vault's account for him, by name; `None`: the default one.
    pub account: Option<String>,
}

/// What becomes of a user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// This one.
    Given(Secret),
    /// None is right.
    Locked,
    /// It stays as it is: he is there already.
    AsItIs,
}

/// What `init` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitRequest {
    /// How to share.
    pub settings: Settings,
    /// The vault's account that users get, if it was named.
    pub account: Option<String>,
    /// The users.
    pub users: Vec<NewUser>,
}

/// What `remove-user` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveRequest {
    /// Whom.
    pub user: UserName,
    /// Whether the Linux user goes too, with his home.
    pub delete: bool,
}

/// What `sync` was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// The user whose own login is to be replaced.
    pub reclaim: Option<UserName>,
}
