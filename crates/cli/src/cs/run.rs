use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use live::RelativePath;
use live::programs::{Directory, What};
use live_process::client::Session;
use live_process::local::{Run, Status, ToDaemon};

use super::attached::{self, Left, Look};
use super::context::Context;
use super::viewing::{self, KeysArgs};
use super::{piped, sessions};
use crate::error::{CliError, Kind};

/// Exit code where this program fails, and not the one that it has started: as `ssh` has it.
const OWN_FAILURE: u8 = 255;

/// Run a program on the server, in the mounted directory
///
/// With standard input and output on a terminal, the program gets one; else three pipes. It starts in the directory that
/// corresponds to the current one. Ends as the program does: with its status, or with 128 and the number of the signal
/// that killed it. The keys that detach end it.
#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// The session; the one of the current directory, else the newest, if not given
    #[arg(long)]
    pub(super) session: Option<String>,
    #[command(flatten)]
    keys: KeysArgs,
    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    pub(super) words: Vec<OsString>,
}

pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    carry_out(args, context).or_else(|error| match error.kind {
        Kind::ReaderGone => Err(error),
        _ => {
            context.output.failure(&error);
            Ok(ExitCode::from(OWN_FAILURE))
        }
    })
}

fn carry_out(args: &RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    let keys = viewing::keys(&args.keys, context)?;
    let session = sessions::meant(context, args.session.as_deref())?;
    let is_attended = io::stdin().is_terminal() && io::stdout().is_terminal();
    context.wait_for(async {
        let status = sessions::status_of(&session).await?;
        let program = ToDaemon::Run(Run {
            what: What::Words(args.words.iter().map(word).collect()),
            directory: directory(&status, sessions::here().as_deref())?,
            environment: viewing::environment(context),
            size: is_attended.then(attached::terminal_size).flatten(),
            is_main: false,
        });
        let viewed = viewing::begin(session.connect().await?, &program).await?;
        let program = viewed.program;
        let left = if is_attended {
            let look = Look {
                keys,
                read_only: false,
                is_new: true,
                server: &status.server,
            };
            attached::attached(look, viewed.outbox, viewed.heard).await?
        } else {
            piped::piped(viewed.outbox, viewed.heard, &context.output).await?
        };
        finish(left, program, &session).await
    })
}

async fn finish(
    left: Left,
    program: live::programs::Program,
    session: &Session,
) -> Result<ExitCode, CliError> {
    match left {
        Left::Ended { code, signal } => {
            viewing::exit_code(code, signal).ok_or_else(viewing::program_lost)
        }
        Left::SessionEnded(reason) => Err(viewing::session_ended(&reason)),
        Left::Signal(number) => {
            viewing::end(program, session).await;
            Ok(viewing::of_signal(number))
        }
        Left::Detached => {
            viewing::end(program, session).await;
            Err(CliError::stopped().hinted("The program was told to end."))
        }
    }
}

fn word(word: &OsString) -> Bytes {
    Bytes::copy_from_slice(word.as_bytes())
}

/// What corresponds to `here` on the server: in a published directory, or the main one.
fn directory(status: &Status, here: Option<&Path>) -> Result<Directory, CliError> {
    let mounted = status
        .directories
        .iter()
        .filter(|directory| directory.remote.is_some());
    for directory in mounted {
        let local = directory.local.to_path();
        if let Some(below) = here.and_then(|here| here.strip_prefix(&local).ok())
            && let Ok(below) = RelativePath::new(below.as_os_str().as_bytes())
        {
            return Ok(Directory::Mount(directory.root, below));
        }
    }
    let main = status
        .directories
        .iter()
        .find(|directory| directory.is_main);
    let main = main.ok_or_else(sessions::senseless)?;
    Ok(Directory::Mount(main.root, RelativePath::root()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::summary::tests::status;
    use live::files::Root;

    #[test]
    fn a_program_starts_where_its_caller_is() {
        let at = |here: &str| directory(&status(), Some(Path::new(here))).unwrap();
        let mount =
            |root, path: &[u8]| Directory::Mount(Root(root), RelativePath::new(path).unwrap());
        assert_eq!(at("/Users/me/work/myproj"), mount(0, b""));
        assert_eq!(at("/Users/me/work/myproj/src/a"), mount(0, b"src/a"));
        assert_eq!(at("/Users/me/data/x"), mount(1, b"x"));
        assert_eq!(at("/elsewhere"), mount(0, b""));
        assert_eq!(directory(&status(), None).unwrap(), mount(0, b""));
    }
}
