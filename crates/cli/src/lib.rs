//! The programs: what people type, and what they are told.
//!
//! A program is a directory here, a verb is a file in it: parse, call, print. What they share
//! stands beside this file. Only [`environment`] reads the environment, only `output` and
//! `terminal` print; nothing else may.

pub mod claude_accounts;
pub mod claude_share;
pub mod cs;
mod descriptors;
pub mod environment;
pub mod error;
mod input;
mod output;
mod program;
mod prompt;
pub mod shim;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(test, target_feature = "crt-static")
))]
mod static_glibc;
mod table;
mod terminal;
mod time;
