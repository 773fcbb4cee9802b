use serde_json::json;

use super::context::Context;
use crate::error::CliError;

/// Print the version
#[derive(clap::Args)]
pub(crate) struct VersionArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &VersionArgs, context: &Context) -> Result<(), CliError> {
    let (name, version) = ("claude-accounts", env!("CARGO_PKG_VERSION"));
    if args.json {
        return context
            .output
            .json(&json!({"name": name, "version": version}));
    }
    context.output.text(&format!("{name} {version}"))
}
