use zeroize::Zeroizing;

use super::context::Context;
use crate::error::CliError;

/// Print the API key that is assigned to you
///
/// For `apiKeyHelper` in the settings of Claude Code: the keeper looks at who asks, and gives
/// everybody his own key alone.
#[derive(clap::Args)]
pub(crate) struct KeyArgs {}

pub(crate) fn run(_args: &KeyArgs, context: &Context) -> Result<(), CliError> {
    let key = share::keeper::fetch_key(&context.paths)?;
    let line = Zeroizing::new(format!("{}\n", key.expose()));
    context.output.bytes(line.as_bytes())
}
