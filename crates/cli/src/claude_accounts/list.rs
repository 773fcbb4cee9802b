use serde_json::Value;
use vault::Vault;

use super::account_report::{AccountReport, Surroundings};
use super::context::Context;
use super::renewal_note::RenewalNotes;
use crate::error::CliError;
use crate::table::{NOTHING, Table};

/// List the accounts
///
/// `*` marks the default one. A record that cannot be opened is shown as damaged; the others are
/// not affected.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Print a JSON array, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let reports = match context.open_vault_if_any()? {
        Some(vault) => reports(&vault)?,
        None => Vec::new(),
    };
    if args.json {
        let objects = reports.iter().map(AccountReport::to_json).collect();
        return context.output.json(&Value::Array(objects));
    }
    if reports.is_empty() {
        return say_empty(context);
    }
    context
        .output
        .text(&table(context, &reports).render(context.output.width()))
}

/// All accounts, oldest first.
pub(crate) fn reports(vault: &Vault) -> Result<Vec<AccountReport>, CliError> {
    let around = Surroundings::read(vault)?;
    let accounts = vault.accounts()?.into_iter();
    accounts
        .map(|account| AccountReport::make(vault, account, &around))
        .collect()
}

/// For a vault without accounts, or none.
pub(crate) fn say_empty(context: &Context) -> Result<(), CliError> {
    context.output.note("no accounts yet")?;
    context.output.hint("Add one: claude-accounts add NAME");
    Ok(())
}

fn table(context: &Context, reports: &[AccountReport]) -> Table {
    let mut table = Table::new(&[
        "name",
        "type",
        "credential",
        "plan",
        "time left",
        "last used",
        "keeper",
    ]);
    let notes = RenewalNotes::ask(context);
    for report in reports {
        let masked = if report.masked.is_empty() {
            NOTHING
        } else {
            &report.masked
        };
        table.push([
            &report.starred_name(),
            report.type_words(),
            masked,
            report.plan.as_deref().unwrap_or(NOTHING),
            &report.time_left(),
            &report.last_used(),
            &notes.of(&report.account),
        ]);
    }
    table
}
