use model::{CredentialDocument, Timestamp};
use serde_json::{Value, json};
use vault::Generation;

use super::context::Context;
use crate::error::CliError;
use crate::table::{NOTHING, Table};
use crate::time;

/// Show the generations of a login that are kept
#[derive(clap::Args)]
pub(crate) struct HistoryArgs {
    /// The account
    name: String,
    /// Print a JSON array, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &HistoryArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    let generations = vault.history(&account)?;
    if args.json {
        let objects = generations.iter().map(object).collect();
        return context.output.json(&Value::Array(objects));
    }
    if generations.is_empty() {
        let name = model::printable(&account.name);
        return context
            .output
            .note(&format!("{name} has no history: only logins have one"));
    }
    context
        .output
        .text(&table(&generations).render(context.output.width()))
}

fn object(generation: &Generation) -> Value {
    json!({
        "generation": generation.number,
        "recorded_at": generation.recorded_at.as_millis(),
        "cause": generation.cause.as_str(),
        "expires_at": generation.expires_at.map(Timestamp::as_millis),
        "masked": generation.document.as_ref().map(masked),
        "present": generation.present,
    })
}

fn table(generations: &[Generation]) -> Table {
    let mut table = Table::new(&["generation", "stored", "cause", "expires", "access token"]);
    for generation in generations {
        let present = if generation.present { " *" } else { "" };
        table.push([
            format!("{}{present}", generation.number),
            time::local(generation.recorded_at),
            generation.cause.as_str().to_owned(),
            generation
                .expires_at
                .map_or_else(|| NOTHING.to_owned(), time::local),
            generation
                .document
                .as_ref()
                .map_or_else(|| "damaged".to_owned(), masked),
        ]);
    }
    table
}

fn masked(document: &CredentialDocument) -> String {
    document.access_token().masked()
}
