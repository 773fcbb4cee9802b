//! Running sessions and their keeper.

use renew::{Session, SessionKind, keeper_status};

use super::Finding;
use crate::claude_accounts::context::Context;
use crate::claude_accounts::{keeper, services};
use crate::error::CliError;

pub(super) fn look(context: &Context) -> Result<Vec<Finding<'_>>, CliError> {
    let runtime = services::runtime(context)?;
    let sessions = Session::all(&runtime);
    let alive: Vec<&Session> = sessions
        .iter()
        .filter(|session| session.is_alive())
        .collect();
    let mut findings: Vec<Finding<'_>> =
        alive.iter().flat_map(|session| severed(session)).collect();
    match (keeper_status(&runtime), alive.len()) {
        (None, 0) => {}
        (None, count) => findings.push(no_keeper(context, count)),
        (Some(_), count) => {
            findings.push(Finding::good(format!("a keeper keeps {count} sessions")));
        }
    }
    Ok(findings)
}

fn no_keeper(context: &Context, count: usize) -> Finding<'_> {
    let what = format!("{count} sessions run without a keeper: they end with their tokens");
    Finding::problem(what, "--fix starts one; so does the next launch.").mended_by(move || {
        let vault = context.open_vault()?;
        keeper::ensure_running(context, &vault)
    })
}

/// Links of a session that the client has replaced by files of its own: what it writes there is
/// not shared while the session lasts.
fn severed(session: &Session) -> Vec<Finding<'static>> {
    if session.kind() != SessionKind::ConfigDirectory {
        return Vec::new();
    }
    let entries = std::fs::read_dir(session.view_directory())
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let real = entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    let names = real.filter_map(|entry| entry.file_name().into_string().ok());
    let severed =
        names.filter(|name| !name.starts_with(".credentials.json") && !name.ends_with(".lock"));
    severed
        .map(|name| {
            let what = format!(
                "session {} has a {name} of its own instead of yours",
                session.pid()
            );
            Finding::note(
                what,
                "It is carried back to ~/.claude when the session ends, if there is none.",
            )
        })
        .collect()
}
