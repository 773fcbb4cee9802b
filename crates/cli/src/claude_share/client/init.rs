use std::path::{Path, PathBuf};
use std::process::ExitCode;

use client::Destination;
use client::setup::{self, Ready, Request};
use model::AccountName;

use super::super::context::Context;
use crate::error::{CliError, Kind};
use crate::time;

/// Make a server ready for live sessions, and remember it
///
/// Puts the programs in place here and on the server, makes a key and adds it there, looks for what live sessions need,
/// and saves all that as a profile. Each step is shown. What is done already is not done again. If the server asks for a
/// password, ssh itself asks you for it, once.
#[derive(clap::Args)]
pub(crate) struct InitArgs {
    /// The server: USER@HOST, USER@HOST:PORT, or a name of ~/.ssh/config
    #[arg(value_name = "USER@HOST[:PORT]")]
    destination: String,
    /// What to call it; made of the server's name if not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The private key to use, instead of one that is made for it
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Add the key with `restrict`: no terminal, nothing forwarded; live sessions do without
    #[arg(long)]
    restrict_key: bool,
    /// Make it the default from now on; the first one is anyhow
    #[arg(long)]
    default: bool,
}

pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<ExitCode, CliError> {
    let request = Request {
        destination: Destination::parse(&args.destination)?,
        name: args.name.as_deref().map(AccountName::parse).transpose()?,
        identity: args.identity.as_deref().map(whole_path).transpose()?,
        restrict_key: args.restrict_key,
        make_default: args.default,
        may_ask: context.prompt.may_ask(),
        now: time::now().as_millis(),
    };
    let laptop = super::laptop(context)?;
    let ready = setup::set_up(&request, &laptop, &mut |event| {
        super::tell(&context.output, event);
    })?;
    conclude(&ready, context)
}

/// As it is found from any directory.
fn whole_path(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| {
        CliError::new(
            Kind::Input,
            format!("{}: {error}", path.display()),
            "Give the key by its whole path.",
        )
    })
}

fn conclude(ready: &Ready, context: &Context) -> Result<ExitCode, CliError> {
    let output = &context.output;
    match ready.missing.as_slice() {
        [] => {}
        [one] => return Err(lacking("something is missing", one)),
        [first, ..] => {
            let count = ready.missing.len();
            return Err(lacking(&format!("{count} things are missing"), first));
        }
    }
    let flag = match ready.is_default {
        true => String::new(),
        false => format!(" --server {}", ready.name),
    };
    match ready.has_changed {
        true => output.say(&format!("Done. In a project, type: cs live{flag}"))?,
        false => output.say(&format!("Nothing to do. In a project, type: cs live{flag}"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All of it was shown already; with `--quiet` the first is all that is.
fn lacking(what: &str, first: &str) -> CliError {
    CliError::new(
        Kind::Server,
        format!("the server is not ready: {what}: {first}"),
        "Install that, then run the same command again: what is done already is not done twice.",
    )
}
