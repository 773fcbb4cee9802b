//! The container of the dashboard, built and run by Podman on a disposable machine, and the proxies in front of it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they read what the runner sets"
)]

mod engines;
mod files;
mod proxies;
mod scene;
mod start;
