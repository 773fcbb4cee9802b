use serde_json::json;

use crate::error::CliError;
use crate::output::Output;

/// Print the version
#[derive(clap::Args)]
pub(crate) struct VersionArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(
    args: &VersionArgs,
    command: &clap::Command,
    output: &Output,
) -> Result<(), CliError> {
    let (name, version) = (command.get_name(), env!("CARGO_PKG_VERSION"));
    if args.json {
        return output.json(&json!({"name": name, "version": version}));
    }
    output.text(&format!("{name} {version}"))
}
