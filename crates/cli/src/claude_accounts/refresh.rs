use model::AuthType;
use renew::{Outcome, RenewError, Renewer, Want};
use vault::{Account, Vault};

use super::context::Context;
use super::services;
use crate::error::CliError;
use crate::time;

/// Renew a login now
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct RefreshArgs {
    /// The account
    #[arg(group = "which")]
    name: Option<String>,
    /// Every account that has a login
    #[arg(long, group = "which")]
    all: bool,
}

pub(crate) fn run(args: &RefreshArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let renewer = services::renewer(context)?;
    match &args.name {
        Some(name) => {
            let account = context.account(&vault, name)?;
            refresh(context, &vault, &renewer, &account).map_err(CliError::from)
        }
        None => refresh_all(context, &vault, &renewer),
    }
}

/// One that fails does not keep the others from being renewed.
fn refresh_all(context: &Context, vault: &Vault, renewer: &Renewer) -> Result<(), CliError> {
    let mut failures: Vec<CliError> = Vec::new();
    let logins = vault
        .accounts()?
        .into_iter()
        .filter(|account| account.auth_type == AuthType::OAuth);
    for account in logins {
        match refresh(context, vault, renewer, &account) {
            Ok(()) => {}
            Err(RenewError::NeverSignedIn(_) | RenewError::NoRefreshToken(_)) => {
                context.output.note(&format!(
                    "{}: nothing to renew it with",
                    model::printable(&account.name)
                ))?;
            }
            Err(error) => {
                let error = CliError::from(error);
                context.output.failure(&error);
                failures.push(error);
            }
        }
    }
    let Some(first) = failures.first() else {
        return Ok(());
    };
    let plural = if failures.len() == 1 {
        "login was"
    } else {
        "logins were"
    };
    Err(CliError::new(
        first.kind,
        format!("{} {plural} not renewed", failures.len()),
        "See above.",
    ))
}

fn refresh(
    context: &Context,
    vault: &Vault,
    renewer: &Renewer,
    account: &Account,
) -> Result<(), RenewError> {
    let outcome = renewer.renew(vault, &account.id, Want::New)?;
    let account = vault.get(&account.id)?;
    let masked = vault.unseal(&account)?.masked();
    let what = match outcome {
        Outcome::Renewed => "renewed",
        Outcome::RenewedElsewhere => "renewed by another process just now",
        Outcome::Adopted => "Claude Code had renewed it already; taken over",
        Outcome::Fresh => "good as it is",
    };
    let left = account.expires_at.map_or(String::new(), |at| {
        format!(", {} left", time::duration(time::now().until(at)))
    });
    let line = format!(
        "{}: {what}: {masked}{left}",
        model::printable(&account.name)
    );
    // The login is renewed whether or not that can be told.
    drop(context.output.note(&line));
    Ok(())
}
