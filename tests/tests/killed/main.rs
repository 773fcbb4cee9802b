//! `kill -9` at every durable step: the vault opens, no account is lost or damaged, and the newest refresh token that the
//! server handed out is the one that is kept, or the account says that it must sign in again.
//!
//! Three ways to kill. `strace` kills a program as it enters its N-th call of each system call that changes a file or
//! sends something, for every N until the program gets through. The token server holds a request, so that the program is
//! killed exactly before or after its token is spent. And programs are killed at many moments of their run.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests, which tell how often they killed; files that nobody has to recover"
)]

#[path = "../support/mod.rs"]
mod support;

mod kill;
mod renewal;
mod vault;
