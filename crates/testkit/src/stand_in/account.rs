//! `auth status`, `auth login`, `auth logout`.

use super::TOKEN_URL_VARIABLE;
use super::credential::{self, Login, Source};
use super::settings::{Settings, variable};
use crate::http;
use serde_json::{Value, json};
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Prints JSON with and without `--json`, as the real client does when it is not on a terminal. Leaves the file as it is.
pub(super) fn status(settings: &Settings) -> io::Result<ExitCode> {
    let source = credential::strongest(settings).source;
    let directory = settings.config_dir();
    let mut status = json!({
        "loggedIn": source != Source::None,
        "authMethod": method(source),
        "apiProvider": "firstParty",
        "analyticsDisabled": true,
        "projectsDirectory": directory.join("projects"),
        "configDirectory": directory,
        "loginExpiresAt": null,
        "consoleProfileSignInOffered": true,
    });
    match source {
        Source::File => describe_login(settings, &mut status),
        Source::ApiKey => status["apiKeySource"] = json!("ANTHROPIC_API_KEY"),
        Source::Helper => status["apiKeySource"] = json!("apiKeyHelper"),
        Source::None | Source::AuthToken | Source::OauthToken => {}
    }
    writeln!(io::stdout(), "{status:#}")?;
    Ok(if source == Source::None {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn method(source: Source) -> &'static str {
    match source {
        Source::None => "none",
        Source::AuthToken | Source::OauthToken => "oauth_token",
        Source::Helper | Source::ApiKey => "api_key",
        Source::File => "claude.ai",
    }
}

fn describe_login(settings: &Settings, status: &mut Value) {
    let state = read_state(&settings.state_file());
    let account = &state["oauthAccount"];
    status["email"] = account["emailAddress"].clone();
    status["orgId"] = account["organizationUuid"].clone();
    status["orgName"] = account["organizationName"].clone();
    let login = Login::read(&settings.credential_dir());
    status["subscriptionType"] = login
        .map(|login| login.subscription().clone())
        .unwrap_or_default();
    status["storedClaudeAiLogin"] = json!(true);
}

pub(super) fn login(settings: &Settings) -> io::Result<ExitCode> {
    let credentials = &settings.login["credentials"];
    if !credentials.is_object() {
        return Err(io::Error::other("the settings name no login to sign in as"));
    }
    if settings.login["asks"] == true {
        write!(io::stdout(), "Paste code here if prompted > ")?;
        io::stdout().flush()?;
        io::stdin().read_line(&mut String::new())?;
    }
    let directory = settings.credential_dir();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)?;
    credential::replace(
        &credential::file(&directory),
        credentials.to_string().as_bytes(),
    )?;
    let account = settings.login["oauthAccount"].clone();
    change_state(settings, |state| state["oauthAccount"] = account)?;
    writeln!(io::stdout(), "Login successful.")?;
    Ok(ExitCode::SUCCESS)
}

/// Revokes the login at the server too, as the real client does: whoever shares it is signed out.
pub(super) fn logout(settings: &Settings) -> io::Result<ExitCode> {
    let directory = settings.credential_dir();
    if let Some(token) = Login::read(&directory).and_then(|login| login.refresh_token())
        && let Some(url) = variable(TOKEN_URL_VARIABLE)
    {
        let url = url.replace("/oauth/token", "/oauth/revoke");
        let body = json!({"token": token}).to_string();
        // Signing out works without a network.
        drop(http::send(
            "POST",
            &url,
            &[],
            body.as_bytes(),
            Duration::from_secs(10),
        ));
    }
    match fs::remove_file(credential::file(&directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if settings.state_file().exists() {
        change_state(settings, |state| {
            state
                .as_object_mut()
                .map(|keys| keys.shift_remove("oauthAccount"));
        })?;
    }
    writeln!(
        io::stdout(),
        "Successfully logged out from your Anthropic account."
    )?;
    Ok(ExitCode::SUCCESS)
}

fn read_state(path: &Path) -> Value {
    let read = fs::read(path)
        .ok()
        .and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    read.filter(Value::is_object).unwrap_or_else(|| json!({}))
}

/// The real client replaces the *target* of a symlink here, and keeps the link.
fn change_state(settings: &Settings, change: impl FnOnce(&mut Value)) -> io::Result<()> {
    let path = settings.state_file();
    let target = fs::canonicalize(&path).unwrap_or(path);
    let mut state = read_state(&target);
    change(&mut state);
    credential::replace(&target, format!("{state:#}").as_bytes())
}
