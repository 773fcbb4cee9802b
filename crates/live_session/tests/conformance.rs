//! What programs expect of a file system, asked by suites that others wrote, and by programs that are hard to please.
//!
//! Both ends of the session and a real mount, as in `both_ends`. What differs from a local file system, and why, is in
//! `docs/mount.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, print for people, and panic if they cannot go on"
)]

#[path = "conformance/archive.rs"]
mod archive;
#[path = "conformance/builds.rs"]
mod builds;
#[path = "conformance/by_hand.rs"]
mod by_hand;
#[path = "conformance/fsx.rs"]
mod fsx;
#[path = "conformance/git.rs"]
mod git;
#[path = "conformance/model.rs"]
mod model;
#[path = "conformance/nameless.rs"]
mod nameless;
#[path = "conformance/pjdfstest.rs"]
mod pjdfstest;
#[path = "conformance/programs.rs"]
mod programs;
#[path = "conformance/session.rs"]
mod session;
#[path = "conformance/sqlite.rs"]
mod sqlite;
#[path = "conformance/sshfs.rs"]
mod sshfs;
#[path = "conformance/visible.rs"]
mod visible;
