//! The generations of a login: shown, and made present again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::{AuthType, Timestamp};
use renew::Lease;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{Generation, Vault, VaultError};

use super::accounts::{ById, masked_key, tell_keeper};
use super::body::Body;
use super::number::whole;
use super::query::Path;
use super::refusals::{BodyRefusals, Refusals};
use crate::access::{Administrator, Reader};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(history))
        .routes(routes!(restore))
}

/// One generation of a login.
#[derive(Serialize, ToSchema)]
struct GenerationObject {
    /// Its number; higher is newer.
    generation: i64,
    /// Whether it is the present one.
    current: bool,
    /// When it was stored, in epoch milliseconds.
    recorded_at: i64,
    /// How it came.
    cause: &'static str,
    /// For people to tell tokens apart; empty if it cannot be opened.
    masked_key: String,
    /// When its access token ends, in epoch milliseconds.
    #[schema(required)]
    expires_at: Option<i64>,
    has_refresh: bool,
}

impl From<Generation> for GenerationObject {
    fn from(generation: Generation) -> Self {
        let document = generation.document.as_ref();
        Self {
            generation: generation.number,
            current: generation.present,
            recorded_at: generation.recorded_at.as_millis(),
            cause: generation.cause.as_str(),
            masked_key: document
                .map(|document| masked_key(&document.access_token()))
                .unwrap_or_default(),
            expires_at: generation.expires_at.map(Timestamp::as_millis),
            has_refresh: document.is_some_and(|document| !document.refresh_token().is_empty()),
        }
    }
}

/// The generations of a login that are kept, newest first; none for a key
#[utoipa::path(
    get, path = "/api/history/{id}", tag = "logins", params(ById),
    responses(
        (status = 200, description = "The generations.", body = [GenerationObject]),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        Refusals,
    ),
)]
async fn history(
    _caller: Reader,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
) -> Result<Json<Vec<GenerationObject>>, ApiError> {
    let id = by.account();
    let read = move |vault: &Vault| vault.history(&vault.get(&id)?);
    let generations = app.vaults.quick(read).await?;
    Ok(Json(generations.into_iter().map(Into::into).collect()))
}

/// Which generation is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreBody {
    /// Its number.
    #[serde(deserialize_with = "whole")]
    generation: i64,
}

/// The generation is present again.
#[derive(Serialize, ToSchema)]
struct GenerationRestored {
    status: &'static str,
    /// The number that it has now.
    generation: i64,
}

/// Make an earlier generation of a login the present one
///
/// Refresh tokens are single use: it can be renewed only if it never was since.
#[utoipa::path(
    post, path = "/api/history/{id}/restore", tag = "logins", params(ById),
    request_body = RestoreBody,
    responses(
        (status = 200, description = "It is the present one, as a new generation.", body = GenerationRestored),
        (status = 404, description = "There is no such account or generation.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn restore(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
    Body(body): Body<RestoreBody>,
) -> Result<Json<GenerationRestored>, ApiError> {
    let id = by.account();
    let number = body.generation;
    let work = move |vault: &Vault| {
        let account = vault.get(&id)?;
        if account.auth_type == AuthType::ApiKey {
            let (name, generation) = (account.name, number);
            return Err(VaultError::NoGeneration { name, generation }.into());
        }
        let lease = Lease::acquire(vault.paths(), &id, &account.name)?;
        let present = vault.restore(&vault.get(&id)?, number)?;
        drop(lease);
        Ok::<_, ApiError>((account.name, present))
    };
    let (name, generation) = app.vaults.slow(work).await?;
    let detail = format!("generation {number}");
    app.note(&caller, "generation restored", Some(&name), Some(&detail));
    tell_keeper(&app).await;
    Ok(Json(GenerationRestored {
        status: "restored",
        generation,
    }))
}
