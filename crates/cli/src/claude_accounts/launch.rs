use std::ffi::OsString;
use std::path::PathBuf;

use model::AccountId;
use vault::{Credential, Vault};

use super::context::Context;
use super::selection::{current_directory, select_for_launch};
use super::services;
use super::session::{self, Inject, Prepared, Ready};
use crate::error::CliError;

/// Start Claude Code with an account
///
/// Without a name it takes the account that this directory or the nearest one above it is bound
/// to, else the default. This process becomes the client: signals, terminal and exit status are
/// the client's own.
#[derive(clap::Args)]
pub(crate) struct LaunchArgs {
    /// The account
    name: Option<String>,
    /// The account by its identifier, whatever its name: for the dashboard
    #[arg(long, value_name = "ID", hide = true, conflicts_with = "name")]
    id: Option<String>,
    /// How the credential of a login reaches the client
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    inject: Inject,
    /// The client, by path or by name in PATH
    #[arg(long, value_name = "PATH")]
    claude: Option<PathBuf>,
    /// What the client is given
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(args: &LaunchArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = match (&args.id, &args.name) {
        (Some(id), _) => vault.get(&AccountId::from_stored(id))?,
        (None, Some(name)) => context.account(&vault, name)?,
        (None, None) => select_for_launch(&vault, &current_directory()?)?.0,
    };
    let client = services::client(context, args.claude.as_deref())?;
    let kind = match (account.auth_type, args.inject) {
        (model::AuthType::ApiKey, _) | (_, Inject::Env) => None,
        (_, inject) => session::session_kind(context, &client, inject)?,
    };
    let ready = session::make_ready(context, &vault, account, session::margin(kind))?;
    session::warn_of_rival_settings(context)?;
    let prepared = prepare(context, &vault, &ready, kind)?;
    prepared.execute(context, &vault, &ready, &client, &args.arguments)
}

fn prepare(
    context: &Context,
    vault: &Vault,
    ready: &Ready,
    kind: Option<renew::SessionKind>,
) -> Result<Prepared, CliError> {
    match (kind, &ready.unsealed.credential) {
        (Some(kind), Credential::Login(_)) => session::in_view(context, vault, ready, kind),
        _ => Ok(session::in_environment(ready)),
    }
}
