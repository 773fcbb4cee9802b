//! Browsers that are signed in.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, Named};
use crate::access::{Administrator, is_valid};
use crate::api::query::Path;
use crate::api::refusals::Refusals;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::sign_in::flow;
use crate::vaults::blocking;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(end))
}

/// A browser that is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = SignIn)]
struct SignInObject {
    id: String,
    /// In epoch milliseconds.
    created_at: i64,
    /// In epoch milliseconds, to the minute.
    last_seen_at: i64,
    /// From where it signed in.
    address: String,
    /// What the browser calls itself.
    agent: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// The browsers that are signed in, the one seen last first
#[utoipa::path(
    get, path = "/api/auth/sessions", tag = "sign-in",
    responses((status = 200, description = "The sign-ins.", body = [SignInObject]), Refusals),
)]
async fn list(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<SignInObject>>, ApiError> {
    let password = app.access.in_force()?.password;
    let known = app.store.credentials()?;
    let valid = known.sign_ins().filter(|record| is_valid(record, password));
    let mut objects: Vec<SignInObject> = valid
        .map(|record| SignInObject {
            id: record.id.clone(),
            created_at: record.created_at,
            last_seen_at: record.last_seen_at.load(Ordering::Relaxed),
            address: record.address.clone(),
            agent: record.agent.clone(),
            current: caller.sign_in() == Some(&record.id),
        })
        .collect();
    objects.sort_by_key(|object| Reverse((object.last_seen_at, object.created_at)));
    Ok(Json(objects))
}

/// End a sign-in: its cookie, sockets and streams count no more
#[utoipa::path(
    delete, path = "/api/auth/sessions/{id}", tag = "sign-in", params(Named),
    responses(
        (status = 200, description = "Ended.", body = Done),
        (status = 404, description = "There is no such sign-in.", body = ErrorBody),
        Refusals,
    ),
)]
async fn end(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Done>, ApiError> {
    let (store, id) = (Arc::clone(&app), named.id.clone());
    if !blocking(move || Ok(store.store.end_sign_in(&id)?)).await? {
        return Err(ApiError::not_found(
            "there is no such sign-in, or not any more",
        ));
    }
    app.note(&caller, "sign-in revoked", None, None);
    flow::tell_ended(&app, vec![named.id]);
    Ok(Json(Done { status: "ended" }))
}
