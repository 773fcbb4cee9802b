use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use live_process::local::ToDaemon;

use super::attached::{self, Left, Look};
use super::context::Context;
use super::sessions;
use super::viewing::{self, KeysArgs};
use crate::error::{CliError, Kind};

/// Come back to what runs in a session: from another terminal, or after this machine has slept
///
/// Any number of terminals can look at the same program; it is as large as the smallest of them.
#[derive(clap::Args)]
pub(crate) struct AttachArgs {
    /// The session; the one of the current directory, else the newest, if not given
    session: Option<String>,
    /// Only look: what is typed is dropped
    #[arg(long)]
    read_only: bool,
    /// Keep the session when the program ends
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    keys: KeysArgs,
}

pub(crate) fn run(args: &AttachArgs, context: &Context) -> Result<ExitCode, CliError> {
    let keys = viewing::keys(&args.keys, context)?;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(CliError::new(
            Kind::Usage,
            "there is no terminal to attach",
            "Run it on a terminal; in a script, see `cs run`.",
        ));
    }
    let session = sessions::meant(context, args.session.as_deref())?;
    context.wait_for(async {
        let status = sessions::status_of(&session).await?;
        if status.main.is_none() {
            return Err(nothing_runs(&status.session));
        }
        let message = ToDaemon::Attach {
            program: None,
            size: attached::terminal_size(),
            read_only: args.read_only,
        };
        let viewed = viewing::begin(session.connect().await?, &message).await?;
        let look = Look {
            keys,
            read_only: args.read_only,
            is_new: false,
            server: &status.server,
        };
        let left = attached::attached(look, viewed.outbox, viewed.heard).await?;
        // Who only looks ends nothing.
        let keep = args.keep || args.read_only && matches!(left, Left::Ended { .. });
        viewing::finish(left, &session, keep, context).await
    })
}

fn nothing_runs(session: &str) -> CliError {
    CliError::new(
        Kind::NotFound,
        format!("no program was started in {session}"),
        "Start one in its directory: cs run claude",
    )
}
