use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use bytes::Bytes;
use live::RelativePath;
use live::programs::{Directory, Size, What};
use live_process::client::Session;
use live_process::local::{Run, Status, ToDaemon};

use super::agreement::CommandArgs;
use super::attached::{self, Left, Look};
use super::context::Context;
use super::detach_keys::DetachKeys;
use super::signals::{Came, Signals};
use super::starting::{self, SessionArgs};
use super::viewing::{self, KeysArgs};
use super::{account, agreement, sessions, summary};
use crate::claude_accounts::brought::Brought;
use crate::error::CliError;

/// What Claude Code is called on the server.
const CLIENT: &str = "claude";
/// Of a terminal that nobody looks at yet.
const USUAL_SIZE: Size = Size {
    rows: 24,
    columns: 80,
};

/// Publish a directory, mount it on the server, and start Claude Code there
///
/// The session outlives this command, the terminal and the connection: detach, or close the terminal, and come back with
/// `cs attach`. It ends when Claude Code does, or with `cs stop`.
#[derive(clap::Args)]
pub(crate) struct LiveArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Work there as this account of the vault here (`claude-accounts list`), in this session
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Start no program: publish and mount only
    #[arg(long, conflicts_with = "command")]
    no_claude: bool,
    /// Start this instead of Claude Code, as a shell understands it
    #[arg(long, value_name = "CMD")]
    command: Option<String>,
    /// Keep the session when the program ends
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    pub(super) commands: CommandArgs,
    #[command(flatten)]
    keys: KeysArgs,
    /// What Claude Code is started with
    #[arg(last = true, value_name = "CLIENT ARGS", conflicts_with_all = ["no_claude", "command"])]
    pub(super) client_arguments: Vec<std::ffi::OsString>,
}

pub(crate) fn run(args: &LiveArgs, context: &Context) -> Result<ExitCode, CliError> {
    let keys = viewing::keys(&args.keys, context)?;
    let is_attended = io::stdin().is_terminal() && io::stdout().is_terminal();
    // Before anything is begun: it may have to ask for the passphrase, and for agreement, and Ctrl-C ends that.
    let mut wanted = starting::wanted(&args.session, context)?;
    let account = args.account.as_deref();
    let account = account.map(|name| account::bring(name, context));
    let account = account.transpose()?;
    wanted.session.account = account.as_ref().map(|brought| brought.account().clone());
    wanted.session.commands = agreement::commands(&args.commands, &wanted.asked(), context)?;
    context.wait_for(async {
        let mut signals = Signals::catch()?;
        let started = starting::begin(&wanted.session, context, &mut signals);
        let (session, status) = started.await?;
        if let Some(Err(error)) = account.as_ref().map(Brought::keep) {
            starting::give_up(&session, &sessions::sessions(context)?).await;
            return Err(error);
        }
        context
            .output
            .note(&welcome(&status, &keys, is_attended && !args.no_claude))?;
        if args.no_claude {
            return Ok(ExitCode::SUCCESS);
        }
        let size = match is_attended {
            true => attached::terminal_size(),
            false => Some(USUAL_SIZE),
        };
        let message = ToDaemon::Run(main_program(args, &status, size, context)?);
        let begun = begin(&session, &message, &mut signals).await;
        let viewed = match begun {
            Ok(viewed) => viewed,
            Err(error) => {
                starting::give_up(&session, &sessions::sessions(context)?).await;
                return Err(error);
            }
        };
        drop(signals);
        if !is_attended {
            return Ok(ExitCode::SUCCESS);
        }
        let look = Look {
            keys,
            read_only: false,
            is_new: true,
            server: &status.server,
        };
        let left = attached::attached(look, viewed.outbox, viewed.heard).await?;
        explain(&left, args, context);
        viewing::finish(left, &session, args.keep, context).await
    })
}

/// Starts the program, unless Ctrl-C comes first.
async fn begin(
    session: &Session,
    message: &ToDaemon,
    signals: &mut Signals,
) -> Result<viewing::Viewed, CliError> {
    let beginning = async { viewing::begin(session.connect().await?, message).await };
    let stopped = async { while !matches!(signals.next().await, Came::Ending(_)) {} };
    tokio::select! {
        begun = beginning => begun,
        () = stopped => Err(CliError::stopped().hinted("Nothing is left of the session.")),
    }
}

/// The documented summary.
fn welcome(status: &Status, keys: &DetachKeys, is_attached: bool) -> String {
    let mut text = summary::mount_paths(status);
    if let Some(commands) = &status.commands {
        text.push_str(&summary::commands_run_here(commands));
    }
    text.push_str("  stop cs stop\n");
    if is_attached && !keys.is_none() {
        text.push_str(&format!(
            "  detach {} (come back: cs attach)\n",
            keys.spoken()
        ));
    }
    text
}

fn main_program(
    args: &LiveArgs,
    status: &Status,
    size: Option<Size>,
    context: &Context,
) -> Result<Run, CliError> {
    let main = status
        .directories
        .iter()
        .find(|directory| directory.is_main);
    let root = main.ok_or_else(sessions::senseless)?.root;
    let words = match &args.command {
        Some(command) => vec!["sh".into(), "-c".into(), Bytes::from(command.clone())],
        None => {
            let given = args.client_arguments.iter().cloned();
            let given = given.map(|word| Bytes::from(word.into_encoded_bytes()));
            std::iter::once(Bytes::from_static(CLIENT.as_bytes()))
                .chain(given)
                .collect()
        }
    };
    Ok(Run {
        what: What::Words(words),
        directory: Directory::Mount(root, RelativePath::root()),
        environment: viewing::environment(context),
        size: Some(size.unwrap_or(USUAL_SIZE)),
        is_main: true,
    })
}

/// What a shell says with 127 does not say what to do.
fn explain(left: &Left, args: &LiveArgs, context: &Context) {
    let is_missing = matches!(
        left,
        Left::Ended {
            code: Some(127),
            ..
        }
    );
    if is_missing && args.command.is_none() {
        context
            .output
            .warning("Claude Code was not found on the server");
        context
            .output
            .hint("Install it there, or start something else: cs live --command CMD");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::summary::tests::status;
    use live_process::local::CommandStatus;

    #[test]
    fn the_summary_says_how_to_leave_and_how_to_end() {
        let keys: DetachKeys = "ctrl-],d".parse().unwrap();
        let text = welcome(&status(), &keys, true);
        assert!(
            text.starts_with("[claude-share] Live mount paths\n  server st@"),
            "{text}"
        );
        assert!(
            text.ends_with("  stop cs stop\n  detach Ctrl-] d (come back: cs attach)\n"),
            "{text}"
        );
        assert!(welcome(&status(), &keys, false).ends_with("  stop cs stop\n"));
        let mut with_commands = status();
        with_commands.commands = Some(CommandStatus {
            names: 29,
            running: 0,
        });
        let text = welcome(&with_commands, &keys, false);
        assert!(
            text.ends_with("  commands run here: 29 names (cs proxy)\n  stop cs stop\n"),
            "{text}"
        );
        let none: DetachKeys = "none".parse().unwrap();
        assert!(welcome(&status(), &none, true).ends_with("  stop cs stop\n"));
    }
}
