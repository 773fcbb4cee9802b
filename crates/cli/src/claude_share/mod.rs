//! `claude-share`: the command line, and which file carries out which verb.
//!
//! A verb is added in three places: its file with `Args` and `run`, a variant of `ServerCommand`
//! (or of `Command`, with a short form), a line in `dispatch`.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use share::home_processes;

use crate::environment::{self, Environment, Program};
use crate::error::{self, CliError, Kind};
use crate::program::{self, completions, man, runner, version};
use context::Context;

mod add_user;
mod agent;
mod assign;
mod client;
mod context;
mod init;
mod keeper;
mod key;
mod machine;
mod questions;
mod remove_user;
mod share_error;
mod status;
mod status_text;
mod sync;
mod tunnel;
mod uninstall;

/// One Claude Code login or key for several Linux users, each with private state
#[derive(Parser)]
#[command(
    name = "claude-share",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "`claude-share --help` also explains exit codes and environment variables.",
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
    /// Never ask: fail where a question would come
    #[arg(long, global = true)]
    no_input: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Set up and look after a server; for root
    #[command(subcommand, arg_required_else_help = true)]
    Server(ServerCommand),
    /// Set up servers for live sessions, from the machine where your files are
    #[command(subcommand, arg_required_else_help = true)]
    Client(client::ClientCommand),
    /// A live session by hand: offered on the laptop, mounted on the server
    #[command(subcommand, arg_required_else_help = true)]
    Tunnel(tunnel::TunnelCommand),
    /// Short for `server init`
    Init(init::InitArgs),
    /// Short for `server add-user`
    AddUser(add_user::AddUserArgs),
    /// Short for `server status`
    Status(status::StatusArgs),
    /// Short for `server sync`
    Sync(sync::SyncArgs),
    Key(key::KeyArgs),
    /// Be the server's end of live sessions; started by the laptop's over ssh
    #[command(subcommand, hide = true, arg_required_else_help = true)]
    Agent(agent::AgentCommand),
    #[command(
        after_help = "For bash: claude-share completions bash > /etc/bash_completion.d/claude-share"
    )]
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Version(version::VersionArgs),
}

#[derive(Subcommand)]
enum ServerCommand {
    Init(init::InitArgs),
    AddUser(add_user::AddUserArgs),
    RemoveUser(remove_user::RemoveUserArgs),
    Assign(assign::AssignArgs),
    Status(status::StatusArgs),
    Sync(sync::SyncArgs),
    Keeper(keeper::KeeperArgs),
    Uninstall(uninstall::UninstallArgs),
}

fn dispatch(command: &Command, context: &Context) -> Result<ExitCode, CliError> {
    let done = match command {
        Command::Server(command) => return dispatch_server(command, context),
        Command::Client(command) => return client::run(command, context),
        Command::Tunnel(command) => return tunnel::run(command, context),
        Command::Status(args) => return status::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::AddUser(args) => add_user::run(args, context),
        Command::Sync(args) => sync::run(args, context),
        Command::Key(args) => key::run(args, context),
        Command::Agent(command) => agent::run(command, context),
        Command::Completions(args) => completions::run(args, self::command(), &context.output),
        Command::Man(args) => man::run(args, self::command(), &context.output),
        Command::Version(args) => version::run(args, &self::command(), &context.output),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn dispatch_server(command: &ServerCommand, context: &Context) -> Result<ExitCode, CliError> {
    let done = match command {
        ServerCommand::Status(args) => return status::run(args, context),
        ServerCommand::Init(args) => init::run(args, context),
        ServerCommand::AddUser(args) => add_user::run(args, context),
        ServerCommand::RemoveUser(args) => remove_user::run(args, context),
        ServerCommand::Assign(args) => assign::run(args, context),
        ServerCommand::Sync(args) => sync::run(args, context),
        ServerCommand::Keeper(args) => keeper::run(args, context),
        ServerCommand::Uninstall(args) => uninstall::run(args, context),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The whole program: from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // First of all: it has to be quick, and to have no other thread.
    if is_zygote() {
        return match home_processes::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(Kind::Internal.exit_code()),
        };
    }
    if let Some(code) = agent::inside() {
        return code;
    }
    if runner::is_asked_for() {
        return runner::run();
    }
    program::run(command(), |cli: Cli| {
        let context = Context::new(Environment::read(), &cli.global);
        let result = dispatch(&cli.command, &context);
        (context.output, result)
    })
}

/// Whether this process is to be the one from which the processes in homes are forked. People get
/// nothing from it, so no help names it.
fn is_zygote() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments
        .next()
        .is_some_and(|first| first == home_processes::ZYGOTE_ARGUMENT);
    asked && arguments.next().is_none()
}

/// The command line's definition: help, completions and man pages are made from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn after_long_help() -> String {
    let codes = error::explanation(meaning);
    let variables = environment::explanation(Program::Share);
    format!("Exit codes:\n{codes}\nEnvironment:\n{variables}")
}

/// What an exit code means here; `None` if it never comes.
fn meaning(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Internal => {
            Some("`status` shows something that needs care; or an unexpected failure")
        }
        Kind::NotFound => Some("no such user, account or key, or nothing set up to do it with"),
        Kind::Network => Some(
            "the network, the token server, a keeper, a server or a laptop that does not answer",
        ),
        Kind::Server => Some("the server of live sessions refuses, or lacks what they need"),
        Kind::Input => Some("bad input: a name, a server, a key, a path, a config or users file"),
        Kind::Attention | Kind::CannotExecute | Kind::ClientNotFound => None,
        _ => Some(kind.meaning()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(help.contains("    1  `status` shows something that needs care"));
        assert!(help.contains("CLAUDE_ACCOUNTS_TOKEN_URL") && help.contains("NOTIFY_SOCKET"));
        assert!(!help.contains("CLAUDE_ACCOUNTS_CLAUDE") && !help.contains("127"));
    }

    #[test]
    fn short_forms_take_what_the_long_ones_take() {
        let command = command();
        let server = command.find_subcommand("server").unwrap();
        let names = |command: &clap::Command| {
            let arguments = command
                .get_arguments()
                .map(|argument| argument.get_id().to_string());
            arguments.collect::<Vec<_>>()
        };
        for verb in ["init", "add-user", "status", "sync"] {
            let long = server.find_subcommand(verb).unwrap();
            let short = command.find_subcommand(verb).unwrap();
            assert_eq!(names(long), names(short), "{verb}");
        }
    }

    #[test]
    fn what_touches_homes_is_no_command_for_people() {
        assert!(
            command()
                .find_subcommand(home_processes::ZYGOTE_ARGUMENT)
                .is_none()
        );
        assert!(!is_zygote() && !runner::is_asked_for());
    }

    #[test]
    fn options_of_the_whole_program_stand_anywhere() {
        for line in [
            "claude-share -q version --no-input",
            "claude-share --no-input version -q",
        ] {
            let cli =
                Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
            assert!(cli.global.quiet && cli.global.no_input);
        }
    }
}
