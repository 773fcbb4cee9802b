//! One user's home: what is to be there, what is there, and how the one becomes the other.
//!
//! Everything below a home is touched by a process that has become its owner for good
//! ([`crate::home_processes`]). What is decided here is decided from facts alone.

mod authorized_keys;
mod claude_json_file;
mod credentials;
mod directory;
mod items;
mod links;
mod settings_file;
mod take_back;
mod umask;
mod wish;
mod work;

pub(crate) use claude_json_file::Patched;
pub(crate) use credentials::fingerprint;
pub use wish::{
    ClaudeJsonWish, Condition, CredentialsWish, HomeReport, HomeRequest, HomeWish, Item,
    ItemReport, Mended, Owner, SettingsWish, Task, Watch, WatchedDirectory,
};
pub(crate) use work::Worker;
