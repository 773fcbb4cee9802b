//! The sealed store of accounts: one SQLite file, one key.
//!
//! `vault` starts no process, opens no socket, reads no environment variable and prints nothing.
//! A secret leaves it only as a [`model::Secret`], a [`model::CredentialDocument`] or the bytes
//! of an export that somebody asked for.

mod accounts;
mod age_file;
mod bindings;
mod change;
mod clock;
pub mod columns;
pub mod durable;
mod error;
mod exchange;
mod history;
mod import_plan;
mod key;
mod key_file;
mod keyring;
mod launches;
mod login;
mod logins;
mod paths;
mod record;
mod removed;
mod rescue;
mod rotate;
mod schema;
mod sealed_settings;
mod sealer;
mod settings;
mod store;

pub use accounts::NewAccount;
pub use age_file::{
    AgeLock, AgeUnlock, is_age_file, needs_passphrase, open_age_file, seal_age_file,
};
pub use bindings::Binding;
pub use change::{AccountChange, TokenChange};
pub use error::VaultError;
pub use exchange::{
    EXPORT_LIMIT, EntryError, ImportEntry, ImportError, export_accounts, export_json,
    is_variable_name, parse_import,
};
pub use history::Generation;
pub use import_plan::{ConflictPolicy, ImportAction, plan_import};
pub use key::{KeyId, VaultKey};
pub use key_file::Protection;
pub use launches::DayOfLaunches;
pub use login::{Attempt, Cause, NewLogin};
pub use logins::PendingRenewal;
pub use paths::VaultPaths;
pub use record::{Account, Credential, Unsealed};
pub use removed::RemovedAccount;
pub use rescue::Rescue;
pub use store::{NoPassphrase, Unlock, Vault};
