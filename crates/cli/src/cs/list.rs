use client::{Extra, Extras};
use serde_json::json;

use super::context::Context;
use super::live_error::of_settings;
use crate::error::CliError;
use crate::table::Table;

/// Show the extra directories of sessions to come
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let extras = Extras::load(&context.paths()?).map_err(of_settings)?;
    if args.json {
        let directories = extras.list().iter().map(|extra| {
            json!({"directory": extra.directory.to_string_lossy(), "read_only": extra.read_only})
        });
        return context.output.json(&directories.collect());
    }
    if extras.list().is_empty() {
        return context
            .output
            .note("no extra directories; add one: cs add DIR");
    }
    let mut table = Table::new(&["directory", "the server may"]);
    for extra in extras.list() {
        table.push([extra.directory.to_string_lossy().as_ref(), may(extra)]);
    }
    context.output.text(&table.render(context.output.width()))
}

fn may(extra: &Extra) -> &'static str {
    match extra.read_only {
        true => "read",
        false => "read and write",
    }
}
