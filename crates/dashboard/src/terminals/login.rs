//! What a sign-in in a terminal has brought.

use std::sync::Arc;

use model::AccountId;
use serde::Serialize;
use vault::Credential;

use super::Session;
use crate::api::accounts::object::masked_key;
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// The event `login_complete`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoginComplete {
    session: String,
    account_id: String,
    captured: bool,
    /// The start of the token's kind and its last characters.
    token_preview: String,
    has_refresh: bool,
    expires_in_min: Option<i64>,
}

impl LoginComplete {
    /// What the vault has now for the account that `session` signed in.
    ///
    /// # Errors
    /// If it has no login.
    pub(crate) async fn read(app: &Arc<App>, session: &Session) -> Result<Self, ApiError> {
        let (id, session) = (session.account_id.clone(), session.id.clone());
        app.vaults
            .quick(move |vault| {
                let account = vault.get(&AccountId::from_stored(id.as_str()))?;
                let Credential::Login(login) = vault.unseal(&account)?.credential else {
                    return Err(ApiError::not_found("the account has no login"));
                };
                let left = login.expires_at().map(|at| at.as_millis() - clock::now());
                Ok(Self {
                    session,
                    account_id: id,
                    captured: true,
                    token_preview: masked_key(&login.access_token()),
                    has_refresh: !login.refresh_token().is_empty(),
                    expires_in_min: left.map(|milliseconds| milliseconds.max(0) / 60_000),
                })
            })
            .await
    }
}
