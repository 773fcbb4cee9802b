//! Renewal of the login in the file, by the client itself.

use super::TOKEN_URL_VARIABLE;
use super::credential::Login;
use super::locks;
use super::settings::variable;
use crate::documents::now_ms;
use crate::http::{self, Response};
use crate::token_exchange::{CLIENT_ID, EXPIRES_IN_SECONDS};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MARGIN_MS: u64 = 5 * 60 * 1000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Renews the login in `directory` when less than 5 minutes are left.
pub(super) fn if_due(directory: &Path) -> io::Result<()> {
    let due = |login: &Login| login.expires_at_ms() < now_ms() + MARGIN_MS;
    renew_when(directory, due)
}

/// Renews it because `rejected` was answered with 401, unless the file holds another access token by now.
pub(super) fn after_rejection(directory: &Path, rejected: &str) -> io::Result<()> {
    renew_when(directory, |login| {
        login.access_token().as_deref() == Some(rejected)
    })
}

fn renew_when(directory: &Path, due: impl Fn(&Login) -> bool) -> io::Result<()> {
    let (Some(url), Some(login)) = (variable(TOKEN_URL_VARIABLE), Login::read(directory)) else {
        return Ok(());
    };
    if login.refresh_token().is_none() || !due(&login) {
        return Ok(());
    }
    let refreshing = locks::take(&directory.join(".oauth_refresh.lock"))?;
    let whole = locks::take(&beside(directory))?;
    // Somebody may have renewed it while this client waited.
    if let Some(login) = Login::read(directory).filter(|login| due(login))
        && let Some(token) = login.refresh_token()
    {
        renew(directory, &url, login, &token)?;
    }
    drop(whole);
    drop(refreshing);
    Ok(())
}

fn renew(directory: &Path, url: &str, mut login: Login, refresh_token: &str) -> io::Result<()> {
    let body = json!({
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": CLIENT_ID,
        "scope": login.scope(),
    });
    // An endpoint that cannot be reached leaves the file alone, as do all refusals but one.
    let Ok(answer) = http::send("POST", url, &[], body.to_string().as_bytes(), PATIENCE) else {
        return Ok(());
    };
    let read: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match (answer.status, read["access_token"].as_str()) {
        (200, Some(access_token)) => {
            let seconds = read["expires_in"].as_u64().unwrap_or(EXPIRES_IN_SECONDS);
            login.renew(
                access_token,
                read["refresh_token"].as_str(),
                now_ms() + seconds * 1000,
            );
            login.write(directory)
        }
        _ if is_invalid_grant(&answer, &read) => blank_unless_newer(directory, refresh_token),
        _ => Ok(()),
    }
}

fn is_invalid_grant(answer: &Response, read: &Value) -> bool {
    answer.status == 400 && read["error"] == "invalid_grant"
}

fn blank_unless_newer(directory: &Path, refresh_token: &str) -> io::Result<()> {
    match Login::read(directory) {
        Some(mut login) if login.refresh_token().as_deref() == Some(refresh_token) => {
            login.blank();
            login.write(directory)
        }
        _ => Ok(()),
    }
}

/// `<dir>.lock`, beside the directory.
fn beside(directory: &Path) -> PathBuf {
    let mut path = directory.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}
