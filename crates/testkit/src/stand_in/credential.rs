//! Which credential wins, and the file that holds the weakest of them.

use super::locks;
use super::settings::{Settings, variable};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a request is sent with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Credential {
    /// Sent as `Authorization: Bearer`.
    pub(super) bearer: Option<String>,
    /// Sent as `x-api-key`.
    pub(super) api_key: Option<String>,
    /// Whether the beta header goes with it.
    pub(super) oauth: bool,
    pub(super) source: Source,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Source {
    #[default]
    None,
    AuthToken,
    Helper,
    ApiKey,
    OauthToken,
    File,
}

/// The strongest credential there is.
pub(super) fn strongest(settings: &Settings) -> Credential {
    let api_key = variable("ANTHROPIC_API_KEY");
    if let Some(token) = variable("ANTHROPIC_AUTH_TOKEN") {
        return Credential {
            bearer: Some(token),
            api_key,
            oauth: false,
            source: Source::AuthToken,
        };
    }
    if let Some(key) = from_helper(settings) {
        return Credential {
            bearer: Some(key.clone()),
            api_key: Some(key),
            oauth: false,
            source: Source::Helper,
        };
    }
    if api_key.is_some() {
        return Credential {
            bearer: None,
            api_key,
            oauth: false,
            source: Source::ApiKey,
        };
    }
    if let Some(token) = variable("CLAUDE_CODE_OAUTH_TOKEN") {
        return Credential {
            bearer: Some(token),
            api_key: None,
            oauth: true,
            source: Source::OauthToken,
        };
    }
    match Login::read(&settings.credential_dir()).and_then(|login| login.access_token()) {
        Some(token) => Credential {
            bearer: Some(token),
            api_key: None,
            oauth: true,
            source: Source::File,
        },
        None => Credential::default(),
    }
}

fn from_helper(settings: &Settings) -> Option<String> {
    let text = fs::read(settings.config_dir().join("settings.json")).ok()?;
    let read: Value = serde_json::from_slice(&text).ok()?;
    let helper = read["apiKeyHelper"].as_str()?;
    let output = Command::new("sh")
        .args(["-c", helper])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let key = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(key).filter(|key| !key.is_empty())
}

/// The whole `.credentials.json`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Login {
    document: Value,
}

/// What the client writes inside `claudeAiOauth`, in its order; its rewrites drop everything else.
const KNOWN_KEYS: &[&str] = &[
    "accessToken",
    "refreshToken",
    "expiresAt",
    "scopes",
    "subscriptionType",
    "rateLimitTier",
    "subscriptionTypeSource",
];

impl Login {
    /// `None` for a file that is missing, empty or broken: the client then takes itself as not logged in.
    pub(super) fn read(directory: &Path) -> Option<Login> {
        let text = fs::read(file(directory)).ok()?;
        let document: Value = serde_json::from_slice(&text).ok()?;
        document["claudeAiOauth"]
            .is_object()
            .then_some(Login { document })
    }

    /// `None` when the login has been blanked or lacks its scopes.
    pub(super) fn access_token(&self) -> Option<String> {
        let scoped = self.oauth()["scopes"]
            .as_array()
            .is_some_and(|scopes| !scopes.is_empty());
        self.text("accessToken").filter(|_| scoped)
    }

    /// `None` for a view, which is never refreshed.
    pub(super) fn refresh_token(&self) -> Option<String> {
        self.text("refreshToken")
    }

    /// Milliseconds since the epoch; 0 when there is none.
    pub(super) fn expires_at_ms(&self) -> u64 {
        self.oauth()["expiresAt"].as_u64().unwrap_or_default()
    }

    /// Scopes joined by spaces.
    pub(super) fn scope(&self) -> String {
        let scopes = self.oauth()["scopes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        scopes
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(super) fn subscription(&self) -> &Value {
        &self.oauth()["subscriptionType"]
    }

    /// Takes over a token endpoint's answer. An answer without a refresh token keeps the old one.
    pub(super) fn renew(
        &mut self,
        access_token: &str,
        refresh_token: Option<&str>,
        expires_at_ms: u64,
    ) {
        let oauth = &mut self.document["claudeAiOauth"];
        oauth["accessToken"] = json!(access_token);
        oauth["expiresAt"] = json!(expires_at_ms);
        if let Some(token) = refresh_token {
            oauth["refreshToken"] = json!(token);
        }
    }

    /// What the client does to a login whose refresh token is not taken any more.
    pub(super) fn blank(&mut self) {
        self.renew("", Some(""), 0);
    }

    /// Completes the file as the client's first run was measured to do, which is when a file is first replaced under a reader.
    /// In a network of loopback only the real client leaves the file as it is: this one is the harder case.
    /// Says whether there was anything to add.
    pub(super) fn complete(&mut self) -> bool {
        let oauth = &mut self.document["claudeAiOauth"];
        let mut changed = false;
        for (key, value) in [
            ("rateLimitTier", Value::Null),
            ("subscriptionTypeSource", json!("sign_in")),
        ] {
            if oauth.get(key).is_none() {
                oauth[key] = value;
                changed = true;
            }
        }
        changed
    }

    /// Replaces the file as the client does, under the lock it takes for that.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let mut document = self.document.clone();
        if let Some(oauth) = document["claudeAiOauth"].as_object_mut() {
            oauth.retain(|key, _| KNOWN_KEYS.contains(&key.as_str()));
        }
        let lock = locks::take(&directory.join(".storage-write.lock"))?;
        replace(&file(directory), document.to_string().as_bytes())?;
        drop(lock);
        Ok(())
    }

    fn oauth(&self) -> &Value {
        &self.document["claudeAiOauth"]
    }

    fn text(&self, key: &str) -> Option<String> {
        self.oauth()[key]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }
}

pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join(".credentials.json")
}

/// Temporary file with mode 0600 and a rename onto the path: a symlink or hard link there is severed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".tmp.{}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    fs::rename(&temporary, path)
}
