//! Whether a password and a second factor are right.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;
use vault::Vault;

use super::attempt::Refusal;
use super::hash::{self, Verdict};
use super::password::{self, Password, Strength};
use super::{TOTP, recovery, totp};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::store::Digest;
use crate::vaults::blocking;

/// The hash that a password was right for.
pub(crate) struct Checked {
    pub(super) hash: String,
}

impl Checked {
    /// What the sign-ins that are made with it remember of it.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.hash.as_bytes())
    }
}

/// Checks the password, and replaces a hash of an older kind. Takes as long where none is set.
pub(crate) async fn check_password(app: &Arc<App>, given: &Password) -> Result<Checked, Refusal> {
    given.check_length()?;
    // Whoever replaces an older hash at the same moment is looked at again.
    for _ in 0..4 {
        let stored = app.vaults.quick(Vault::password_hash).await?;
        let (password, known, cost) = (given.clone(), stored.clone(), app.sign_in.cost);
        let work = move || Ok(hash::check(&password, known.as_deref(), cost));
        let verdict = app.sign_in.slots.run(work).await?;
        match (verdict, stored) {
            (Verdict::Right, Some(hash)) => return Ok(Checked { hash }),
            (Verdict::Outdated, Some(stored)) => {
                if let Some(checked) = replace_hash(app, given, Some(stored)).await? {
                    return Ok(checked);
                }
            }
            _ => return Err(Refusal::Wrong(wrong_password())),
        }
    }
    Err(Refusal::Other(ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the password is being changed at this moment",
    )))
}

/// Puts a hash of this password in the place of `before`; `None` if something else is there now.
pub(super) async fn replace_hash(
    app: &Arc<App>,
    password: &Password,
    before: Option<String>,
) -> Result<Option<Checked>, ApiError> {
    let (password, cost) = (password.clone(), app.sign_in.cost);
    let hash = app
        .sign_in
        .slots
        .run(move || hash::make(&password, cost))
        .await?;
    let after = hash.clone();
    let replaced = app
        .vaults
        .quick(move |vault| vault.replace_password_hash(before.as_deref(), Some(&after)))
        .await?;
    Ok(replaced.then_some(Checked { hash }))
}

/// How good a password is.
pub(crate) async fn estimate(app: &Arc<App>, password: Password) -> Result<Strength, ApiError> {
    app.sign_in
        .estimates
        .run(move || Ok(password::strength(&password)))
        .await
}

pub(super) async fn check_new(app: &Arc<App>, password: &Password) -> Result<(), ApiError> {
    let password = password.clone();
    app.sign_in
        .estimates
        .run(move || password::check_new(&password))
        .await
}

/// The second factor, as a sign-in gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factor<'a> {
    /// None was given.
    None,
    /// Six digits.
    Totp(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// Checks the second factor, if one is needed.
pub(crate) async fn check_factor(app: &Arc<App>, factor: Factor<'_>) -> Result<(), Refusal> {
    let kinds = app.second_factors()?;
    if kinds.is_empty() {
        return Ok(());
    }
    let is_right = match factor {
        Factor::None => {
            let message = "a second factor is needed";
            return Err(Refusal::Other(second_factor_needed(message, &kinds)));
        }
        Factor::Totp(code) => takes_totp(app, code).await?,
        Factor::Recovery(code) => recovery::take(app, code).await?,
    };
    match is_right {
        true => Ok(()),
        false => {
            let message = "that code is wrong, or was used before";
            Err(Refusal::Wrong(second_factor_needed(message, &kinds)))
        }
    }
}

async fn takes_totp(app: &Arc<App>, code: &str) -> Result<bool, ApiError> {
    let secret = app.vaults.quick(|vault| vault.sealed_setting(TOTP)).await?;
    let step = secret.and_then(|secret| totp::step_of(code, &secret, clock::now()));
    let Some(step) = step else {
        return Ok(false);
    };
    let app = Arc::clone(app);
    blocking(move || Ok(app.store.take_totp_step(step)?)).await
}

fn wrong_password() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "wrong password")
        .hinted("Forgotten? On the machine itself: claude-accounts dashboard reset-password.")
}

fn second_factor_needed(message: &str, kinds: &[&'static str]) -> ApiError {
    let mut error = ApiError::new(StatusCode::UNAUTHORIZED, message).coded("second_factor_needed");
    error.more.insert("second_factors".to_owned(), json!(kinds));
    error
}

impl App {
    /// The kinds of second factors that a sign-in needs one of. Asks no database while nothing in
    /// it has changed.
    pub(crate) fn second_factors(&self) -> Result<Vec<&'static str>, ApiError> {
        let mut kinds = Vec::new();
        if self.access.in_force()?.has_totp {
            kinds.push("totp");
        }
        if self.store.credentials()?.has_passkeys() {
            kinds.push("passkey");
        }
        Ok(kinds)
    }
}
