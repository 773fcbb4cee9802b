//! `claude-accounts`: the command line, and which file carries out which verb.
//!
//! A verb is added in three places: its file with `Args` and `run`, a variant of `Command`,
//! a line in `dispatch`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::environment::{self, Environment, Program};
use crate::error::{self, CliError, Kind};
use crate::program::{self, completions, man, version};
use context::Context;

mod account_report;
mod add;
mod aliases;
pub(crate) mod brought;
mod context;
mod current;
mod dashboard;
mod default;
mod doctor;
mod env;
mod exec;
mod export;
mod found_login;
mod history;
mod import;
mod install;
mod keeper;
mod keeper_log;
mod key;
mod launch;
mod list;
mod login;
mod refresh;
mod remove;
mod rename;
mod renewal_note;
mod restore;
mod selection;
mod serve;
mod services;
mod session;
mod sign_in;
mod status;
mod statusline;
mod uninstall;
mod use_account;

/// Several Claude Code accounts, sealed in one vault; one shared ~/.claude
#[derive(Parser)]
#[command(
    name = "claude-accounts",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "`claude-accounts --help` also explains exit codes and environment variables.",
    after_long_help = after_long_help()
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every verb understands.
#[derive(Args, Default)]
pub(crate) struct GlobalArgs {
    /// Directory of the vault, instead of ~/.claude-accounts
    #[arg(long, value_name = "DIR", global = true)]
    vault: Option<PathBuf>,
    /// Print what was asked for and failures, nothing else
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Never ask: fail where a question would come
    #[arg(long, global = true)]
    no_input: bool,
}

#[derive(Subcommand)]
enum Command {
    Add(add::AddArgs),
    Login(login::LoginArgs),
    Refresh(refresh::RefreshArgs),
    #[command(visible_alias = "run")]
    Launch(launch::LaunchArgs),
    Exec(exec::ExecArgs),
    Env(env::EnvArgs),
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    Status(status::StatusArgs),
    Current(current::CurrentArgs),
    Use(use_account::UseArgs),
    Default(default::DefaultArgs),
    Statusline(statusline::StatuslineArgs),
    Aliases(aliases::AliasesArgs),
    Install(install::InstallArgs),
    Uninstall(uninstall::UninstallArgs),
    Rename(rename::RenameArgs),
    Remove(remove::RemoveArgs),
    History(history::HistoryArgs),
    Restore(restore::RestoreArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Key(key::KeyArgs),
    Keeper(keeper::KeeperArgs),
    Serve(serve::ServeArgs),
    Dashboard(dashboard::DashboardArgs),
    Doctor(doctor::DoctorArgs),
    #[command(
        after_help = "For bash: claude-accounts completions bash > ~/.local/share/bash-completion/completions/claude-accounts"
    )]
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Version(version::VersionArgs),
}

fn dispatch(command: &Command, context: &Context) -> Result<(), CliError> {
    match command {
        Command::Add(args) => add::run(args, context),
        Command::Login(args) => login::run(args, context),
        Command::Refresh(args) => refresh::run(args, context),
        Command::Launch(args) => launch::run(args, context),
        Command::Exec(args) => exec::run(args, context),
        Command::Env(args) => env::run(args, context),
        Command::List(args) => list::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Current(args) => current::run(args, context),
        Command::Use(args) => use_account::run(args, context),
        Command::Default(args) => default::run(args, context),
        Command::Statusline(args) => statusline::run(args, context),
        Command::Aliases(args) => aliases::run(args, context),
        Command::Install(args) => install::run(args, context),
        Command::Uninstall(args) => uninstall::run(args, context),
        Command::Rename(args) => rename::run(args, context),
        Command::Remove(args) => remove::run(args, context),
        Command::History(args) => history::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Key(args) => key::run(args, context),
        Command::Keeper(args) => keeper::run(args, context),
        Command::Serve(args) => serve::run(args, context),
        Command::Dashboard(args) => dashboard::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Completions(args) => completions::run(args, self::command(), &context.output),
        Command::Man(args) => man::run(args, self::command(), &context.output),
        Command::Version(args) => version::run(args, &self::command(), &context.output),
    }
}

/// The whole program: from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    program::run(command(), |cli: Cli| {
        let context = Context::new(Environment::read(), &cli.global);
        let result = dispatch(&cli.command, &context);
        (context.output, result.map(|()| ExitCode::SUCCESS))
    })
}

/// The command line's definition: help, completions and man pages are made from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn after_long_help() -> String {
    let codes = error::explanation(|kind| (kind != Kind::Server).then(|| kind.meaning()));
    let variables = environment::explanation(Program::Accounts);
    format!("Exit codes:\n{codes}\nEnvironment:\n{variables}")
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
        assert!(help.contains("127  the client was not found"));
        assert!(help.contains("CLAUDE_ACCOUNTS_HOME"));
    }

    #[test]
    fn options_of_the_whole_program_stand_anywhere() {
        for line in [
            "claude-accounts --vault /v -q list",
            "claude-accounts list --vault /v --quiet",
        ] {
            let cli =
                Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
            assert!(cli.global.quiet && cli.global.vault.is_some());
        }
    }
}
