//! Beginning to look at a program, and what is done when that is over.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use live::programs::Program;
use live_process::client::{LocalConnection, LocalReceiver, Session};
use live_process::local::{FromDaemon, ToDaemon};

use super::attached::Left;
use super::context::Context;
use super::detach_keys::{DetachKeys, UnknownKeys};
use super::outbox::Outbox;
use super::sessions;
use super::signals::{Came, Signals};
use super::stop::{self, Unanswered};
use crate::environment::Variable;
use crate::error::{CliError, Kind};

/// What detaches where nobody says anything else. No shortcut of Claude Code's, of shells or of editors for beginners;
/// telnet has used its first key for the same for forty years.
const USUAL_KEYS: &str = "ctrl-],d";
/// How long is waited until the daemon has heard that a program is to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How to leave the terminal of a program without ending it.
#[derive(clap::Args)]
pub(crate) struct KeysArgs {
    /// The keys that detach, as docker has them (`ctrl-p,ctrl-q`), or `none`; ctrl-],d if not given
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
}

/// The keys that detach: as given, as the environment has them, or the usual ones.
///
/// # Errors
/// If the environment's are none.
pub(crate) fn keys(args: &KeysArgs, context: &Context) -> Result<DetachKeys, CliError> {
    if let Some(keys) = &args.detach_keys {
        return Ok(keys.clone());
    }
    let set = context.environment.get(Variable::DetachKeys);
    let text = set.map_or(USUAL_KEYS.into(), |set| set.to_string_lossy());
    text.parse().map_err(|error: UnknownKeys| {
        let name = Variable::DetachKeys.name();
        CliError::new(
            Kind::Usage,
            format!("{name}: {error}"),
            "Correct the variable, or unset it.",
        )
    })
}

/// The environment of a program on the server, on top of its own.
pub(crate) fn environment(context: &Context) -> Vec<(Bytes, Bytes)> {
    let told = context.told().into_iter().map(|(name, value)| {
        let value = value.into_encoded_bytes();
        (Bytes::from_static(name.as_bytes()), value.into())
    });
    told.collect()
}

/// A program that is looked at.
pub(crate) struct Viewed {
    pub(crate) program: Program,
    pub(crate) outbox: Outbox,
    pub(crate) heard: LocalReceiver,
}

/// Becomes the viewer of a program: `message` starts one, or names one.
///
/// # Errors
/// If it is refused.
pub(crate) async fn begin(
    mut connection: LocalConnection,
    message: &ToDaemon,
) -> Result<Viewed, CliError> {
    let FromDaemon::Attached(program) = sessions::ask(&mut connection, message).await? else {
        return Err(sessions::senseless());
    };
    let (sender, heard) = connection.split();
    Ok(Viewed {
        program,
        outbox: Outbox::new(sender),
        heard,
    })
}

