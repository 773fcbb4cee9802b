//! What the page asks first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Scope, Visitor};
use crate::api::refusals::Refusals;
use crate::app::App;
use crate::error::ApiError;
use crate::vaults::blocking;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(status))
}

/// What is to be done before anything else.
#[derive(Serialize, ToSchema)]
struct Status {
    /// Whether there is a password.
    setup_done: bool,
    /// Whether this request is signed in.
    authenticated: bool,
    /// Whether the first set-up from here needs the one-time code.
    setup_code_needed: bool,
    /// The kinds of which a sign-in needs one: `totp`, `passkey`.
    second_factors: Vec<&'static str>,
    /// What this request's credential allows.
    #[schema(required)]
    scope: Option<Scope>,
    /// Until when this sign-in is fresh, in epoch milliseconds.
    #[schema(required)]
    fresh_until: Option<i64>,
    version: &'static str,
}

/// Whether there is a password, and whether this request is signed in
#[utoipa::path(
    get, path = "/api/auth/status", tag = "sign-in", security(()),
    responses((status = 200, description = "The state.", body = Status), Refusals),
)]
async fn status(
    visitor: Visitor,
    State(app): State<Arc<App>>,
    parts: Parts,
) -> Result<Json<Status>, ApiError> {
    let caller = match app.access.identify(&app, &parts) {
        // A credential that does not count any more is none.
        Err(error) if error.status == StatusCode::UNAUTHORIZED => None,
        identified => identified?,
    };
    let setup_done = app.access.in_force()?.password.is_some();
    let setup_code_needed = !setup_done && blocking(move || Ok(!visitor.is_same_user())).await?;
    let second_factors = match setup_done {
        true => app.second_factors()?,
        false => Vec::new(),
    };
    Ok(Json(Status {
        setup_done,
        authenticated: caller.is_some(),
        setup_code_needed,
        second_factors,
        scope: caller.as_ref().and_then(|caller| caller.scope),
        fresh_until: caller.and_then(|caller| caller.fresh_until),
        version: env!("CARGO_PKG_VERSION"),
    }))
}
