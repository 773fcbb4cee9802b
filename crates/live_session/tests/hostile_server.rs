//! A hostile server against a laptop's end: it gets the published directory and nothing else, whatever it says.
//!
//! The laptop's end is the real one, on a real directory in a home with secrets; the server speaks frames and messages as it
//! likes. Whatever it tries: nothing of what is outside comes over the wire, nothing outside changes, the process lives, and
//! honest requests are answered afterwards, on this session or, where that has ended with an error, on the next.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, read what the runner sets, and panic if they cannot go on"
)]

#[path = "hostile_server/commands.rs"]
mod commands;
#[path = "hostile_server/control.rs"]
mod control;
#[path = "hostile_server/driver.rs"]
mod driver;
#[path = "hostile_server/frames.rs"]
mod frames;
#[path = "hostile_server/handles.rs"]
mod handles;
#[path = "hostile_server/links.rs"]
mod links;
#[path = "hostile_server/memory.rs"]
mod memory;
#[path = "hostile_server/outside.rs"]
mod outside;
#[path = "hostile_server/paths.rs"]
mod paths;
#[path = "hostile_server/programs.rs"]
mod programs;
#[path = "hostile_server/races.rs"]
mod races;
#[path = "hostile_server/read_only.rs"]
mod read_only;
#[path = "hostile_server/requests.rs"]
mod requests;
#[path = "hostile_server/sizes.rs"]
mod sizes;
