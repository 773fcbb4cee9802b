use live_process::agent::control::ToAgent;

use super::SessionArgs;
use crate::cs::context::Context;
use crate::error::CliError;

/// On the server: unmount what a laptop offers, when all that was written there is on the laptop
///
/// The session goes on: `tunnel mount` mounts it again.
#[derive(clap::Args)]
pub(crate) struct UmountArgs {
    #[command(flatten)]
    session: SessionArgs,
}

pub(crate) fn run(args: &UmountArgs, context: &Context) -> Result<(), CliError> {
    let session = &args.session.session;
    let message = ToAgent::Unmount {
        limit_ms: super::PATIENCE_MS,
    };
    context.wait_for(super::ask(session, &message, context))?;
    context.output.say(&format!("unmounted {session}"))
}
