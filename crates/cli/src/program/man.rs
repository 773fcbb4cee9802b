use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{CliError, Kind};
use crate::output::Output;

/// Write the manual pages into a directory
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// The directory; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) fn run(args: &ManArgs, command: clap::Command, output: &Output) -> Result<(), CliError> {
    let directory = &args.directory;
    let name = command.get_name().to_owned();
    write_pages(directory, command).map_err(|error| {
        CliError::new(
            Kind::Storage,
            format!(
                "cannot write the manual pages into {}: {error}",
                directory.display()
            ),
            "Name a directory that you may write to.",
        )
    })?;
    let directory = directory.display().to_string();
    let directory = model::printable(&directory);
    output.note(&format!(
        "the manual pages are in {directory}; read one: man {directory}/{name}.1"
    ))
}

fn write_pages(directory: &Path, command: clap::Command) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, directory)
}
