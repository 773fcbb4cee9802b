//! Who did what, from where.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Administrator;
use crate::api::query::Query;
use crate::api::refusals::Refusals;
use crate::app::App;
use crate::error::ApiError;
use crate::store::Entry;
use crate::vaults::blocking;

/// So many entries, if nothing is said.
const USUAL: usize = 100;
/// So many at most.
const MOST: usize = 500;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(audit))
}

/// Which part of the log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Part {
    /// Only entries before this one.
    before: Option<i64>,
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// One entry.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    id: i64,
    /// In epoch milliseconds.
    at: i64,
    action: String,
    /// Name of the account, if it is about one.
    #[schema(required)]
    account: Option<String>,
    #[schema(required)]
    detail: Option<String>,
    #[schema(required)]
    address: Option<String>,
    /// `browser`, `token NAME`, `watcher` or `this machine`.
    who: String,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            action: entry.action,
            account: entry.account,
            detail: entry.detail,
            address: entry.address,
            who: entry.who,
        }
    }
}

/// A part of the log.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// What to give as `before` for the next part; null at the end.
    #[schema(required)]
    next: Option<i64>,
}

/// The audit log, newest first
#[utoipa::path(
    get, path = "/api/audit", tag = "audit", params(Part),
    responses((status = 200, description = "A part of the log.", body = AuditPage), Refusals),
)]
async fn audit(
    Administrator(_caller): Administrator,
    State(app): State<Arc<App>>,
    Query(part): Query<Part>,
) -> Result<Json<AuditPage>, ApiError> {
    let limit = part.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::bad_request("`limit` is not between 1 and 500"));
    }
    // One more tells whether there are more.
    let mut entries = blocking(move || Ok(app.store.audit(part.before, limit + 1)?)).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.id);
    let entries = entries.into_iter().map(Into::into).collect();
    Ok(Json(AuditPage { entries, next }))
}
