//! The stand-in for the Claude Code client: reads, refreshes and rewrites credentials as the real one was measured to do.
//!
//! Settings, in `claude.stand-in.json` beside the program, all optional:
//! - `supports`: which of `securestorage` (`CLAUDE_SECURESTORAGE_CONFIG_DIR`) and `config-dir` (`CLAUDE_CONFIG_DIR`) it
//!   knows; both without the key. Clients differ here by version;
//! - `version`: what `--version` prints before ` (Claude Code)`;
//! - `record`: whether each start is noted in `claude.calls.jsonl` beside the program;
//! - `login`: `{"credentials": {…}, "oauthAccount": {…}}`, what `auth login` signs in as; with `"asks": true` it first waits
//!   for a line, as the real one waits for the code from the browser.
//!
//! It differs from the real client in what no test here needs: it asks no questions, has no terminal interface, and
//! refreshes only at the endpoint that `CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN` names, never at the vendor's.
//!
//! Its start is the floor of a benchmark: it reads one small file and starts no thread before it knows what to do.

mod account;
mod ask;
mod credential;
mod locks;
mod record;
mod refresh;
mod settings;

use rustix::process::{Signal, getpid, kill_process};
use settings::Settings;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

/// The settings' name, beside the program.
pub const SETTINGS_NAME: &str = "claude.stand-in.json";
/// The name of the record of calls, beside the program.
pub const CALLS_NAME: &str = "claude.calls.jsonl";
/// Names the token endpoint; without it nothing is refreshed.
pub const TOKEN_URL_VARIABLE: &str = "CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN";
/// The version that the behaviour was measured on.
pub const VERSION: &str = "2.1.330";

/// What a typed line begins with whose rest it says back. It says nothing to others.
pub const SAY: &str = "/say ";

/// The whole program.
#[must_use]
pub fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let settings = Settings::load();
    if settings.record {
        record::note(&settings, &arguments);
    }
    let outcome = dispatch(&settings, arguments.get(1..).unwrap_or_default());
    outcome.unwrap_or_else(|error| {
        eprintln!("stand-in client: {error}");
        ExitCode::FAILURE
    })
}

fn dispatch(settings: &Settings, arguments: &[String]) -> io::Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--version" | "-v", ..] => version(settings),
        ["auth", "status", ..] => account::status(settings),
        ["auth", "login", ..] => account::login(settings),
        ["auth", "logout", ..] => account::logout(settings),
        _ if value_of(&words, "--exit-status").is_some() => exit_status(&words),
        _ if value_of(&words, "--kill-self").is_some() => kill_self(&words),
        _ if words.contains(&"-p") || words.contains(&"--print") => ask::print(settings, &words),
        _ => interactive(),
    }
}

fn version(settings: &Settings) -> io::Result<ExitCode> {
    writeln!(io::stdout(), "{} (Claude Code)", settings.version)?;
    Ok(ExitCode::SUCCESS)
}

fn interactive() -> io::Result<ExitCode> {
    let mut out = io::stdout();
    out.write_all(b"ready\n")?;
    out.flush()?;
    // A pseudo-terminal whose other side has gone reads as an error, which ends a client as well.
    for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(text) = line.strip_prefix(SAY) {
            writeln!(out, "said {}", text.trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_status(words: &[&str]) -> io::Result<ExitCode> {
    let number = value_of(words, "--exit-status").and_then(|word| word.parse::<u8>().ok());
    number
        .map(ExitCode::from)
        .ok_or_else(|| io::Error::other("--exit-status takes 0 to 255"))
}

fn kill_self(words: &[&str]) -> io::Result<ExitCode> {
    let name = value_of(words, "--kill-self").unwrap_or_default();
    let signal = signal(name).ok_or_else(|| io::Error::other(format!("unknown signal: {name}")))?;
    kill_process(getpid(), signal)?;
    // Reached by an ignored signal, and for a moment by others.
    drop(io::stdin().read(&mut [0]));
    Ok(ExitCode::SUCCESS)
}

fn signal(name: &str) -> Option<Signal> {
    match name.trim_start_matches("SIG") {
        "HUP" | "1" => Some(Signal::HUP),
        "INT" | "2" => Some(Signal::INT),
        "QUIT" | "3" => Some(Signal::QUIT),
        "ABRT" | "6" => Some(Signal::ABORT),
        "KILL" | "9" => Some(Signal::KILL),
        "USR1" | "10" => Some(Signal::USR1),
        "SEGV" | "11" => Some(Signal::SEGV),
        "PIPE" | "13" => Some(Signal::PIPE),
        "TERM" | "15" => Some(Signal::TERM),
        "STOP" | "19" => Some(Signal::STOP),
        _ => None,
    }
}

/// The word after `option`.
fn value_of<'a>(words: &[&'a str], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == option)?;
    words.get(at + 1).copied()
}
