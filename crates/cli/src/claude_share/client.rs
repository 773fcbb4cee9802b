//! `claude-share client …`: which file carries out which verb, and what they have in common.

mod client_error;
mod init;
mod remove;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use client::setup::{Event, Laptop};
use client::{ClientPaths, Tools};

use super::context::Context;
use crate::environment::Variable;
use crate::error::{CliError, Kind};
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    Init(init::InitArgs),
    Status(status::StatusArgs),
    Remove(remove::RemoveArgs),
}

pub(crate) fn run(command: &ClientCommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        ClientCommand::Init(args) => init::run(args, context),
        ClientCommand::Status(args) => status::run(args, context),
        ClientCommand::Remove(args) => remove::run(args, context),
    }
}

/// This machine, and whose it is.
fn laptop(context: &Context) -> Result<Laptop, CliError> {
    let environment = &context.environment;
    let home = environment.get(Variable::Home).map(PathBuf::from);
    let home = home.filter(|home| home.is_absolute()).ok_or_else(|| {
        CliError::new(
            Kind::Usage,
            "there is no home directory",
            "Set the variable HOME to its whole path.",
        )
    })?;
    let mut inherited = environment.inherited();
    // `SendEnv` may have variables sent to the server: these are the client's and ours, with keys among them.
    inherited.retain(|(name, _)| {
        let name = name.as_encoded_bytes();
        !name.starts_with(b"CLAUDE_") && !name.starts_with(b"ANTHROPIC_")
    });
    Ok(Laptop {
        paths: ClientPaths::new(home),
        tools: Tools {
            ssh: "ssh".into(),
            ssh_keygen: "ssh-keygen".into(),
            environment: inherited,
        },
        program: context.program()?,
        search_path: environment.get(Variable::Path).map(ToOwned::to_owned),
    })
}

/// A step as it is done. A terminal that has gone is no reason to stop half-way.
fn tell(output: &Output, event: Event) {
    let shown = |text: &str| model::printable(text);
    match event {
        Event::Done(text) => drop(output.say(&format!("✓ {}", shown(&text)))),
        Event::Note(text) => drop(output.say(&format!("  {}", shown(&text)))),
        Event::Missing(text) => drop(output.say(&format!("✗ {}", shown(&text)))),
        Event::Warning(text) => output.warning(&text),
    }
}
