//! The client's own files: locks that nobody holds, a shared or blanked login.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::{AccountId, DocumentError, LoginState};
use renew::{ClientFiles, ClientLogin, STALE_AFTER, client_lock_paths};

use super::Finding;
use crate::claude_accounts::context::Context;
use crate::claude_accounts::services;
use crate::error::{CliError, Kind};
use crate::time;

pub(super) fn look(context: &Context) -> Result<Vec<Finding<'_>>, CliError> {
    let files = services::client_files(context, &services::runtime(context)?)?;
    let mut findings: Vec<Finding<'_>> = client_lock_paths(&files.directory)
        .iter()
        .filter_map(|path| lock(path))
        .collect();
    findings.extend(shared(&files));
    findings.extend(login(context, &files)?);
    Ok(findings)
}

fn lock(path: &Path) -> Option<Finding<'static>> {
    let touched = fs::symlink_metadata(path).ok()?.modified().ok()?;
    let what = match SystemTime::now().duration_since(touched) {
        Ok(age) if age > STALE_AFTER => format!(
            "{} was left by a client that has gone ({} ago)",
            path.display(),
            time::duration(age)
        ),
        Err(ahead) if ahead.duration() > STALE_AFTER => {
            format!(
                "{} is dated {} ahead: the client waits for it for ever",
                path.display(),
                time::duration(ahead.duration())
            )
        }
        _ => return None,
    };
    let path = path.to_owned();
    Some(Finding::problem(what, "Remove that directory.").mended_by(move || remove_lock(&path)))
}

fn remove_lock(path: &PathBuf) -> Result<(), CliError> {
    fs::remove_dir(path).map_err(|error| {
        CliError::new(
            Kind::Storage,
            format!("cannot remove {}: {error}", path.display()),
            "Look at what is in it.",
        )
    })
}

/// A file that several homes share is the one thing that no keeper can make safe.
fn shared(files: &ClientFiles) -> Option<Finding<'static>> {
    let path = files.credentials();
    let metadata = fs::symlink_metadata(&path).ok()?;
    let how = match (metadata.is_symlink(), metadata.nlink()) {
        (true, _) => "a symbolic link",
        (false, links) if links > 1 => "a hard link to a file that is elsewhere too",
        (false, _) => return None,
    };
    let what = format!(
        "{} is {how}: the client's next renewal severs it and logs the others out",
        path.display()
    );
    Some(Finding::problem(
        what,
        "Sign in for each home separately, or launch with accounts from one vault.",
    ))
}

fn login<'a>(context: &'a Context, files: &ClientFiles) -> Result<Option<Finding<'a>>, CliError> {
    let path = files.credentials();
    Ok(match files.read_login() {
        Err(error) => Some(Finding::note(
            format!("{}: not read: {error}", path.display()),
            CliError::from(error).hint,
        )),
        Ok(ClientLogin::Absent) => None,
        Ok(ClientLogin::Login(_)) => outdated(context)?,
        Ok(ClientLogin::Unusable(DocumentError::Blanked)) => Some(blanked(context, &path)?),
        Ok(ClientLogin::Unusable(error)) => Some(Finding::note(
            format!("{} is of no use: {error}", path.display()),
            "Sign in with `claude auth login`.",
        )),
    })
}

/// The account whose login the file was last seen to hold, if that login is alive.
fn linked(context: &Context) -> Result<Option<(AccountId, String)>, CliError> {
    let Some(vault) = context.open_vault_if_any()? else {
        return Ok(None);
    };
    let Some(id) = vault.linked_client_file()? else {
        return Ok(None);
    };
    let Ok(account) = vault.get(&id) else {
        return Ok(None);
    };
    Ok((account.state == LoginState::Alive).then_some((id, account.name)))
}

fn blanked<'a>(context: &'a Context, path: &Path) -> Result<Finding<'a>, CliError> {
    let what = format!(
        "{} is blank: Claude Code was logged out by a renewal that failed",
        path.display()
    );
    let Some((id, name)) = linked(context)? else {
        return Ok(Finding::problem(what, "Sign in with `claude auth login`."));
    };
    let hint = format!(
        "--fix puts the login of {:?} back, which it held before.",
        model::printable(&name)
    );
    Ok(Finding::problem(what, hint).mended_by(move || {
        let vault = context.open_vault()?;
        match services::renewer(context)?.fill_blank_client_file(&vault, &id)? {
            true => Ok(()),
            false => Err(CliError::new(
                Kind::Conflict,
                "somebody has signed in meanwhile",
                "Look again: claude-accounts doctor",
            )),
        }
    }))
}

fn outdated(context: &Context) -> Result<Option<Finding<'_>>, CliError> {
    let Some((id, name)) = linked(context)? else {
        return Ok(None);
    };
    let vault = context.open_vault()?;
    if !services::renewer(context)?.client_file_differs(&vault, &id)? {
        return Ok(None);
    }
    let what = format!(
        "~/.claude and the vault hold different generations of the login of {:?}",
        model::printable(&name)
    );
    Ok(Some(
        Finding::problem(what, "--fix takes the newer one to both.").mended_by(move || {
            services::renewer(context)?.sync_client_file(&vault, &id)?;
            Ok(())
        }),
    ))
}
