//! Launching, with real files, real shells and the stand-in client.

#![allow(clippy::unwrap_used, reason = "tests")]

mod become_client;
mod config_links;
mod find_client;
mod probe;
mod session_environment;
mod shell_files;
mod shells;
