//! `claude-share tunnel …`: which file carries out which verb, and what they have in common.

mod mount;
mod serve;
mod status;
mod tunnel_error;
mod umount;

use std::process::ExitCode;

use clap::Subcommand;
use live_process::SessionName;
use live_process::agent::control::{AgentConnection, FromAgent, ToAgent};

use super::context::Context;
use crate::cs::{context, daemon, sessions};
use crate::error::CliError;

/// How long the laptop is waited for where nothing can be done without it, in milliseconds.
const PATIENCE_MS: u64 = 20_000;

#[derive(Subcommand)]
pub(crate) enum TunnelCommand {
    Serve(serve::ServeArgs),
    Mount(mount::MountArgs),
    Status(status::StatusArgs),
    Umount(umount::UmountArgs),
    #[command(hide = true)]
    Daemon(daemon::DaemonArgs),
}

/// Which session of this server.
#[derive(clap::Args)]
pub(crate) struct SessionArgs {
    /// The session, as `tunnel serve` tells it
    #[arg(long, value_name = "NAME", value_parser = SessionName::new)]
    session: SessionName,
}

pub(crate) fn run(command: &TunnelCommand, context: &Context) -> Result<ExitCode, CliError> {
    let may_ask = context.prompt.may_ask();
    let context = &live_context(context);
    let done = match command {
        TunnelCommand::Serve(args) => serve::run(args, may_ask, context),
        TunnelCommand::Mount(args) => mount::run(args, context),
        TunnelCommand::Status(args) => status::run(args, context),
        TunnelCommand::Umount(args) => umount::run(args, context),
        TunnelCommand::Daemon(args) => daemon::run(args),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// What the verbs of `cs` work with, too.
fn live_context(context: &Context) -> context::Context {
    context::Context {
        environment: context.environment.clone(),
        output: context.output.clone(),
    }
}

/// Asks the agent of a session of this server.
///
/// # Errors
/// If there is none, it does not answer, or refuses.
async fn ask(
    session: &SessionName,
    message: &ToAgent,
    context: &context::Context,
) -> Result<FromAgent, CliError> {
    let places = sessions::places(context)?;
    let mut connection = AgentConnection::connect(&places, session).await?;
    match connection.ask(message).await? {
        FromAgent::Refused(refusal) => Err(tunnel_error::of_refusal(session, refusal)),
        answer => Ok(answer),
    }
}
