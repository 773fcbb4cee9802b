//! The first password, and who may set it.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::attempt::{Refusal, attempt, source_of};
use super::check::{check_new, replace_hash};
use super::flow::{note, open_sign_in};
use super::password::Password;
use super::random;
use crate::access::Visitor;
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::store::{Digest, Source};
use crate::vaults::blocking;

/// What set-up shows once, and the cookie of the browser that did it.
pub(crate) struct SetUp {
    pub(crate) api_token: String,
    pub(crate) cookie: HeaderValue,
}

/// The first password. Of several at once, one succeeds.
pub(crate) async fn set_up(
    app: &Arc<App>,
    visitor: &Visitor,
    headers: &HeaderMap,
    password: &Password,
    code: Option<&str>,
) -> Result<SetUp, ApiError> {
    if app.access.in_force()?.password.is_some() {
        return Err(set_up_already());
    }
    let source = source_of(visitor).await?;
    if source != Source::same_user() {
        check_setup_code(app, &source, visitor, code).await?;
    }
    check_new(app, password).await?;
    let Some(checked) = replace_hash(app, password, None).await? else {
        return Err(set_up_already());
    };
    let api_token = first_token(app).await?;
    note(app, visitor.address, "set-up", None);
    let cookie = open_sign_in(app, visitor, headers, checked.fingerprint(), &source).await?;
    Ok(SetUp { api_token, cookie })
}

async fn check_setup_code(
    app: &Arc<App>,
    source: &Source,
    visitor: &Visitor,
    code: Option<&str>,
) -> Result<(), ApiError> {
    let needed = |message| {
        ApiError::new(StatusCode::FORBIDDEN, message)
            .coded("setup_code_needed")
            .hinted("`claude-accounts serve` prints it on the machine itself.")
    };
    let Some(code) = code else {
        return Err(needed("the first set-up from here needs the one-time code"));
    };
    attempt(app, source, visitor.address, async {
        match app.sign_in.is_setup_code(code) {
            true => Ok(()),
            false => Err(Refusal::Wrong(needed("that is not the one-time code"))),
        }
    })
    .await
}

fn set_up_already() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "the dashboard is set up already").hinted("Sign in.")
}

/// The token that the Python program's clients know: one, with every right.
async fn first_token(app: &Arc<App>) -> Result<String, ApiError> {
    let token = format!("cat_{}", random::token()?);
    let hash = Digest::of(token.as_bytes()).to_hex();
    app.vaults
        .quick(move |vault| {
            let before = vault.api_token_hash()?;
            vault.replace_api_token_hash(before.as_deref(), Some(&hash))
        })
        .await?;
    let app = Arc::clone(app);
    blocking(move || Ok(app.store.first_token_made(clock::now())?)).await?;
    Ok(token)
}
