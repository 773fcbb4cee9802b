//! Passkeys as second factors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::passkey_sign_in::{Challenge, ChallengeAnswer};
use super::tokens::label;
use super::{Done, Named, owner};
use crate::access::{Administrator, FreshAdministrator, Visitor};
use crate::api::body::Body;
use crate::api::query::Path;
use crate::api::refusals::{BodyRefusals, Refusals};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::{passkeys, recovery};
use crate::store::StoredPasskey;
use crate::vaults::blocking;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(start))
        .routes(routes!(finish))
        .routes(routes!(remove))
}

/// A passkey.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkey)]
struct PasskeyObject {
    id: String,
    name: String,
    /// The host name that it works for.
    host: String,
    /// In epoch milliseconds.
    created_at: i64,
    /// In epoch milliseconds.
    #[schema(required)]
    last_used_at: Option<i64>,
}

impl From<StoredPasskey> for PasskeyObject {
    fn from(stored: StoredPasskey) -> Self {
        Self {
            id: stored.id,
            name: stored.name,
            host: stored.host,
            created_at: stored.created_at,
            last_used_at: stored.last_used_at,
        }
    }
}

/// The passkeys, oldest first
#[utoipa::path(
    get, path = "/api/auth/passkeys", tag = "second factors",
    responses((status = 200, description = "The passkeys.", body = [PasskeyObject]), Refusals),
)]
async fn list(
    Administrator(_caller): Administrator,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<PasskeyObject>>, ApiError> {
    let stored = blocking(move || Ok(app.store.passkeys()?)).await?;
    Ok(Json(stored.into_iter().map(Into::into).collect()))
}

/// A passkey that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NameBody {
    /// To tell it from others: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
}

/// Begin to make a passkey; not at an address without a host name
#[utoipa::path(
    post, path = "/api/auth/passkeys/start", tag = "second factors", request_body = NameBody,
    responses(
        (status = 200, description = "What the browser is to make.", body = Challenge),
        BodyRefusals,
    ),
)]
async fn start(
    FreshAdministrator(caller): FreshAdministrator,
    visitor: Visitor,
    State(app): State<Arc<App>>,
    Body(body): Body<NameBody>,
) -> Result<Json<Challenge>, ApiError> {
    let (name, owner) = (label(&body.name)?, owner(&caller));
    let started = passkeys::start_registration(&app, &visitor, name, owner);
    let (state, options) = started.await?;
    Ok(Json(Challenge { state, options }))
}

/// A passkey that was made.
#[derive(Serialize, ToSchema)]
struct NewPasskey {
    id: String,
    name: String,
    /// Shown once; null if there were some already.
    #[schema(required)]
    recovery_codes: Option<Vec<String>>,
}

/// Keep the passkey that the browser has made
#[utoipa::path(
    post, path = "/api/auth/passkeys/finish", tag = "second factors",
    request_body = ChallengeAnswer,
    responses(
        (status = 201, description = "In force from now on.", body = NewPasskey),
        (status = 409, description = "There are too many.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn finish(
    FreshAdministrator(caller): FreshAdministrator,
    visitor: Visitor,
    State(app): State<Arc<App>>,
    Body(body): Body<ChallengeAnswer>,
) -> Result<(StatusCode, Json<NewPasskey>), ApiError> {
    let (state, owner) = (&body.state, owner(&caller));
    let finished = passkeys::finish_registration(&app, &visitor, state, &owner, &body.credential);
    let (id, name) = finished.await?;
    app.note(
        &caller,
        "second factor added",
        None,
        Some(&format!("passkey {name}")),
    );
    let store = Arc::clone(&app);
    let left = blocking(move || Ok(store.store.recovery_codes_left()?)).await?;
    let recovery_codes = match left {
        0 => Some(recovery::renew(&app).await?),
        _ => None,
    };
    let made = NewPasskey {
        id,
        name,
        recovery_codes,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Remove a passkey
#[utoipa::path(
    delete, path = "/api/auth/passkeys/{id}", tag = "second factors", params(Named),
    responses(
        (status = 200, description = "Removed.", body = Done),
        (status = 404, description = "There is no such passkey.", body = ErrorBody),
        Refusals,
    ),
)]
async fn remove(
    FreshAdministrator(caller): FreshAdministrator,
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Done>, ApiError> {
    let store = Arc::clone(&app);
    let removed = blocking(move || Ok(store.store.remove_passkey(&named.id)?)).await?;
    let Some(name) = removed else {
        return Err(ApiError::not_found(
            "there is no such passkey, or not any more",
        ));
    };
    recovery::forget_unneeded(&app).await?;
    app.note(
        &caller,
        "second factor removed",
        None,
        Some(&format!("passkey {name}")),
    );
    Ok(Json(Done { status: "removed" }))
}
