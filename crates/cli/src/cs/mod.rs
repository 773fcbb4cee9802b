//! `cs`: the command line, and which file carries out which verb.
//!
//! A verb is added in three places: its file with `Args` and `run`, a variant of `Command`, a line in `dispatch`.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::environment::{self, Environment, Program};
use crate::error::{self, CliError, Kind};
use crate::program::{self, completions, man, runner, version};
use context::Context;

mod account;
mod add;
pub(crate) mod agreement;
mod attach;
mod attached;
mod chosen;
pub(crate) mod context;
pub(crate) mod daemon;
mod detach_keys;
mod keeper;
mod list;
mod list_sessions;
mod live;
pub(crate) mod live_error;
mod log;
mod outbox;
mod piped;
mod proxy;
mod proxy_answer;
mod raw_terminal;
mod remove;
mod run;
mod screen;
pub(crate) mod sessions;
mod shown;
pub(crate) mod signals;
pub(crate) mod starting;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod summary;
mod typed;
mod viewing;
mod where_mounted;

/// Claude Code on a server, in directories of this machine
#[derive(Parser)]
#[command(
    name = "cs",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "`cs --help` also explains exit codes and environment variables.",
    after_long_help = after_long_help()
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every verb understands.
#[derive(Args)]
pub(crate) struct GlobalArgs {
    /// Print what was asked for and failures, nothing else
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Live(live::LiveArgs),
    Attach(attach::AttachArgs),
    ListSessions(list_sessions::ListSessionsArgs),
    Add(add::AddArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
    Where(where_mounted::WhereArgs),
    Status(status::StatusArgs),
    Run(run::RunArgs),
    Proxy(proxy::ProxyArgs),
    Log(log::LogArgs),
    Stop(stop::StopArgs),
    #[command(hide = true)]
    Daemon(daemon::DaemonArgs),
    #[command(hide = true)]
    Keeper(keeper::KeepArgs),
    #[command(after_help = "For bash: cs completions bash > /etc/bash_completion.d/cs")]
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Version(version::VersionArgs),
}

fn dispatch(command: &Command, context: &Context) -> Result<ExitCode, CliError> {
    let done = match command {
        Command::Live(args) => return live::run(args, context),
        Command::Attach(args) => return attach::run(args, context),
        Command::Run(args) => return run::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::ListSessions(args) => list_sessions::run(args, context),
        Command::Add(args) => add::run(args, context),
        Command::List(args) => list::run(args, context),
        Command::Remove(args) => remove::run(args, context),
        Command::Where(args) => where_mounted::run(args, context),
        Command::Proxy(args) => proxy::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Stop(args) => stop::run(args, context),
        Command::Daemon(args) => daemon::run(args),
        Command::Keeper(args) => keeper::run(args, context),
        Command::Completions(args) => completions::run(args, self::command(), &context.output),
        Command::Man(args) => man::run(args, self::command(), &context.output),
        Command::Version(args) => version::run(args, &self::command(), &context.output),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The whole program: from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    if runner::is_asked_for() {
        return runner::run();
    }
    program::run(command(), |cli: Cli| {
        let context = Context::new(Environment::read(), &cli.global);
        let result = dispatch(&cli.command, &context);
        (context.output, result)
    })
}

/// The command line's definition: help, completions and man pages are made from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn after_long_help() -> String {
    let codes = error::explanation(meaning);
    let variables = environment::explanation(Program::Cs);
    format!(
        "Exit codes:\n{codes}  255  of `cs run`: it failed itself; else the program's own status, or 128 and the signal's number\n\
         \nEnvironment:\n{variables}"
    )
}

/// What an exit code means here; `None` if it never comes.
fn meaning(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::NotFound => Some("no such session, profile, directory, account or command"),
        Kind::Conflict => Some("several sessions could be meant; or it is there already"),
        Kind::Network => Some("the server is not reached, or the connection is lost for good"),
        Kind::Input => Some("bad input: a directory, a name, keys, a command"),
        Kind::Busy => {
            Some("a session's process here does not answer; or settings are being changed")
        }
        Kind::Stopped => Some("stopped by you: Ctrl-C while a session was starting"),
        Kind::Server => Some("the server refuses, or cannot: a mount, a program that is missing"),
        Kind::Attention | Kind::CannotExecute | Kind::ClientNotFound => None,
        _ => Some(kind.meaning()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_and_every_argument_has_help() {
        program::tests::every_command_and_every_argument_has_help(&command());
    }

    #[test]
    fn long_help_explains_codes_and_variables() {
        let help = command().render_long_help().to_string();
        for known in [
            "    3  no such session",
            "255  of `cs run`",
            "CLAUDE_SHARE_DETACH_KEYS",
        ] {
            assert!(help.contains(known), "{known}");
        }
        assert!(!help.contains("CLAUDE_ACCOUNTS_CLAUDE") && !help.contains("daemon"));
    }

    #[test]
    fn what_follows_two_dashes_is_the_clients() {
        let Command::Live(live) =
            parsed("cs live --add /data --add /more /src -- --resume -p x").command
        else {
            panic!("live");
        };
        assert_eq!(
            live.session.directory.as_deref(),
            Some(std::path::Path::new("/src"))
        );
        assert_eq!(live.session.add.len(), 2);
        assert_eq!(live.client_arguments, ["--resume", "-p", "x"]);
    }

    #[test]
    fn names_of_commands_are_given_with_commas_or_again() {
        let line = "cs live --proxy just,hugo --sandbox --proxy g++ -- --proxy x";
        let Command::Live(live) = parsed(line).command else {
            panic!("live");
        };
        assert_eq!(live.commands.proxy, ["just", "hugo", "g++"]);
        assert!(live.commands.sandbox && !live.commands.ask && !live.commands.map_output);
        assert_eq!(live.client_arguments, ["--proxy", "x"]);
        for line in [
            "cs proxy",
            "cs proxy --json --session x",
            "cs proxy add just hugo",
            "cs proxy remove docker",
            "cs proxy agree --server x",
            "cs proxy disagree",
            "cs log",
            "cs log x --json --last 3",
        ] {
            drop(parsed(line));
        }
    }

    #[test]
    fn what_commands_run_under_is_no_command_for_people() {
        assert!(
            command()
                .find_subcommand(live_process::daemon::RUNNER)
                .is_none()
        );
        assert!(!runner::is_asked_for());
    }

    #[test]
    fn options_behind_a_program_are_the_programs() {
        for line in ["cs run ls -la --session x", "cs run -- ls -la --session x"] {
            let Command::Run(run) = parsed(line).command else {
                panic!("run");
            };
            assert_eq!(run.words, ["ls", "-la", "--session", "x"]);
            assert!(run.session.is_none());
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "cs live --no-claude --command x",
            "cs live --command x -- --resume",
            "cs stop --all name",
            "cs live --detach-keys ctrl-1",
            "cs live --no-proxy --proxy just",
            "cs live --no-proxy --ask",
            "cs live --no-proxy --sandbox",
            "cs live --no-proxy --map-output",
            "cs proxy add",
            "cs proxy --json add just",
            "cs log --last x",
            "cs run",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
