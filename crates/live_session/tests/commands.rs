//! Commands of the server on a laptop's end: a real one, and a server that says what an agent would.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

#[path = "commands/changes.rs"]
mod changes;
#[path = "commands/decisions.rs"]
mod decisions;
#[path = "commands/ends.rs"]
mod ends;
#[path = "commands/lives.rs"]
mod lives;
#[path = "commands/pipes.rs"]
mod pipes;
#[path = "commands/terminals.rs"]
mod terminals;
