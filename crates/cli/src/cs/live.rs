use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use live::RelativePath;
use live::programs::{Directory, Size, What};
use live_process::client::Session;
use live_process::local::{Run, Status, ToDaemon};

use super::attached::{self, Left, Look};
use super::context::Context;
use super::detach_keys::DetachKeys;
use super::signals::{Came, Signals};
use super::starting;
use super::{sessions, summary, viewing};
use crate::error::{CliError, Kind};

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
    /// The directory; the current one if not given
    #[arg(value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,
    /// The server, by the name of its profile; the default one if not given
    #[arg(long, value_name = "PROFILE")]
    pub(super) server: Option<String>,
    /// Publish this directory too, in this session; again for more
    #[arg(long, value_name = "DIR")]
    pub(super) add: Vec<PathBuf>,
    /// Let the server change nothing in these directories
    #[arg(long)]
    pub(super) read_only: bool,
    /// Start no program: publish and mount only
    #[arg(long, conflicts_with = "command")]
    pub(super) no_claude: bool,
    /// Start this instead of Claude Code, as a shell understands it
    #[arg(long, value_name = "CMD")]
    pub(super) command: Option<String>,
    /// Keep the session when the program ends
    #[arg(long)]
    pub(super) keep: bool,
    #[command(flatten)]
    pub(super) keys: KeysArgs,
    /// What Claude Code is started with
    #[arg(last = true, value_name = "CLIENT ARGS", conflicts_with_all = ["no_claude", "command"])]
    pub(super) client_arguments: Vec<std::ffi::OsString>,
}

/// How to leave the terminal of a program without ending it.
#[derive(clap::Args)]
pub(crate) struct KeysArgs {
    /// The keys that detach, as docker has them (`ctrl-p,ctrl-q`), or `none`; ctrl-],d if not given
    #[arg(long, value_name = "KEYS")]
    pub(super) detach_keys: Option<DetachKeys>,
}

pub(crate) fn run(args: &LiveArgs, context: &Context) -> Result<ExitCode, CliError> {
    let keys = viewing::keys(&args.keys, context)?;
    let is_attended = io::stdin().is_terminal() && io::stdout().is_terminal();
    context.wait_for(async {
        let mut signals = Signals::catch().map_err(|error| no_signals(&error))?;
        let (session, status) = starting::start(args, context, &mut signals).await?;
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
    let mut text = summary::mount_paths(status) + "  stop cs stop\n";
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

pub(crate) fn no_signals(error: &io::Error) -> CliError {
    CliError::new(
        Kind::Internal,
        format!("no signals can be caught: {error}"),
        "Check the limits of this system, of open files above all.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::summary::tests::status;

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
        let none: DetachKeys = "none".parse().unwrap();
        assert!(welcome(&status(), &none, true).ends_with("  stop cs stop\n"));
    }
}
