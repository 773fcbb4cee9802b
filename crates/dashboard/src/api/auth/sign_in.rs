//! Set-up, signing in, signing out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, with_cookie};
use crate::access::{Visitor, cookie};
use crate::api::body::Body;
use crate::api::refusals::BodyRefusals;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::attempt::{attempt, source_of};
use crate::sign_in::check::{self, Factor};
use crate::sign_in::flow;
use crate::sign_in::password::Password;
use crate::sign_in::set_up::{self, SetUp};
use crate::store::Digest;
use crate::vaults::blocking;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(set_up))
        .routes(routes!(sign_in))
        .routes(routes!(sign_out))
}

/// The first password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUpBody {
    /// At least 12 characters, or 8 that are hard to guess.
    #[schema(value_type = String, min_length = 1, max_length = 1024)]
    password: Password,
    /// The one-time code that `claude-accounts serve` prints; from elsewhere than that machine.
    #[schema(required = false, max_length = 100)]
    code: Option<String>,
}

/// What set-up shows once.
#[derive(Serialize, ToSchema)]
struct SetUpDone {
    /// `ok`.
    status: &'static str,
    /// An API token with every right. It is not shown again.
    api_token: String,
}

/// Set the first password; also signs in
#[utoipa::path(
    post, path = "/api/auth/setup", tag = "sign-in", security(()), request_body = SetUpBody,
    responses(
        (status = 201, description = "Set up and signed in.", body = SetUpDone),
        (status = 409, description = "It is set up already.", body = ErrorBody),
        (status = 429, description = "Too many wrong codes.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn set_up(
    visitor: Visitor,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(body): Body<SetUpBody>,
) -> Result<Response, ApiError> {
    let code = body.code.as_deref();
    let done = set_up::set_up(&app, &visitor, &headers, &body.password, code).await?;
    let SetUp { api_token, cookie } = done;
    let status = "ok";
    let answer = with_cookie(Some(cookie), SetUpDone { status, api_token });
    Ok((StatusCode::CREATED, answer).into_response())
}

/// The password, and what else is needed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    #[schema(value_type = String, min_length = 1, max_length = 1024)]
    password: Password,
    /// Six digits of an authenticator app.
    #[schema(required = false, max_length = 20)]
    totp: Option<String>,
    /// Instead of those.
    #[schema(required = false, max_length = 100)]
    recovery_code: Option<String>,
}

impl SignInBody {
    fn factor(&self) -> Result<Factor<'_>, ApiError> {
        // The page may send an empty field for what was left out.
        let given = |text: &'_ Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        match (given(&self.totp), given(&self.recovery_code)) {
            (false, false) => Ok(Factor::None),
            (true, false) => Ok(Factor::Totp(self.totp.as_deref().unwrap_or_default())),
            (false, true) => Ok(Factor::Recovery(
                self.recovery_code.as_deref().unwrap_or_default(),
            )),
            (true, true) => Err(ApiError::bad_request(
                "give `totp` or `recovery_code`, not both",
            )),
        }
    }
}

/// Sign in with the password, and a code where a second factor is set up
#[utoipa::path(
    post, path = "/api/auth/login", tag = "sign-in", security(()), request_body = SignInBody,
    responses(
        (status = 200, description = "Signed in; the cookie is set.", body = Done),
        (status = 429, description = "Too many failures.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn sign_in(
    visitor: Visitor,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(body): Body<SignInBody>,
) -> Result<Response, ApiError> {
    let factor = body.factor()?;
    let source = source_of(&visitor).await?;
    let checked = attempt(&app, &source, visitor.address, async {
        let checked = check::check_password(&app, &body.password).await?;
        check::check_factor(&app, factor).await?;
        Ok(checked)
    })
    .await?;
    let fingerprint = checked.fingerprint();
    let cookie = flow::open_sign_in(&app, &visitor, &headers, fingerprint, &source).await?;
    let detail = match factor {
        Factor::None => None,
        Factor::Totp(_) => Some("with a code"),
        Factor::Recovery(_) => Some("with a recovery code"),
    };
    flow::note(&app, visitor.address, "sign-in", detail);
    Ok(with_cookie(Some(cookie), Done::ok()))
}

/// Sign out: ends the browser's own sign-in, if there is one
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "sign-in", security(()),
    responses((status = 200, description = "Nobody is signed in.", body = Done), BodyRefusals),
)]
async fn sign_out(
    visitor: Visitor,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let values = cookie::sign_ins_of(&headers, visitor.is_encrypted);
    let known = app.store.credentials()?;
    let mut ended = Vec::new();
    for hash in values.map(|value| Digest::of(value.as_bytes())) {
        let Some(id) = known.sign_in(&hash).map(|record| record.id.clone()) else {
            continue;
        };
        let (store, gone) = (Arc::clone(&app), id.clone());
        if blocking(move || Ok(store.store.end_sign_in(&gone)?)).await? {
            ended.push(id);
        }
    }
    if !ended.is_empty() {
        flow::note(&app, visitor.address, "sign-out", None);
    }
    flow::tell_ended(&app, ended);
    let status = "logged_out";
    let cookie = cookie::clear(visitor.is_encrypted);
    Ok(with_cookie(cookie, Done { status }))
}
