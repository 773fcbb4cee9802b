//! Accounts removed, and had back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::AuthType;
use renew::Lease;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::Vault;

use super::{ById, follow, removed};
use crate::access::Administrator;
use crate::api::body::Body;
use crate::api::query::Path;
use crate::api::refusals::{BodyRefusals, Refusals};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(delete))
        .routes(routes!(undo_delete))
}

/// The account is gone, and how to have it back.
#[derive(Serialize, ToSchema)]
struct Deleted {
    status: &'static str,
    /// For `/api/accounts/undo-delete`.
    undo: String,
    /// Until when, in epoch milliseconds.
    undo_until: i64,
}

/// Remove an account with its history, bindings and default
///
/// Nothing is revoked at the vendor. It can be had back for ten minutes, until the server ends. Of
/// more than 64 removed accounts, or more than 8 MiB of them, the oldest go sooner.
#[utoipa::path(
    delete, path = "/api/accounts/{id}", tag = "accounts", params(ById),
    responses(
        (status = 200, description = "It was removed.", body = Deleted),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        Refusals,
    ),
)]
async fn delete(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
) -> Result<Json<Deleted>, ApiError> {
    let id = by.account();
    let work = move |vault: &Vault| {
        let account = vault.get(&id)?;
        // A renewal under way would lose its answer, and what is put back its token.
        let lease = match account.auth_type {
            AuthType::OAuth => Some(Lease::acquire(vault.paths(), &id, &account.name)?),
            AuthType::ApiKey => None,
        };
        let removed = vault.take_out(&id)?;
        drop(lease);
        Ok::<_, ApiError>(removed)
    };
    let removed = app.vaults.slow(work).await?;
    app.note(&caller, "account removed", Some(removed.name()), None);
    let (undo, undo_until) = app.removed.keep(removed)?;
    follow(&app).await;
    Ok(Json(Deleted {
        status: "deleted",
        undo,
        undo_until,
    }))
}

/// Which removal is to be undone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UndoBody {
    /// As the removal answered it.
    #[schema(max_length = 200)]
    undo: String,
}

/// The account that is back.
#[derive(Serialize, ToSchema)]
struct Restored {
    status: &'static str,
    id: String,
    /// With a number, where its own has been taken since.
    name: String,
}

/// Have a removed account back
#[utoipa::path(
    post, path = "/api/accounts/undo-delete", tag = "accounts", request_body = UndoBody,
    responses(
        (status = 200, description = "It is back as it was.", body = Restored),
        (status = 404, description = "Ten minutes are over, many were removed since, or the server was restarted.", body = ErrorBody),
        (status = 409, description = "It is back already, or the vault's key was changed since.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn undo_delete(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Body(body): Body<UndoBody>,
) -> Result<Json<Restored>, ApiError> {
    let removed = app.removed.find(&body.undo)?;
    let id = removed.id().to_string();
    let put_back = move |vault: &Vault| vault.put_back(&removed).map_err(removed::not_put_back);
    let name = app.vaults.quick(put_back).await?;
    app.removed.forget(&body.undo);
    app.note(&caller, "account restored", Some(&name), None);
    follow(&app).await;
    Ok(Json(Restored {
        status: "restored",
        id,
        name,
    }))
}
