//! `/api/auth` and `/api/audit`: set-up, signing in and out, second factors, tokens, who did what.

use std::sync::Arc;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::access::{Caller, Who};
use crate::app::App;

mod audit;
mod passkey_sign_in;
mod passkeys;
mod password;
mod recovery_codes;
mod sign_in;
mod sign_ins;
mod status;
#[cfg(test)]
mod tests;
mod tokens;
mod totp;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(status::router())
        .merge(sign_in::router())
        .merge(passkey_sign_in::router())
        .merge(password::router())
        .merge(sign_ins::router())
        .merge(tokens::router())
        .merge(totp::router())
        .merge(passkeys::router())
        .merge(recovery_codes::router())
        .merge(audit::router())
}

/// That something was done.
#[derive(Serialize, ToSchema)]
struct Done {
    /// `ok`, or what has become of it.
    status: &'static str,
}

impl Done {
    fn ok() -> Self {
        Self { status: "ok" }
    }
}

/// Which sign-in, token or passkey is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Named {
    /// Its identifier, from the list.
    id: String,
}

/// An answer that sets a cookie, or none.
fn with_cookie(cookie: Option<HeaderValue>, body: impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Whose half-done work it is: what one browser began, another does not finish.
fn owner(caller: &Caller) -> String {
    match &caller.who {
        Who::Browser(id) => format!("sign-in {id}"),
        Who::Token { id, .. } => format!("token {id}"),
        Who::Watcher { session } => format!("watcher {session}"),
    }
}
