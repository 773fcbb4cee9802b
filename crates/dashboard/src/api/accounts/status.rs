//! How an account's credential stands, in the words of existing clients.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ById;
use super::object::{AccountObject, AccountState, AuthKind, minutes_until};
use crate::access::Reader;
use crate::api::query::Path;
use crate::api::refusals::Refusals;
use crate::app::App;
use crate::clock;
use crate::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(status))
}

/// How a credential stands.
#[derive(Serialize, ToSchema)]
struct StatusAnswer {
    status: CredentialStatus,
    #[serde(rename = "type")]
    auth_type: AuthKind,
    /// Of a login whose end is known: whole minutes until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    remaining_min: Option<i64>,
    /// Of a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    has_refresh: Option<bool>,
    state: AccountState,
    #[schema(required)]
    reason: Option<String>,
}

/// The state in the words of existing clients.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CredentialStatus {
    /// It can be used.
    Ok,
    /// There is no key.
    Missing,
    /// Somebody has to sign in.
    NeedsLogin,
    /// The access token has ended.
    Expired,
}

/// How an account's credential stands
#[utoipa::path(
    get, path = "/api/accounts/{id}/status", tag = "accounts", params(ById),
    responses(
        (status = 200, description = "Its state.", body = StatusAnswer),
        (status = 404, description = "There is no such account; `status` is `not_found`.", body = ErrorBody),
        Refusals,
    ),
)]
async fn status(
    _caller: Reader,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
) -> Result<Json<StatusAnswer>, ApiError> {
    let list = app.accounts.list(&app).await?;
    let account = list.find(&by.id).map_err(|mut error| {
        error.more.insert("status".to_owned(), "not_found".into());
        error
    })?;
    let status = match (account.state, account.auth_type) {
        (AccountState::Ok, _) => CredentialStatus::Ok,
        (AccountState::Expired, _) => CredentialStatus::Expired,
        (_, AuthKind::ApiKey) => CredentialStatus::Missing,
        (_, AuthKind::Oauth) => CredentialStatus::NeedsLogin,
    };
    Ok(Json(StatusAnswer {
        status,
        auth_type: account.auth_type,
        remaining_min: remaining(account),
        has_refresh: account.has_refresh,
        state: account.state,
        reason: account.reason.clone(),
    }))
}

fn remaining(account: &AccountObject) -> Option<i64> {
    let now = Timestamp::from_millis(clock::now());
    let ends_at = Some(account.expires_at).filter(|&at| at != 0);
    ends_at.map(|at| minutes_until(Timestamp::from_millis(at), now))
}
