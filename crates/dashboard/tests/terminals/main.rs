//! Terminals over Socket.IO, as clients see them: a real server, and a client that speaks Engine.IO
//! and Socket.IO by hand. What runs in the terminals is a script of the test's own.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover"
)]

mod events;
mod flow;
mod hours;
mod polling;
mod python;
mod rights;
mod server;
mod sessions;
mod socket;
