//! The password and the first API token, as the vault has them at this moment.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use vault::{Vault, VaultError};

use crate::error::ApiError;
use crate::sign_in::TOTP;
use crate::store::Digest;

/// What the vault's settings say. Read again only when another connection has written to it.
pub(crate) struct InForce {
    known: Mutex<Known>,
    databases: [Opened; 2],
}

struct Known {
    vault: Vault,
    /// `None` before the first look.
    version: Option<i64>,
    state: State,
}

/// See [`InForce`].
#[derive(Clone, Copy)]
pub(crate) struct State {
    /// The fingerprint of the password's hash; `None` before set-up.
    pub(crate) password: Option<Digest>,
    /// The hash of the token that set-up showed; `None` if it was revoked.
    pub(crate) first_token: Option<Digest>,
    /// Whether a sign-in needs a code.
    pub(crate) has_totp: bool,
}

/// A database as it was when it was opened.
struct Opened {
    path: PathBuf,
    /// Device and inode; `None` if there is no such file.
    identity: Option<(u64, u64)>,
}

impl Opened {
    fn now(path: PathBuf) -> Self {
        let identity = identity(&path);
        Self { path, identity }
    }

    /// SQLite goes on with a file that was removed or replaced: what is written to it is lost, and
    /// what other programs change is never seen.
    fn check(&self) -> Result<(), ApiError> {
        if identity(&self.path) == self.identity {
            return Ok(());
        }
        // Its name alone: whoever asks need not be signed in.
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("{name} was removed or replaced while the dashboard runs");
        Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
            .hinted("Put it back, or start the dashboard again."))
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl InForce {
    /// `dashboard` is the path of the dashboard's own database.
    pub(super) fn new(vault: Vault, dashboard: &Path) -> Self {
        let databases = [vault.paths().database(), dashboard.to_owned()].map(Opened::now);
        let state = State {
            password: None,
            first_token: None,
            has_totp: false,
        };
        Self {
            known: Mutex::new(Known {
                vault,
                version: None,
                state,
            }),
            databases,
        }
    }

    /// # Errors
    /// If the vault cannot be read, or is not the one any more that was opened.
    pub(crate) fn now(&self) -> Result<State, ApiError> {
        self.databases.iter().try_for_each(Opened::check)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for before it is read: what is written in between is seen the next time.
        let version = known.vault.data_version()?;
        if known.version != Some(version) {
            known.state = read(&known.vault)?;
            known.version = Some(version);
        }
        Ok(known.state)
    }
}

fn read(vault: &Vault) -> Result<State, VaultError> {
    let password = vault.password_hash()?;
    let first_token = vault.api_token_hash()?;
    let has_totp = vault.has_sealed_setting(TOTP)?;
    Ok(State {
        password: password.map(|hash| Digest::of(hash.as_bytes())),
        first_token: first_token.and_then(|digits| Digest::parse(&digits)),
        has_totp,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use crate::testing::{PASSWORD, TestDashboard, get, post};

    #[tokio::test]
    async fn a_vault_that_was_moved_away_is_neither_written_nor_made_anew() {
        let dashboard = TestDashboard::new();
        let browser = dashboard.set_up().await;
        let vault = dashboard.home.vault_dir();
        let away = vault.with_extension("away");
        let account = json!({"name": "work", "api_key": "sk-ant-api03-FAKE"});
        fs::rename(&vault, &away).unwrap();
        for ask in [
            get("/api/accounts").by(&browser),
            get("/api/export").by(&browser),
            post("/api/accounts", &account).by(&browser),
            post("/api/auth/setup", &json!({"password": PASSWORD})),
            post("/api/auth/login", &json!({"password": PASSWORD})),
        ] {
            let answer = dashboard.ask(ask).await;
            assert_eq!(answer.status, 503, "{}", answer.json);
        }
        assert!(!vault.exists());
        fs::rename(&away, &vault).unwrap();
        let added = dashboard
            .ask(post("/api/accounts", &account).by(&browser))
            .await;
        assert_eq!(added.status, 201, "{}", added.json);
        // Only the dashboard's own database is another one: revocations by others would go unseen.
        fs::copy(vault.join("dashboard.db"), vault.join("copy")).unwrap();
        fs::rename(vault.join("copy"), vault.join("dashboard.db")).unwrap();
        let answer = dashboard.ask(get("/api/accounts").by(&browser)).await;
        assert_eq!(answer.status, 503, "{}", answer.json);
    }
}
