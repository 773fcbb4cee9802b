//! Programs on the server, through both ends of a session, over streams that break.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

#[path = "programs/ends.rs"]
mod ends;
#[path = "programs/hostile.rs"]
mod hostile;
#[path = "programs/lives.rs"]
mod lives;
#[path = "programs/pipes.rs"]
mod pipes;
#[path = "programs/terminals.rs"]
mod terminals;
