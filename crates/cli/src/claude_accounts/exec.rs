use std::ffi::OsString;
use std::path::PathBuf;

use launch::find_client;

use super::context::Context;
use super::services;
use super::session::{self, Inject};
use crate::environment::Variable;
use crate::error::CliError;

/// Run any command with an account's environment
///
/// This process becomes the command. With a login the token is put into the environment and lives
/// for hours; a command that starts Claude Code and is to last longer wants `--inject view`.
#[derive(clap::Args)]
pub(crate) struct ExecArgs {
    /// The account
    name: String,
    /// How the credential of a login reaches the command; `auto` asks the installed client
    #[arg(long, value_enum, value_name = "HOW", default_value = "env")]
    inject: Inject,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &ExecArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    let (program, arguments) = args.command.split_first().expect("clap requires one");
    let directory = std::env::current_dir().unwrap_or_default();
    let search_path = context.environment.get(Variable::Path);
    let program = find_client(Some(&PathBuf::from(program)), search_path, &directory, None)?;
    let kind = match (account.auth_type, args.inject) {
        (model::AuthType::ApiKey, _) | (_, Inject::Env) => None,
        (_, inject) => session::session_kind(context, &services::client(context, None)?, inject)?,
    };
    let ready = session::make_ready(context, &vault, account, session::margin(kind))?;
    let prepared = match kind {
        Some(kind) => session::in_view(context, &vault, &ready, kind)?,
        None => session::in_environment(&ready),
    };
    prepared.execute(context, &vault, &ready, &program, arguments)
}
