use launch::{Change, FileChange};

use super::context::Context;
use super::install::{Directories, report};
use crate::error::CliError;

/// Take back exactly what `install` did to the shells' files
///
/// Accounts stay.
#[derive(clap::Args)]
pub(crate) struct UninstallArgs {}

pub(crate) fn run(_args: &UninstallArgs, context: &Context) -> Result<(), CliError> {
    let directories = Directories::of(context)?;
    let changes = directories.files(context).uninstall()?;
    let unchanged = |change: &FileChange| change.change == Change::Unchanged;
    if changes.iter().all(unchanged) {
        return context.output.note("nothing was installed");
    }
    report(context, &changes)
}
