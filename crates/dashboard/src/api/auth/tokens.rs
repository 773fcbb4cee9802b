//! API tokens: for programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, Named};
use crate::access::{Administrator, FIRST_TOKEN, FreshAdministrator, Scope, Who};
use crate::api::body::Body;
use crate::api::number::whole_or_none;
use crate::api::query::Path;
use crate::api::refusals::{BodyRefusals, Refusals};
use crate::app::App;
use crate::clock;
use crate::error::{ApiError, ErrorBody};
use crate::events::Change;
use crate::sign_in::flow;
use crate::store::TokenRecord;
use crate::vaults::blocking;

/// Longest name, in characters.
const LONGEST_NAME: usize = 64;
/// Ten years.
const MOST_DAYS: u32 = 3650;
/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(revoke))
}

/// An API token, without itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenObject {
    id: String,
    name: String,
    scope: Scope,
    /// In epoch milliseconds; unknown for one that another program made.
    #[schema(required)]
    created_at: Option<i64>,
    /// In epoch milliseconds.
    #[schema(required)]
    expires_at: Option<i64>,
    /// In epoch milliseconds, to the minute.
    #[schema(required)]
    last_used_at: Option<i64>,
}

impl From<&TokenRecord> for TokenObject {
    fn from(record: &TokenRecord) -> Self {
        Self {
            id: record.id.clone(),
            name: record.name.clone(),
            scope: record.scope,
            created_at: record.created_at,
            expires_at: record.expires_at,
            last_used_at: record.used_at(),
        }
    }
}

/// The API tokens, also those that have expired; `first` is the one that set-up showed
#[utoipa::path(
    get, path = "/api/auth/tokens", tag = "tokens",
    responses((status = 200, description = "The tokens.", body = [TokenObject]), Refusals),
)]
async fn list(
    Administrator(_caller): Administrator,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<TokenObject>>, ApiError> {
    let first = app.access.in_force()?.first_token;
    let known = app.store.credentials()?;
    let mut objects: Vec<TokenObject> = known.tokens().map(Into::into).collect();
    objects.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    if first.is_some() {
        objects.insert(0, known.first_token().into());
    }
    Ok(Json(objects))
}

/// A token that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MakeBody {
    /// To tell it from others: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    scope: Scope,
    /// Without it, the token does not expire.
    #[schema(required = false, minimum = 1, maximum = 3650)]
    #[serde(default, deserialize_with = "whole_or_none")]
    expires_in_days: Option<u32>,
}

/// A new token, shown once.
#[derive(Serialize, ToSchema)]
struct NewTokenObject {
    id: String,
    name: String,
    scope: Scope,
    /// In epoch milliseconds.
    #[schema(required)]
    expires_at: Option<i64>,
    /// The token itself. It is not shown again.
    token: String,
}

/// Make an API token
#[utoipa::path(
    post, path = "/api/auth/tokens", tag = "tokens", request_body = MakeBody,
    responses(
        (status = 201, description = "Made; shown this once.", body = NewTokenObject),
        (status = 409, description = "There are too many.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn make(
    FreshAdministrator(caller): FreshAdministrator,
    State(app): State<Arc<App>>,
    Body(body): Body<MakeBody>,
) -> Result<(StatusCode, Json<NewTokenObject>), ApiError> {
    let name = label(&body.name)?;
    let expires_at = match body.expires_in_days {
        None => None,
        Some(days @ 1..=MOST_DAYS) => Some(clock::now() + i64::from(days) * DAY),
        Some(_) => {
            return Err(ApiError::bad_request(
                "`expires_in_days` is not between 1 and 3650",
            ));
        }
    };
    let scope = body.scope;
    let (id, token) = flow::make_token(&app, name.clone(), scope, expires_at).await?;
    app.note(
        &caller,
        "token made",
        None,
        Some(&format!("{name}, {}", scope.as_str())),
    );
    let made = NewTokenObject {
        id,
        name,
        scope,
        expires_at,
        token,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// What somebody calls a token or a passkey.
pub(super) fn label(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let is_fit =
        (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    match is_fit {
        true => Ok(text.to_owned()),
        false => Err(ApiError::bad_request(
            "`name` does not have 1 to 64 characters",
        )),
    }
}

/// Revoke an API token: its sockets and streams end too
#[utoipa::path(
    delete, path = "/api/auth/tokens/{id}", tag = "tokens", params(Named),
    responses(
        (status = 200, description = "Revoked.", body = Done),
        (status = 404, description = "There is no such token.", body = ErrorBody),
        Refusals,
    ),
)]
async fn revoke(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Done>, ApiError> {
    let id = named.id;
    let removed = match id == FIRST_TOKEN {
        true => revoke_first(&app).await?,
        false => {
            let (store, id) = (Arc::clone(&app), id.clone());
            blocking(move || Ok(store.store.remove_token(&id)?)).await?
        }
    };
    let Some(name) = removed else {
        return Err(ApiError::not_found(
            "there is no such token, or not any more",
        ));
    };
    app.note(&caller, "token revoked", None, Some(&name));
    app.events
        .tell(Change::Ended(vec![Who::Token { id, name }]));
    Ok(Json(Done { status: "revoked" }))
}

async fn revoke_first(app: &App) -> Result<Option<String>, ApiError> {
    let revoked = app.vaults.quick(|vault| match vault.api_token_hash()? {
        Some(hash) => vault.replace_api_token_hash(Some(&hash), None),
        None => Ok(false),
    });
    Ok(revoked.await?.then(|| FIRST_TOKEN.to_owned()))
}
