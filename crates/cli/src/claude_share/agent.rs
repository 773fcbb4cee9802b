use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use live::SessionId;
use live_process::agent::{self, AgentError, AgentOptions, InsideError};
use live_process::{Places, SessionName, session_id};

use super::context::Context;
use crate::environment::{Environment, Variable};
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::program;

/// Verbs that the laptop's end of a live session calls over ssh. People need none of them; no help names them.
#[derive(clap::Subcommand)]
pub(crate) enum AgentCommand {
    /// Copy standard input and output to and from the session's agent, started first if it does not run
    Connect(SessionArgs),
    /// Be the agent of a session
    Serve(SessionArgs),
    /// End the agent of a session and remove what one that was killed has left
    Clean(NameArgs),
    /// Show the agents that run, a line of JSON each
    List,
}

/// Which session.
#[derive(clap::Args)]
pub(crate) struct NameArgs {
    /// The session's name
    #[arg(long, value_name = "NAME", value_parser = SessionName::new)]
    session: SessionName,
}

/// Which session, and whose.
#[derive(clap::Args)]
pub(crate) struct SessionArgs {
    #[command(flatten)]
    name: NameArgs,
    /// The session's number, 32 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = session_id)]
    id: SessionId,
    /// End after so many seconds without a connection
    #[arg(long, value_name = "SECONDS", default_value_t = agent::GRACE.as_secs())]
    grace: u64,
    /// Fail file operations that have waited for a lost connection for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = agent::PATIENCE.as_secs())]
    patience: u64,
}

/// Carries out `agent inside --bin DIRECTORY -- WORDS…`, which no help names either; `None` if something else was asked for.
/// It stands before every program of a session, so no command line is made for it.
pub(crate) fn inside() -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (directory, words) = inside_words(&words)?;
    let environment = Environment::read();
    let error = agent::become_inside(directory, words, &environment.inherited());
    let kind = match &error {
        InsideError::Missing(_) => Kind::ClientNotFound,
        InsideError::CannotExecute(..) => Kind::CannotExecute,
    };
    Output::new(&environment, false).failure(&CliError::new(kind, error.to_string(), ""));
    Some(ExitCode::from(error.exit_code()))
}

/// The directory and the words.
fn inside_words(words: &[OsString]) -> Option<(&Path, &[OsString])> {
    let [agent, verb, option, directory, end, words @ ..] = words else {
        return None;
    };
    let said = [agent, verb, option, end];
    let is_asked = said.iter().zip(["agent", "inside", "--bin", "--"]);
    let is_asked = is_asked.into_iter().all(|(said, word)| *said == word);
    is_asked.then_some((Path::new(directory), words))
}

pub(crate) fn run(command: &AgentCommand, context: &Context) -> Result<(), CliError> {
    let places = places(&context.environment)?;
    match command {
        AgentCommand::Connect(args) => Ok(agent::connect(&options(args, places, context)?)?),
        AgentCommand::Serve(args) => Ok(agent::serve(&options(args, places, context)?)?),
        AgentCommand::Clean(args) => Ok(agent::clean(&places, &args.session)?),
        AgentCommand::List => list(&places, context),
    }
}

fn list(places: &Places, context: &Context) -> Result<(), CliError> {
    for living in agent::list(places)? {
        let line = serde_json::to_string(&living).map_err(|error| {
            CliError::new(Kind::Internal, format!("cannot be said: {error}"), "")
        })?;
        context.output.text(&line)?;
    }
    Ok(())
}

fn options(
    args: &SessionArgs,
    places: Places,
    context: &Context,
) -> Result<AgentOptions, CliError> {
    Ok(AgentOptions {
        session: args.name.session.clone(),
        id: args.id,
        places,
        // Not through /proc: it is shown in lists of processes, where people look for what runs.
        program: program::own_path()?,
        grace: Duration::from_secs(args.grace),
        patience: Duration::from_secs(args.patience),
        environment: environment(context),
    })
}

fn environment(context: &Context) -> Vec<(OsString, OsString)> {
    context.environment.inherited()
}

fn places(environment: &Environment) -> Result<Places, CliError> {
    let home = environment.get(Variable::Home).map(PathBuf::from);
    let home = home.filter(|home| home.is_absolute()).ok_or_else(|| {
        let message = "HOME is not set to a directory";
        CliError::new(
            Kind::Input,
            message,
            "Log in as the user whose session it is.",
        )
    })?;
    let runtime = environment.get(Variable::RuntimeDirectory).map(Path::new);
    Ok(Places::new(home, runtime))
}

impl From<AgentError> for CliError {
    fn from(error: AgentError) -> Self {
        let kind = match &error {
            AgentError::Running | AgentError::DoesNotEnd(_) => Kind::Busy,
            AgentError::Left(_) => Kind::Conflict,
            AgentError::NotStarted(_) | AgentError::Socket(_) | AgentError::System(_) => {
                Kind::Storage
            }
        };
        let hint = match kind {
            Kind::Busy => "Try again in a moment.",
            _ => "",
        };
        Self::new(kind, error.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_agent_says_is_meant() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let told = words("agent inside --bin /d -- npm -- --bin");
        let (directory, rest) = inside_words(&told).unwrap();
        assert_eq!(directory, Path::new("/d"));
        assert_eq!(rest, words("npm -- --bin"));
        for other in [
            "agent",
            "agent inside /d -- npm",
            "agent list --bin /d -- npm",
        ] {
            assert!(inside_words(&words(other)).is_none(), "{other}");
        }
    }
}
