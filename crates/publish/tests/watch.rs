//! What is told of published directories: a mirror that is kept by what is told becomes the same as the directory.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files that nobody has to recover; reads what the runner sets"
)]

#[path = "watch/directories.rs"]
mod directories;
#[path = "watch/drained.rs"]
mod drained;
#[path = "watch/files.rs"]
mod files;
#[path = "watch/limits.rs"]
mod limits;
#[path = "watch/many.rs"]
mod many;
#[path = "watch/mirror.rs"]
mod mirror;
#[path = "watch/mounts.rs"]
mod mounts;
#[path = "watch/random.rs"]
mod random;
