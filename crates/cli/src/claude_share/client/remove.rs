use std::process::ExitCode;

use client::setup::{self, RemoveRequest};

use super::super::context::Context;
use crate::error::CliError;

/// Forget a server, and remove the key that was made for it
///
/// A key that another profile uses, or that you made yourself, stays.
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// The profile; the default one if not given
    name: Option<String>,
    /// Remove from the server too what `client init` put there: the key's line and the programs
    #[arg(long)]
    from_server: bool,
}

pub(crate) fn run(args: &RemoveArgs, context: &Context) -> Result<ExitCode, CliError> {
    let request = RemoveRequest {
        name: args.name.clone(),
        from_server: args.from_server,
    };
    let laptop = super::laptop(context)?;
    let removed = setup::remove(&request, &laptop, &mut |event| {
        super::tell(&context.output, event);
    });
    let removed = removed.map_err(|error| match CliError::from(error) {
        refused if args.from_server && refused.kind == crate::error::Kind::Network => refused
            .hinted("Try again later, or forget it without touching the server: leave --from-server out."),
        refused => refused,
    })?;
    if let Some(default) = removed.default {
        context.output.say(&format!("The default is {default}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
