//! Commands that are typed on the server: the agent's end, with a laptop that says what a test wants said.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

#[path = "agent_commands/ends.rs"]
mod ends;
#[path = "agent_commands/lost.rs"]
mod lost;
#[path = "agent_commands/programs.rs"]
mod programs;
#[path = "agent_commands/talk.rs"]
mod talk;
