//! The token server on its own, for demonstrations and benchmarks.
//!
//! `stand-in-token-server [--seed-login NAME]… [--expires-in SECONDS] [--revoke-on-reuse]` prints its URL, then a credentials
//! document for each seed, each on one line, then one JSON line a request. It ends with its standard input or by a signal.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for people at a terminal, dev only"
)]

use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::UNIX_EPOCH;
use testkit::token_server::{Mode, RecordedRequest, TokenServer};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Standard error may be gone; there is nobody else to tell.
            drop(writeln!(io::stderr(), "stand-in-token-server: {message}"));
            ExitCode::from(2)
        }
    }
}

fn serve() -> Result<(), String> {
    let server = Arc::new(TokenServer::start());
    let mut seeds = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} takes a value"))
        };
        match argument.as_str() {
            "--seed-login" => seeds.push(value()?),
            "--expires-in" => {
                let seconds = value()?
                    .parse()
                    .map_err(|_| "--expires-in takes seconds".to_owned())?;
                server.set_mode(Mode::WithExpiresIn(seconds));
            }
            "--revoke-on-reuse" => server.revoke_on_reuse(true),
            _ => return Err(format!("unknown argument: {argument}")),
        }
    }
    println!("{}", server.url());
    for seed in seeds {
        println!("{}", server.issue(&seed).credentials());
    }
    let logged = Arc::clone(&server);
    thread::spawn(move || logged.for_each_answer(|request| println!("{}", line(request))));
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map_err(|error| error.to_string())?;
    Ok(())
}

/// Only the token's end: enough to tell tokens apart, no use to anybody should a real one arrive.
fn line(request: &RecordedRequest) -> String {
    let at = request
        .at
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let token = request.refresh_token.as_str();
    let end = token
        .char_indices()
        .rev()
        .nth(7)
        .map_or(token, |(at, _)| &token[at..]);
    json!({"at_ms": at as u64, "refresh_token_ends": end, "status": request.answered_status})
        .to_string()
}
