//! A developer's live session, from a laptop to a server: `cs`, with a real sshd and a real mount between two machines.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod account;
mod cuts;
mod delays;
mod directories;
mod ending;
mod lost;
mod many;
mod programs;
mod real_client;
mod refused;
mod sshfs;
mod terminals;
mod tunnel;
mod whole_story;
mod work;
