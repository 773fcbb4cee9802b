use std::path::{Path, PathBuf};

use model::printable;
use serde_json::{Value, json};
use vault::{Binding, Vault};

use super::context::Context;
use crate::error::{CliError, Kind};
use crate::table::Table;

/// Bind a directory to an account, or list the bindings
///
/// In and below that directory a `launch` without a name takes this account. The binding is kept
/// in the vault, never in the directory.
#[derive(clap::Args)]
pub(crate) struct UseArgs {
    /// The account; without it, the bindings are listed
    name: Option<String>,
    /// The directory; the current one if none is named
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// End the binding of DIR, or of the current directory
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".", conflicts_with = "name")]
    clear: Option<PathBuf>,
    /// Print the bindings as a JSON array, for programs
    #[arg(long, conflicts_with_all = ["name", "clear"])]
    json: bool,
}

pub(crate) fn run(args: &UseArgs, context: &Context) -> Result<(), CliError> {
    match (&args.name, &args.clear) {
        (Some(name), _) => bind(
            context,
            name,
            args.directory.as_deref().unwrap_or(Path::new(".")),
        ),
        (None, Some(directory)) => clear(context, directory),
        (None, None) => list(context, args.json),
    }
}

fn bind(context: &Context, name: &str, directory: &Path) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, name)?;
    let directory = directory
        .canonicalize()
        .map_err(|error| no_directory(directory, &error.to_string()))?;
    if !directory.is_dir() {
        return Err(no_directory(&directory, "it is no directory"));
    }
    vault.bind(&directory, &account.id)?;
    context.output.note(&printable(&format!(
        "{} is bound to {}",
        directory.display(),
        account.name
    )))
}

fn clear(context: &Context, directory: &Path) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    // A directory that has gone can still be bound.
    let directory = directory
        .canonicalize()
        .or_else(|_| std::path::absolute(directory));
    let directory = directory.map_err(|error| no_directory(Path::new("."), &error.to_string()))?;
    if vault.unbind(&directory)? {
        return context.output.note(&printable(&format!(
            "{} is no longer bound",
            directory.display()
        )));
    }
    Err(CliError::new(
        Kind::NotFound,
        format!("{} is not bound itself", directory.display()),
        "`claude-accounts use` lists the bindings.",
    ))
}

fn list(context: &Context, json: bool) -> Result<(), CliError> {
    let bindings = match context.open_vault_if_any()? {
        Some(vault) => named(&vault)?,
        None => Vec::new(),
    };
    if json {
        let object = |(binding, name): &(Binding, Option<String>)| json!({"directory": binding.directory.to_string_lossy(), "name": name});
        return context
            .output
            .json(&Value::Array(bindings.iter().map(object).collect()));
    }
    if bindings.is_empty() {
        context.output.note("no directory is bound")?;
        context
            .output
            .hint("Bind one: claude-accounts use NAME [DIR]");
        return Ok(());
    }
    let mut table = Table::new(&["directory", "account"]);
    for (binding, name) in &bindings {
        let directory = binding.directory.to_string_lossy();
        table.push([directory.as_ref(), name.as_deref().unwrap_or("(removed)")]);
    }
    context.output.text(&table.render(context.output.width()))
}

/// The bindings with the names of their accounts; none if another program removed the account.
fn named(vault: &Vault) -> Result<Vec<(Binding, Option<String>)>, CliError> {
    let names = vault.names()?;
    let name = |binding: &Binding| {
        let found = names.iter().find(|(id, _)| *id == binding.account);
        found.map(|(_, name)| name.clone())
    };
    let bindings = vault.bindings()?.into_iter();
    Ok(bindings
        .map(|binding| (binding.clone(), name(&binding)))
        .collect())
}

fn no_directory(directory: &Path, problem: &str) -> CliError {
    CliError::new(
        Kind::Input,
        format!("{} cannot be bound: {problem}", directory.display()),
        "Name a directory that exists.",
    )
}
