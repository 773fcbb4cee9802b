//! Signing in with a passkey as the second factor.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, with_cookie};
use crate::access::Visitor;
use crate::api::body::Body;
use crate::api::refusals::BodyRefusals;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::attempt::{Refusal, attempt, source_of};
use crate::sign_in::check::check_password;
use crate::sign_in::flow;
use crate::sign_in::passkeys;
use crate::sign_in::password::Password;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(finish))
}

/// The password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    #[schema(value_type = String, max_length = 1024)]
    pub(super) password: Password,
}

/// What the browser is asked.
#[derive(Serialize, ToSchema)]
pub(super) struct Challenge {
    /// To be sent back with the browser's answer, within five minutes.
    pub(super) state: String,
    /// `PublicKeyCredentialRequestOptionsJSON` or `PublicKeyCredentialCreationOptionsJSON`.
    #[schema(value_type = Object)]
    pub(super) options: Value,
}

/// What the browser answers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeAnswer {
    #[schema(max_length = 100)]
    pub(super) state: String,
    /// What `PublicKeyCredential.toJSON()` gives.
    #[schema(value_type = Object)]
    pub(super) credential: Value,
}

/// Begin to sign in with a passkey: the password first
#[utoipa::path(
    post, path = "/api/auth/login/passkey/start", tag = "sign-in", security(()),
    request_body = PasswordBody,
    responses(
        (status = 200, description = "What the browser is to sign.", body = Challenge),
        (status = 429, description = "Too many failures.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn start(
    visitor: Visitor,
    State(app): State<Arc<App>>,
    Body(body): Body<PasswordBody>,
) -> Result<Json<Challenge>, ApiError> {
    let source = source_of(&visitor).await?;
    let check = check_password(&app, &body.password);
    let checked = attempt(&app, &source, visitor.address, check).await?;
    let fingerprint = checked.fingerprint();
    let (state, options) = passkeys::start_assertion(&app, &visitor, fingerprint, source).await?;
    Ok(Json(Challenge { state, options }))
}

/// Sign in with what the browser has signed
#[utoipa::path(
    post, path = "/api/auth/login/passkey/finish", tag = "sign-in", security(()),
    request_body = ChallengeAnswer,
    responses(
        (status = 200, description = "Signed in; the cookie is set.", body = Done),
        (status = 429, description = "Too many failures.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn finish(
    visitor: Visitor,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(body): Body<ChallengeAnswer>,
) -> Result<Response, ApiError> {
    let begun = passkeys::begun_assertion(&app, &visitor, &body.state)?;
    attempt(&app, &begun.source, visitor.address, async {
        match passkeys::is_asserted(&app, &begun, &body.credential).await? {
            true => Ok(()),
            false => {
                let message = "this passkey is not known, or its answer is wrong";
                Err(Refusal::Wrong(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    message,
                )))
            }
        }
    })
    .await?;
    let (password, source) = (begun.password, &begun.source);
    let cookie = flow::open_sign_in(&app, &visitor, &headers, password, source).await?;
    flow::note(&app, visitor.address, "sign-in", Some("with a passkey"));
    Ok(with_cookie(Some(cookie), Done::ok()))
}
