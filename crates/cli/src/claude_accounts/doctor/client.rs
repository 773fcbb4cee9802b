//! The installed client, and what beats an account's credential.

use std::path::Path;
use std::process::{Command, Stdio};

use launch::{SupportCache, ViewSupport, rivals_present, settings_files, settings_rivals};

use super::Finding;
use crate::claude_accounts::context::Context;
use crate::claude_accounts::services;
use crate::environment::Variable;
use crate::error::CliError;

pub(super) fn look(context: &Context, fix: bool) -> Result<Vec<Finding<'static>>, CliError> {
    let mut findings = vec![client(context, fix)?];
    findings.extend(variables(context));
    let files = services::client_files(context, &services::runtime(context)?)?;
    let directory = std::env::current_dir().unwrap_or_default();
    for rival in settings_rivals(&settings_files(&files.directory, &directory)) {
        let what = format!(
            "{} sets {}: the client prefers it to any account",
            rival.file.display(),
            rival.key
        );
        findings.push(Finding::problem(what, "Remove that setting."));
    }
    Ok(findings)
}

fn client(context: &Context, fix: bool) -> Result<Finding<'static>, CliError> {
    let client = match services::client(context, None) {
        Ok(client) => client,
        Err(error) => return Ok(Finding::problem(error.message, error.hint)),
    };
    if fix {
        // A wrapper stays the same when what it calls is updated: then only asking anew helps.
        SupportCache::new(context.paths()?.directory()).forget()?;
    }
    let way = match services::view_support(context, &client)? {
        ViewSupport::SecureStorage => "logins are launched with a view",
        ViewSupport::ConfigDirectory => {
            "logins are launched with a view and links to your configuration"
        }
        ViewSupport::Neither => {
            let what = format!(
                "{} cannot be given a view: its sessions end with their token",
                client.display()
            );
            return Ok(Finding::note(
                what,
                "Update Claude Code, then run `claude-accounts doctor --fix`.",
            ));
        }
    };
    let version = version(context, &client).unwrap_or_else(|| "version unknown".to_owned());
    Ok(Finding::good(format!(
        "{}: {version}; {way}",
        client.display()
    )))
}

/// One short line; the client gets no variable but `PATH`, and a home without settings.
fn version(context: &Context, client: &Path) -> Option<String> {
    let mut command = Command::new(client);
    command.arg("--version").env_clear().envs(
        context
            .environment
            .get(Variable::Path)
            .map(|path| ("PATH", path)),
    );
    command
        .env("HOME", "/nonexistent")
        .env("DISABLE_AUTOUPDATER", "1");
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()?
        .trim()
        .to_owned();
    (output.status.success() && text.len() < 100).then_some(text)
}

fn variables(context: &Context) -> Vec<Finding<'static>> {
    let inside = context.environment.get(Variable::SessionAccount).is_some();
    let present = rivals_present(&context.environment.inherited());
    if present.is_empty() || inside {
        return Vec::new();
    }
    let what = format!("set in this shell: {}", present.join(", "));
    let hint = "A launch removes them; a plain `claude` uses them instead of its login. Unset them where they are set.";
    vec![Finding::note(what, hint)]
}
