//! Who can read and write the vault's files.

use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Finding;
use crate::claude_accounts::context::Context;
use crate::error::{CliError, Kind};

pub(super) fn look(context: &Context) -> Result<Vec<Finding<'static>>, CliError> {
    let paths = context.paths()?;
    let database = paths.database();
    let beside = |suffix: &str| {
        let mut path = database.clone().into_os_string();
        path.push(suffix);
        PathBuf::from(path)
    };
    let files = [
        paths.key(),
        paths.next_key(),
        beside("-wal"),
        beside("-shm"),
        database.clone(),
    ];
    let others = [
        "clients.json",
        "keeper.log",
        "keeper.log.1",
        "aliases.sh",
        "aliases.fish",
    ];
    let others = others.map(|name| paths.directory().join(name));
    let mut findings: Vec<Finding<'static>> = Vec::new();
    findings.extend(look_at(paths.directory(), 0o700));
    for path in files.iter().chain(&others) {
        findings.extend(look_at(path, 0o600));
    }
    if findings.is_empty() && paths.exists() {
        findings.push(Finding::good(format!(
            "{} and its files are yours alone",
            paths.directory().display()
        )));
    }
    Ok(findings)
}

fn look_at(path: &Path, wanted: u32) -> Option<Finding<'static>> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        let what = format!(
            "{} belongs to another user (uid {})",
            path.display(),
            metadata.uid()
        );
        return Some(Finding::problem(
            what,
            "Give it back to yourself as root: chown. Then change what it held.",
        ));
    }
    let too_open = metadata.mode() & 0o077;
    if metadata.is_symlink() || too_open == 0 {
        return None;
    }
    let what = format!(
        "{} can be used by others (mode {:o})",
        path.display(),
        metadata.mode() & 0o777
    );
    let path = path.to_owned();
    let hint = format!(
        "chmod {wanted:o} it; whoever could read the key may have read it: `claude-accounts key rotate`."
    );
    Some(Finding::problem(what, hint).mended_by(move || close(&path, &metadata, wanted)))
}

fn close(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), CliError> {
    fs::set_permissions(path, Permissions::from_mode(metadata.mode() & wanted)).map_err(|error| {
        CliError::new(
            Kind::Storage,
            format!("cannot change {}: {error}", path.display()),
            "Check the file system.",
        )
    })
}
