//! The three jobs at work, on disposable hosts with stand-ins for the client, the token server and the API, as a recording:
//! `cargo xtask recording`. Written to standard output as asciicast version 2
//! (<https://docs.asciinema.org/manual/asciicast/v2/>); each scene begins with a marker that has its title.
//!
//! Somebody seems to type, and to read: the times are made up, so that two recordings differ in nothing else than the
//! programs do. What is shown is what the programs have put on their terminal.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for people at a terminal, dev only"
)]

mod player;
mod scenes;

use player::Recording;
use testkit::Host;

fn main() -> std::process::ExitCode {
    if let Err(reason) = Host::available() {
        println!("{reason}");
        return std::process::ExitCode::FAILURE;
    }
    let mut recording = Recording::new();
    let (laptop, server) = scenes::hosts();
    scenes::several_accounts(&mut recording, &laptop);
    scenes::several_users(&mut recording, &server);
    scenes::live_session(&mut recording, &laptop, &server);
    print!("{}", recording.asciicast());
    std::process::ExitCode::SUCCESS
}
