//! What the dashboard is set to, and what it runs on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{Protection, Vault};

use super::accounts::Done;
use super::body::Body;
use super::refusals::{BodyRefusals, Refusals};
use crate::access::{Administrator, Reader};
use crate::app::App;
use crate::error::ApiError;
use crate::terminals::{MAX_SESSIONS, SCROLLBACK_BYTES};
use crate::vaults::blocking;

/// Whether sessions are recorded, in the store.
pub(crate) const RECORDING: &str = "recording";
/// What it is set to where they are.
pub(crate) const RECORDING_ON: &str = "on";

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(settings, change))
}

/// What the dashboard is set to, and what it runs on.
#[derive(Serialize, ToSchema)]
struct Settings {
    /// Whether terminal sessions are recorded where nobody says otherwise.
    recording: bool,
    /// How much output of each terminal session is kept, in bytes.
    scrollback_bytes: usize,
    /// How many terminal sessions may run at once.
    max_sessions: usize,
    /// The vault's directory.
    vault: String,
    protection: KeptIn,
    keeper: Keeper,
    /// Claude Code, if it was found.
    #[schema(required)]
    client: Option<String>,
    /// This program's.
    version: &'static str,
}

/// Where the vault's key is kept.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KeptIn {
    /// In a file, in the clear.
    File,
    /// In a file, wrapped by a passphrase.
    Passphrase,
    /// In the keyring of the desktop.
    Keyring,
}

impl From<Protection> for KeptIn {
    fn from(protection: Protection) -> Self {
        match protection {
            Protection::File => Self::File,
            Protection::Passphrase => Self::Passphrase,
            Protection::Keyring => Self::Keyring,
        }
    }
}

/// Who renews logins in the background.
#[derive(Serialize, ToSchema)]
struct Keeper {
    running: bool,
    /// How many sessions it keeps.
    sessions: usize,
}

/// What the dashboard is set to, and what it runs on
#[utoipa::path(
    get, path = "/api/settings", tag = "settings",
    responses(
        (status = 200, description = "The settings.", body = Settings),
        Refusals,
    ),
)]
async fn settings(
    _caller: Reader,
    State(app): State<Arc<App>>,
) -> Result<Json<Settings>, ApiError> {
    let protection = app.vaults.quick(Vault::protection).await?;
    let runtime = app.options.runtime.clone();
    let keeper = blocking(move || Ok(renew::keeper_status(&runtime))).await?;
    let client = app.options.client.as_deref();
    Ok(Json(Settings {
        recording: app.terminals.records(),
        scrollback_bytes: SCROLLBACK_BYTES,
        max_sessions: MAX_SESSIONS,
        vault: app.options.vault.directory().to_string_lossy().into_owned(),
        protection: protection.into(),
        keeper: Keeper {
            running: keeper.is_some(),
            sessions: keeper.map_or(0, |status| status.sessions.len()),
        },
        client: client.map(|path| path.to_string_lossy().into_owned()),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// What is to be set; what is not given stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsBody {
    /// Whether terminal sessions are recorded where nobody says otherwise.
    recording: Option<bool>,
}

/// Change settings
#[utoipa::path(
    put, path = "/api/settings", tag = "settings", request_body = SettingsBody,
    responses(
        (status = 200, description = "They are changed.", body = Done),
        BodyRefusals,
    ),
)]
async fn change(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Body(body): Body<SettingsBody>,
) -> Result<Json<Done>, ApiError> {
    if let Some(recording) = body.recording {
        let shared = Arc::clone(&app);
        let text = if recording { RECORDING_ON } else { "off" };
        blocking(move || Ok(shared.store.set_setting(RECORDING, text)?)).await?;
        app.terminals.set_records(recording);
        let detail = format!("recording {text}");
        app.note(&caller, "settings changed", None, Some(&detail));
    }
    Ok(Json(Done { status: "updated" }))
}
