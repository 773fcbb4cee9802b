use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::context::Context;
use crate::error::{CliError, Kind};

/// Write the manual pages into a directory
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// The directory; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) fn run(args: &ManArgs, context: &Context) -> Result<(), CliError> {
    let directory = &args.directory;
    write_pages(directory).map_err(|error| {
        CliError::new(
            Kind::Storage,
            format!(
                "cannot write the manual pages into {}: {error}",
                directory.display()
            ),
            "Name a directory that you may write to.",
        )
    })?;
    let directory = model::printable(&directory.display().to_string());
    context.output.note(&format!(
        "the manual pages are in {directory}; read one: man {directory}/claude-accounts.1"
    ))
}

fn write_pages(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, directory)
}
