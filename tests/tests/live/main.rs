//! A developer's live session, from a laptop to a server: `cs`, with a real sshd and a real mount between two machines.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod directories;
mod ending;
mod machines;
mod programs;
mod refused;
mod terminals;
