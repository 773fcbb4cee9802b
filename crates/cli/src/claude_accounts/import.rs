use std::path::PathBuf;

use clap::ValueEnum;
use model::Secret;
use serde_json::{Value, json};
use vault::{
    AgeUnlock, ConflictPolicy, EXPORT_LIMIT, ImportAction, ImportEntry, is_age_file,
    needs_passphrase, open_age_file, parse_import, plan_import,
};
use zeroize::Zeroizing;

use super::context::Context;
use super::{install, keeper};
use crate::error::{CliError, Kind};
use crate::input;
use crate::table::Table;

/// Largest file that is read: an export in the encoding of age, which takes a third more.
const FILE_LIMIT: usize = EXPORT_LIMIT / 2 * 3;

/// Largest identity file, in bytes. Real ones have about 200.
const IDENTITY_LIMIT: usize = 64 * 1024;

/// Add the accounts of an export: all, or on any error none
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// The export, as JSON or as an age file; `-` is standard input
    file: PathBuf,
    /// What to do with an account whose name is taken
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Skip)]
    on_conflict: OnConflict,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Read the passphrase of an age file from this descriptor, one line
    #[arg(long, value_name = "N", conflicts_with = "identity")]
    passphrase_fd: Option<u32>,
    /// Open an age file with the private key in this file
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Print a JSON array, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnConflict {
    /// Leave the account that is there
    Skip,
    /// Put the import in its place; its login so far stays in its history
    Replace,
    /// Add the import under a name with a number
    Rename,
}

impl From<OnConflict> for ConflictPolicy {
    fn from(chosen: OnConflict) -> Self {
        match chosen {
            OnConflict::Skip => Self::Skip,
            OnConflict::Replace => Self::Replace,
            OnConflict::Rename => Self::Rename,
        }
    }
}

pub(crate) fn run(args: &ImportArgs, context: &Context) -> Result<(), CliError> {
    let bytes = input::read(&args.file, FILE_LIMIT)?;
    let plain = if is_age_file(&bytes) {
        open(args, context, &bytes)?
    } else {
        bytes
    };
    let entries = parse_import(&plain)?;
    let policy = args.on_conflict.into();
    let actions = if args.dry_run {
        plan(context, entries, policy)?
    } else {
        let vault = context.open_or_create_vault()?;
        let actions = renew::import(&vault, &entries, policy)?;
        install::follow(context);
        keeper::tell_of_change(context)?;
        actions
    };
    report(args, context, &actions)
}

fn open(
    args: &ImportArgs,
    context: &Context,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    if needs_passphrase(sealed)? {
        let passphrase = context
            .prompt
            .passphrase(args.passphrase_fd, "Passphrase of the file: ")?;
        return Ok(open_age_file(sealed, &AgeUnlock::Passphrase(&passphrase))?);
    }
    let Some(file) = &args.identity else {
        return Err(CliError::new(
            Kind::Usage,
            "the file is encrypted for a recipient",
            "Give the file with the recipient's private key: --identity FILE.",
        ));
    };
    let identity = input::read(file, IDENTITY_LIMIT)?;
    let identity = Secret::new(String::from_utf8_lossy(&identity));
    Ok(open_age_file(sealed, &AgeUnlock::Identities(&identity))?)
}

fn plan(
    context: &Context,
    entries: Vec<ImportEntry>,
    policy: ConflictPolicy,
) -> Result<Vec<ImportAction>, CliError> {
    let names = match context.open_vault_if_any()? {
        Some(vault) => vault.names()?,
        None => Vec::new(),
    };
    let taken: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    Ok(plan_import(&taken, entries, policy))
}

fn report(args: &ImportArgs, context: &Context, actions: &[ImportAction]) -> Result<(), CliError> {
    let rows: Vec<Row> = actions.iter().map(Row::of).collect();
    if args.json {
        let object =
            |row: &Row| json!({"name": row.name, "action": row.action, "stored_as": row.stored_as});
        return context
            .output
            .json(&Value::Array(rows.iter().map(object).collect()));
    }
    if context.output.is_quiet() {
        return Ok(());
    }
    let mut table = Table::new(&["name", "action", "stored as"]);
    for row in &rows {
        table.push([row.name, row.action, row.stored_as.unwrap_or_default()]);
    }
    let table = if rows.is_empty() {
        String::new()
    } else {
        table.render(context.output.width())
    };
    context
        .output
        .note(&format!("{table}{}", summary(&rows, args.dry_run)))?;
    if actions.iter().any(brings_refresh_token) && !args.dry_run {
        context.output.hint("A refresh token is single use: renew an imported login here or where it came from, not in both places.");
    }
    Ok(())
}

/// What happened to one account, or would.
struct Row<'action> {
    name: &'action str,
    action: &'static str,
    stored_as: Option<&'action str>,
}

impl<'action> Row<'action> {
    fn of(action: &'action ImportAction) -> Self {
        let (name, action, stored_as) = match action {
            ImportAction::Add(entry) => (&entry.name, "added", Some(&entry.name)),
            ImportAction::Skip(name) => (name, "skipped", None),
            ImportAction::Replace(entry) => (&entry.name, "replaced", Some(&entry.name)),
            ImportAction::Rename { from, entry } => (from, "renamed", Some(&entry.name)),
        };
        Self {
            name: name.as_str(),
            action,
            stored_as: stored_as.map(model::AccountName::as_str),
        }
    }
}

fn summary(rows: &[Row<'_>], dry_run: bool) -> String {
    let part = |action: &str| {
        let count = rows.iter().filter(|row| row.action == action).count();
        (count > 0).then(|| format!("{count} {action}"))
    };
    let parts: Vec<String> = ["added", "skipped", "replaced", "renamed"]
        .into_iter()
        .filter_map(part)
        .collect();
    let text = if parts.is_empty() {
        "no accounts in it".to_owned()
    } else {
        parts.join(", ")
    };
    let dry = if dry_run {
        " (nothing was done: --dry-run)"
    } else {
        ""
    };
    format!("{text}{dry}")
}

fn brings_refresh_token(action: &ImportAction) -> bool {
    match action {
        ImportAction::Skip(_) => false,
        ImportAction::Add(entry)
        | ImportAction::Replace(entry)
        | ImportAction::Rename { entry, .. } => entry
            .login
            .as_ref()
            .is_some_and(|login| !login.refresh_token().is_empty()),
    }
}
