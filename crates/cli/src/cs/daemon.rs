use live_process::daemon::{self, DaemonOptions};

use crate::error::{CliError, Kind};

/// Be a session's own process; `cs live` starts it
#[derive(clap::Args)]
pub(crate) struct DaemonArgs {}

/// As `cs live` names it to start it.
pub(crate) const NAME: &str = "daemon";

pub(crate) fn run(_: &DaemonArgs) -> Result<(), CliError> {
    let options = DaemonOptions::read(std::io::stdin().lock());
    options.and_then(daemon::run).map_err(|error| {
        CliError::new(
            Kind::Internal,
            error.to_string(),
            "It is started by `cs live`.",
        )
    })
}
