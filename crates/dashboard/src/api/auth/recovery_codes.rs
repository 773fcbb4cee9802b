//! Recovery codes: for when the second factor is lost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::FreshAdministrator;
use crate::api::refusals::BodyRefusals;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::recovery;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(renew))
}

/// Ten codes, shown once; each counts once.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryCodes {
    /// `ok`.
    status: &'static str,
    recovery_codes: Vec<String>,
}

impl RecoveryCodes {
    pub(super) fn new(recovery_codes: Vec<String>) -> Self {
        let status = "ok";
        Self {
            status,
            recovery_codes,
        }
    }
}

/// Make ten recovery codes; those before end
#[utoipa::path(
    post, path = "/api/auth/recovery-codes", tag = "second factors",
    responses(
        (status = 200, description = "The codes.", body = RecoveryCodes),
        (status = 409, description = "There is no second factor.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn renew(
    FreshAdministrator(caller): FreshAdministrator,
    State(app): State<Arc<App>>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    if app.second_factors()?.is_empty() {
        let message = "without a second factor, recovery codes are of no use";
        return Err(ApiError::new(axum::http::StatusCode::CONFLICT, message)
            .hinted("Set up an authenticator app or a passkey first."));
    }
    let codes = recovery::renew(&app).await?;
    app.note(&caller, "recovery codes made", None, None);
    Ok(Json(RecoveryCodes::new(codes)))
}
