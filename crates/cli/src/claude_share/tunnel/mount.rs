use live_process::agent::control::{ControlError, FromAgent, ToAgent};
use serde_json::json;

use super::SessionArgs;
use crate::cs::context::Context;
use crate::cs::summary;
use crate::error::CliError;

/// On the server: mount what a laptop offers
///
/// Also writes the session's `env.sh`, for the shell that is to work there.
#[derive(clap::Args)]
pub(crate) struct MountArgs {
    #[command(flatten)]
    session: SessionArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &MountArgs, context: &Context) -> Result<(), CliError> {
    let session = &args.session.session;
    let message = ToAgent::Mount {
        limit_ms: super::PATIENCE_MS,
    };
    let answer = context.wait_for(super::ask(session, &message, context))?;
    let FromAgent::Mounted { main, environment } = answer else {
        return Err(ControlError::Senseless.into());
    };
    let (main, environment) = (main.to_path(), environment.to_path());
    if args.json {
        return context.output.json(&json!({
            "session": session.as_str(),
            "main": main.to_string_lossy(),
            "environment": environment.to_string_lossy(),
        }));
    }
    let output = &context.output;
    output.say(&format!("mounted {}", summary::path(&main)))?;
    output.note(&format!("  environment {}", summary::path(&environment)))
}
