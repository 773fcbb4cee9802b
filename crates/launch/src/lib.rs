//! What a launch is: the client, its environment, its directories, and becoming it.
//!
//! `launch` reads no environment variable, prints nothing, opens no socket and starts no thread;
//! the one process that it starts beside the client is the client itself, asked what it supports.
//! What a launch does every time ([`find_client`], [`SupportCache::lookup`],
//! [`session_environment`], [`choose`], [`replace_process`]) reads one small file at most.

mod aliases;
mod binding;
mod block;
mod client;
mod config_links;
mod environment;
mod error;
mod exec;
mod rc_file;
pub mod readiness;
mod settings_check;
mod shell;
mod shell_files;
mod status_line;
mod support;
mod support_cache;

pub use aliases::{alias_line, launch_command, script};
pub use binding::choose;
pub use block::{BlockError, add_block, made_for_block, remove_block};
pub use client::{ClientIdentity, find_client};
pub use config_links::{CarriedBack, carry_back, link_config};
pub use environment::{
    ACCOUNT_VARIABLE, Injection, RIVAL_VARIABLES, SECURE_STORAGE_VARIABLE, check_variable,
    export_lines, rivals_present, session_environment,
};
pub use error::LaunchError;
pub use exec::replace_process;
pub use settings_check::{SettingsRival, rivals_in, settings_files, settings_rivals};
pub use shell::Shell;
pub use shell_files::{Change, FileChange, ShellFiles};
pub use status_line::{duration_short, format_status_line};
pub use support::{ANSWER_TIME, ViewSupport, probe, reads_view};
pub use support_cache::SupportCache;
