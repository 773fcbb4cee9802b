//! Setting a server up, changing it and leaving it: facts are read, a pure function makes a plan,
//! one function carries it out.
//!
//! ```text
//!  Facts (read once) ──▶ plan_init, plan_add_user, … (pure) ──▶ Plan ──▶ apply ──▶ lines
//! ```
//!
//! A plan has only what is not yet so: a command that is given twice plans nothing the second time.

pub mod apply;
pub mod facts;
pub mod homes;
mod keeper_control;
pub mod lock;
mod machine;
pub mod plan;
pub mod shared_tree;
pub mod step;
mod take_login;
mod vault_accounts;

pub use apply::{ApplyError, apply};
pub use facts::{Facts, Questions};
pub use keeper_control::KeeperStart;
pub use lock::CommandLock;
pub use machine::Machine;
pub use plan::{
    InitRequest, NewUser, OnFailure, Password, Plan, Refusal, RefusalKind, RemoveRequest,
    SyncRequest, has_to_log_in_again, plan_add_user, plan_assign, plan_init, plan_remove_user,
    plan_sync, plan_uninstall,
};
pub use step::Step;
