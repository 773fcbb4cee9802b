use serde_json::Value;

use super::context::Context;
use super::selection::{current_directory, select};
use crate::error::CliError;

/// Show which account counts here, and why
///
/// Inside a session that is its account. Elsewhere it is the one that a plain `launch` takes: that
/// of this directory or the nearest one above it that is bound to one, else the default.
#[derive(clap::Args)]
pub(crate) struct CurrentArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CurrentArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let (account, reason) = select(context, &vault, &current_directory()?)?;
    if args.json {
        let mut object = reason.to_json();
        object["name"] = Value::from(account.name);
        return context.output.json(&object);
    }
    let name = model::printable(&account.name);
    if context.output.is_quiet() {
        return context.output.text(&name);
    }
    context
        .output
        .text(&format!("{name}, {}", model::printable(&reason.words())))
}
