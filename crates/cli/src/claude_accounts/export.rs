use std::path::{Path, PathBuf};

use vault::durable::{self, Placing};
use vault::{AgeLock, Vault, VaultError, export_accounts, seal_age_file};
use zeroize::Zeroizing;

use super::context::Context;
use crate::error::{CliError, Kind};

/// Write accounts with their secrets as JSON, or as an age file that only some can open
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The accounts; all if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Write to this file, readable by you alone, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace FILE if it is there
    #[arg(long, requires = "output")]
    force: bool,
    /// Encrypt with a passphrase, which is asked for twice
    #[arg(long, conflicts_with = "recipients")]
    passphrase: bool,
    /// Encrypt with a passphrase read from this descriptor, one line
    #[arg(long, value_name = "N", conflicts_with = "recipients")]
    passphrase_fd: Option<u32>,
    /// Encrypt for whoever has the private key of this one (age1…). Repeatable
    #[arg(long = "recipient", value_name = "AGE1…")]
    recipients: Vec<String>,
}

pub(crate) fn run(args: &ExportArgs, context: &Context) -> Result<(), CliError> {
    refuse_existing(args)?;
    let vault = context.open_vault()?;
    let (plain, count) = plain(args, context, &vault)?;
    let bytes = seal(args, context, plain)?;
    let Some(file) = &args.output else {
        return context.output.bytes(&bytes);
    };
    let placing = if args.force {
        Placing::Replace
    } else {
        Placing::New
    };
    durable::write(file, &bytes, 0o600, placing).map_err(|error| write_failure(file, error))?;
    let accounts = if count == 1 { "account" } else { "accounts" };
    context.output.note(&model::printable(&format!(
        "exported {count} {accounts} to {}",
        file.display()
    )))
}

/// Before anybody is asked for a passphrase.
fn refuse_existing(args: &ExportArgs) -> Result<(), CliError> {
    match &args.output {
        Some(file) if !args.force && file.symlink_metadata().is_ok() => Err(exists(file)),
        _ => Ok(()),
    }
}

fn plain(
    args: &ExportArgs,
    context: &Context,
    vault: &Vault,
) -> Result<(Zeroizing<Vec<u8>>, usize), CliError> {
    let accounts = if args.names.is_empty() {
        vault.accounts()?
    } else {
        let named = args.names.iter().map(|name| context.account(vault, name));
        let mut accounts = named.collect::<Result<Vec<_>, _>>()?;
        let mut seen = std::collections::HashSet::new();
        accounts.retain(|account| seen.insert(account.id.clone()));
        accounts
    };
    let plain = export_accounts(vault, &accounts).map_err(|error| match error {
        VaultError::Damaged { .. } => CliError::from(error)
            .hinted("Nothing was exported. Name the accounts to be exported without this one, or remove it."),
        other => other.into(),
    })?;
    Ok((plain, accounts.len()))
}

fn seal(
    args: &ExportArgs,
    context: &Context,
    plain: Zeroizing<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    if !args.recipients.is_empty() {
        return Ok(Zeroizing::new(seal_age_file(
            &plain,
            &AgeLock::Recipients(&args.recipients),
        )?));
    }
    if args.passphrase || args.passphrase_fd.is_some() {
        let passphrase = context.prompt.new_passphrase(args.passphrase_fd)?;
        return Ok(Zeroizing::new(seal_age_file(
            &plain,
            &AgeLock::Passphrase(&passphrase),
        )?));
    }
    context.output.warning(
        "this export holds keys and tokens that anybody who reads it can use; --passphrase or --recipient encrypts it",
    );
    Ok(plain)
}

fn write_failure(file: &Path, error: VaultError) -> CliError {
    match error {
        VaultError::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            exists(file)
        }
        other => other.into(),
    }
}

fn exists(file: &Path) -> CliError {
    CliError::new(
        Kind::Conflict,
        format!("{} is already there", file.display()),
        "Give another name, or --force to replace it.",
    )
}