/// What follows from how the main program's terminal was left.
///
/// # Errors
/// If the session or the program was lost.
pub(crate) async fn finish(
    left: Left,
    session: &Session,
    keep: bool,
    context: &Context,
) -> Result<ExitCode, CliError> {
    let name = session.name();
    match left {
        Left::Detached => {
            let text = format!("detached from {name}; come back: cs attach; end it: cs stop");
            context.output.say(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Left::Ended { code, signal } => {
            // What is not known to have ended is no reason to take its directories away.
            let code = exit_code(code, signal).ok_or_else(|| main_program_lost(name.as_str()))?;
            if keep {
                context
                    .output
                    .say(&format!("{name} still runs; end it: cs stop"))?;
            } else {
                stop_unless_told(session, context).await?;
            }
            Ok(code)
        }
        Left::SessionEnded(reason) => Err(session_ended(&reason)),
        Left::Signal(number) => Ok(of_signal(number)),
    }
}

/// Ends the session. Ctrl-C and the like end the wait for that, not the ending.
async fn stop_unless_told(session: &Session, context: &Context) -> Result<(), CliError> {
    let mut signals = Signals::catch()?;
    let told = async { while !matches!(signals.next().await, Came::Ending(_)) {} };
    let sessions = sessions::sessions(context)?;
    tokio::select! {
        stopped = stop::stop(session, Unanswered::Leave, &sessions, context) => stopped,
        () = told => Err(CliError::stopped().hinted("The session is still being ended: cs list-sessions")),
    }
}

/// Has a program end, if its session's daemon hears of it soon.
pub(crate) async fn end(program: Program, session: &Session) {
    let ending = async {
        let mut connection = session.connect().await?;
        Ok::<_, live_process::client::ClientError>(connection.ask(&ToDaemon::End(program)).await?)
    };
    // Without a connection to the server the daemon says it there when there is one.
    drop(tokio::time::timeout(PATIENCE, ending).await);
}

pub(crate) fn session_ended(reason: &str) -> CliError {
    let message = match reason {
        "" => "the session has ended".to_owned(),
        reason => format!("the session has ended: {reason}"),
    };
    CliError::new(Kind::Network, message, "Start one anew: cs live")
}

/// The server was restarted, or its agent killed; or it has said more of the program than this end takes.
fn main_program_lost(session: &str) -> CliError {
    CliError::new(
        Kind::Network,
        format!(
            "the program was lost from sight: the server's end was started anew; {session} goes on"
        ),
        "Come back if it still runs: cs attach. Start it anew: cs run claude. End the session: cs stop",
    )
}

/// The same of a program that the session is not for.
pub(crate) fn program_lost() -> CliError {
    CliError::new(
        Kind::Network,
        "the program was lost, with whatever was running beside it on the server",
        "Your files are here as they were; start it anew.",
    )
}

/// The exit code of this program for how a program there has ended: its own, or 128 and the signal's number. `None` if
/// nobody knows.
pub(crate) fn exit_code(code: Option<i32>, signal: Option<i32>) -> Option<ExitCode> {
    match (code, signal) {
        (Some(code), _) => Some(ExitCode::from(code.to_le_bytes()[0])),
        (None, Some(signal)) => Some(of_signal(signal)),
        (None, None) => None,
    }
}

pub(crate) fn of_signal(number: i32) -> ExitCode {
    ExitCode::from(128 | (number.to_le_bytes()[0] & 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::GlobalArgs;
    use crate::environment::Environment;

    #[test]
    fn an_exit_code_says_how_it_ended() {
        let code = |code, signal| exit_code(code, signal).map(|code| format!("{code:?}"));
        let is = |number: u8| Some(format!("{:?}", ExitCode::from(number)));
        assert_eq!(code(Some(0), None), is(0));
        assert_eq!(code(Some(37), None), is(37));
        assert_eq!(code(None, Some(15)), is(143));
        assert_eq!(code(None, None), None);
    }

    #[test]
    fn the_keys_are_the_nearest_that_somebody_has_named() {
        let context = |variables: &[(Variable, &str)]| {
            Context::new(Environment::of(variables), &GlobalArgs { quiet: false })
        };
        let none = KeysArgs { detach_keys: None };
        let spoken = |args, context| keys(args, &context).map(|keys| keys.spoken());
        assert_eq!(spoken(&none, context(&[])).unwrap(), "Ctrl-] d");
        let set = [(Variable::DetachKeys, "ctrl-q")];
        assert_eq!(spoken(&none, context(&set)).unwrap(), "Ctrl-Q");
        let given = KeysArgs {
            detach_keys: Some("ctrl-p,ctrl-q".parse().unwrap()),
        };
        assert_eq!(spoken(&given, context(&set)).unwrap(), "Ctrl-P Ctrl-Q");
        let wrong = [(Variable::DetachKeys, "ctrl-1")];
        assert_eq!(
            spoken(&none, context(&wrong)).unwrap_err().kind,
            Kind::Usage
        );
    }

    #[test]
    fn programs_are_told_of_the_terminal_and_nothing_else() {
        let set = [(Variable::Terminal, "xterm"), (Variable::Home, "/home/me")];
        let context = Context::new(Environment::of(&set), &GlobalArgs { quiet: false });
        let told = environment(&context);
        assert_eq!(told, [(Bytes::from("TERM"), Bytes::from("xterm"))]);
    }
}
