//! The password: given again, changed, judged.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::passkey_sign_in::PasswordBody;
use super::{Done, with_cookie};
use crate::access::{Administrator, Visitor};
use crate::api::body::Body;
use crate::api::refusals::BodyRefusals;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::check;
use crate::sign_in::flow;
use crate::sign_in::password::{LONGEST, Password, Strength};

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(confirm))
        .routes(routes!(change_password))
        .routes(routes!(strength))
}

/// Until when the sign-in is fresh.
#[derive(Serialize, ToSchema)]
struct Confirmed {
    /// `ok`.
    status: &'static str,
    /// In epoch milliseconds.
    fresh_until: i64,
}

/// Give the password again: for five minutes this sign-in may do what needs that
#[utoipa::path(
    post, path = "/api/auth/confirm", tag = "sign-in", request_body = PasswordBody,
    responses(
        (status = 200, description = "The sign-in is fresh.", body = Confirmed),
        (status = 429, description = "Too many failures.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn confirm(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Body(body): Body<PasswordBody>,
) -> Result<Json<Confirmed>, ApiError> {
    let Some(id) = caller.sign_in() else {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "only a browser's sign-in can be fresh",
        )
        .coded("wrong_scope")
        .hinted("A token with the scope `admin` needs no confirmation."));
    };
    let fresh_until = flow::confirm(&app, &caller, id, &body.password).await?;
    let status = "ok";
    Ok(Json(Confirmed {
        status,
        fresh_until,
    }))
}

/// The password that there is, and the one that is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// The present one; older clients call it `old_password`.
    #[serde(alias = "old_password")]
    #[schema(value_type = String, min_length = 1, max_length = 1024)]
    current_password: Password,
    /// At least 12 characters, or 8 that are hard to guess.
    #[schema(value_type = String, min_length = 1, max_length = 1024)]
    new_password: Password,
}

/// Change the password: all other sign-ins end, API tokens stay
#[utoipa::path(
    post, path = "/api/auth/change-password", tag = "sign-in", request_body = ChangeBody,
    responses(
        (status = 200, description = "Changed; a browser has a new cookie.", body = Done),
        (status = 409, description = "Somebody else changed it meanwhile.", body = ErrorBody),
        (status = 429, description = "Too many failures.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn change_password(
    Administrator(caller): Administrator,
    visitor: Visitor,
    State(app): State<Arc<App>>,
    Body(body): Body<ChangeBody>,
) -> Result<Response, ApiError> {
    let (current, new) = (&body.current_password, &body.new_password);
    let cookie = flow::change_password(&app, &visitor, &caller, current, new).await?;
    let status = "password_changed";
    Ok(with_cookie(cookie, Done { status }))
}

/// How good a password is.
#[derive(Serialize, ToSchema)]
struct StrengthAnswer {
    /// 0 (guessed at once) to 4 (very hard to guess).
    #[schema(maximum = 4)]
    score: u8,
    /// Whether it would do.
    acceptable: bool,
    /// What would make it better; empty if nothing need.
    feedback: String,
}

impl From<Strength> for StrengthAnswer {
    fn from(strength: Strength) -> Self {
        let Strength {
            score,
            acceptable,
            feedback,
        } = strength;
        Self {
            score,
            acceptable,
            feedback,
        }
    }
}

/// Judge a password that somebody is choosing; nothing is kept
#[utoipa::path(
    post, path = "/api/auth/strength", tag = "sign-in", security(()), request_body = PasswordBody,
    responses((status = 200, description = "How good it is.", body = StrengthAnswer), BodyRefusals),
)]
async fn strength(
    _visitor: Visitor,
    State(app): State<Arc<App>>,
    Body(body): Body<PasswordBody>,
) -> Result<Json<StrengthAnswer>, ApiError> {
    if body.password.expose().len() > LONGEST {
        return Err(ApiError::bad_request(
            "the password has more than 1024 bytes",
        ));
    }
    let strength = check::estimate(&app, body.password).await?;
    Ok(Json(strength.into()))
}
