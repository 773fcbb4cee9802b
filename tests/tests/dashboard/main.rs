//! "I open the dashboard": `claude-accounts serve` as a browser, a script and an attacker see it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and read what the runner tells them"
)]

mod browser;
mod description;
mod serve;
