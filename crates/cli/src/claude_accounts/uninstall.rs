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
    if changes.is_empty() {
        return context.output.note("nothing was installed");
    }
    report(context, &changes)
}
