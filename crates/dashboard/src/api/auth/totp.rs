//! Codes of an authenticator app as a second factor.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::recovery_codes::RecoveryCodes;
use super::{Done, owner};
use crate::access::{FreshAdministrator, Visitor};
use crate::api::body::Body;
use crate::api::refusals::{BodyRefusals, Refusals};
use crate::app::App;
use crate::clock;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::{TOTP, recovery, totp};
use crate::vaults::blocking;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(finish))
        .routes(routes!(remove))
}

/// A secret that is not in force before a code of it was given.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    /// In Base32, for typing.
    secret: String,
    /// What an authenticator app reads.
    uri: String,
    /// The same as a picture.
    qr_svg: String,
}

/// Begin to use codes of an authenticator app
#[utoipa::path(
    post, path = "/api/auth/totp/start", tag = "second factors",
    responses((status = 200, description = "For the app.", body = NewSecret), BodyRefusals),
)]
async fn start(
    FreshAdministrator(caller): FreshAdministrator,
    visitor: Visitor,
    State(app): State<Arc<App>>,
) -> Result<Json<NewSecret>, ApiError> {
    let secret = totp::new_secret()?;
    let uri = totp::uri(&secret, visitor.host());
    let qr_svg = totp::qr_svg(&uri)?;
    let answer = NewSecret {
        secret: secret.expose().to_owned(),
        uri: uri.expose().to_owned(),
        qr_svg: qr_svg.expose().to_owned(),
    };
    app.sign_in.totp_secrets.put(&owner(&caller), secret);
    Ok(Json(answer))
}

/// A code of the new secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    /// Six digits.
    #[schema(max_length = 20)]
    code: String,
}

/// Put the new secret in force; recovery codes are made anew
#[utoipa::path(
    post, path = "/api/auth/totp/finish", tag = "second factors", request_body = CodeBody,
    responses(
        (status = 200, description = "In force from now on.", body = RecoveryCodes),
        BodyRefusals,
    ),
)]
async fn finish(
    FreshAdministrator(caller): FreshAdministrator,
    State(app): State<Arc<App>>,
    Body(body): Body<CodeBody>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let owner = owner(&caller);
    let Some(secret) = app.sign_in.totp_secrets.take(&owner) else {
        return Err(
            ApiError::bad_request("this was not begun here, or too long ago")
                .hinted("Begin again."),
        );
    };
    let Some(step) = totp::step_of(&body.code, &secret, clock::now()) else {
        // He is signed in and the secret is his own: he may mistype as often as he likes.
        app.sign_in.totp_secrets.put(&owner, secret);
        return Err(ApiError::bad_request("that code is wrong")
            .hinted("Compare this machine's clock with the telephone's."));
    };
    let store = Arc::clone(&app);
    blocking(move || Ok(store.store.take_totp_step(step)?)).await?;
    // The codes first: nobody is to be locked out by what is cut off in between.
    let codes = recovery::renew(&app).await?;
    app.vaults
        .quick(move |vault| vault.set_sealed_setting(TOTP, Some(&secret)))
        .await?;
    app.note(
        &caller,
        "second factor added",
        None,
        Some("authenticator app"),
    );
    Ok(Json(RecoveryCodes::new(codes)))
}

/// Need no code any more
#[utoipa::path(
    delete, path = "/api/auth/totp", tag = "second factors",
    responses(
        (status = 200, description = "Removed.", body = Done),
        (status = 404, description = "There is none.", body = ErrorBody),
        Refusals,
    ),
)]
async fn remove(
    FreshAdministrator(caller): FreshAdministrator,
    State(app): State<Arc<App>>,
) -> Result<Json<Done>, ApiError> {
    if !app.access.in_force()?.has_totp {
        return Err(ApiError::not_found("no authenticator app is set up"));
    }
    app.vaults
        .quick(|vault| vault.set_sealed_setting(TOTP, None))
        .await?;
    recovery::forget_unneeded(&app).await?;
    app.note(
        &caller,
        "second factor removed",
        None,
        Some("authenticator app"),
    );
    Ok(Json(Done { status: "removed" }))
}
