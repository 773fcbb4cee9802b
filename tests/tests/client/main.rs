//! A laptop and a server that it is to have live sessions on: `claude-share client …`, over a real sshd.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod from_nothing;
mod keys;
mod pair;
mod programs;
mod shells;
mod system;
