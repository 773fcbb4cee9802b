//! Several Linux users, one login or key: what a server is to look like, what it does look like,
//! and how the one becomes the other.
//!
//! `share` reads no environment variable and prints nothing. It touches a user's home only in a
//! process that has become that user for good ([`home_processes`]), and that process has never
//! held a refresh token, a key or another user's anything.

pub mod claude_json;
pub mod config;
pub mod desired;
mod error;
pub mod home;
pub mod home_processes;
pub mod keeper;
pub mod name;
pub mod owner;
pub mod paths;
pub mod server;
pub mod settings;
pub mod stamp;
pub mod state;
pub mod status;
pub mod system_users;
pub mod systemd;
pub mod user_tools;
pub mod users_file;

pub use error::ShareError;
pub use paths::ServerPaths;
pub use settings::{ClaudeJsonMode, CredentialsMode, Settings};
pub use state::{ServerState, SourceRecord, UserRecord};
