//! A hostile user on a server: whatever he puts into his home, however often he changes it and whatever he does to the
//! processes that work for him. The others get every new token, nothing outside of his home is read or written, nothing
//! of the login's own secret reaches him, and once he stops his home comes right again.
//!
//! What is outside is watched by its content, its mode and times, also that of the last reading. It is open to everybody
//! where it can be, so that only the way that is taken keeps it safe.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests, which tell how long things took"
)]

mod connections;
mod homes;
mod identity;
mod plants;
mod processes;
mod races;
mod scene;
mod search;
mod secrets;
mod shared;
