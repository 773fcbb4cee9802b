//! Accounts: listed, added, changed, removed and brought back.

mod cache;
mod input;
mod logins;
pub(crate) mod object;
mod removal;
mod removed;
pub(crate) mod schema;
mod status;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{AccountId, AuthType, CredentialDocument, Identity, Secret};
use renew::Lease;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{AccountChange, Cause, NewAccount, Vault};

use super::body::Body;
use super::query::Path;
use super::refusals::{BodyRefusals, Refusals};
use crate::access::{Administrator, Reader};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::vaults::blocking;

pub(crate) use cache::AccountsCache;
use input::{AccountChangeBody, NewAccountBody};
pub(crate) use object::masked_key;
use object::{AccountObject, AuthKind};
pub(crate) use removed::RemovedAccounts;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update))
        .merge(removal::router())
        .merge(status::router())
        .merge(logins::router())
}

/// An account, by its identifier.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ById {
    /// The account's identifier.
    pub(crate) id: String,
}

impl ById {
    pub(crate) fn account(&self) -> AccountId {
        AccountId::from_stored(self.id.as_str())
    }
}

/// All accounts, oldest first
#[utoipa::path(
    get, path = "/api/accounts", tag = "accounts",
    responses(
        (status = 200, description = "All accounts.", body = [AccountObject],
            headers(("ETag" = String, description = "For `If-None-Match`."))),
        (status = 304, description = "It is as it was."),
        Refusals,
    ),
)]
async fn list(
    _caller: Reader,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let list = app.accounts.list(&app).await?;
    let gzip = takes_gzip(&headers);
    let etag = match gzip {
        true => &list.etag_of_gzip,
        false => &list.etag,
    };
    let shared = [
        (header::ETAG, etag.clone()),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    if is_known(&headers, &[&list.etag, &list.etag_of_gzip]) {
        return Ok((StatusCode::NOT_MODIFIED, shared).into_response());
    }
    let json = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if gzip {
        let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return Ok((shared, [json, encoding], list.gzip()).into_response());
    }
    Ok((shared, [json], list.body.clone()).into_response())
}

/// Whether the caller says that it understands gzip (RFC 9110, section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0)
        });
        is_gzip && !refused
    })
}

fn is_known(headers: &HeaderMap, etags: &[&HeaderValue]) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut given = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|etag| etag.trim().trim_start_matches("W/"));
    given.any(|given| given == "*" || etags.iter().any(|etag| etag.as_bytes() == given.as_bytes()))
}

/// The account that was added.
#[derive(Serialize, ToSchema)]
struct Added {
    id: String,
    /// As it was stored.
    name: String,
}

/// Add an account
#[utoipa::path(
    post, path = "/api/accounts", tag = "accounts", request_body = NewAccountBody,
    responses(
        (status = 201, description = "It was added.", body = Added),
        (status = 409, description = "The name is taken, in whatever case.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn create(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Body(body): Body<NewAccountBody>,
) -> Result<(StatusCode, Json<Added>), ApiError> {
    let account = new_account(&body)?;
    let name = account.name.as_str().to_owned();
    let id = app.vaults.quick(move |vault| vault.add(&account)).await?;
    app.note(&caller, "account added", Some(&name), None);
    follow(&app).await;
    let added = Added {
        id: id.to_string(),
        name,
    };
    Ok((StatusCode::CREATED, Json(added)))
}

fn new_account(body: &NewAccountBody) -> Result<NewAccount, ApiError> {
    let auth_type = body.auth_type.unwrap_or(AuthKind::ApiKey);
    let mut account = NewAccount::empty(input::account_name(&body.name)?, auth_type.into());
    let key = input::given_key(body.api_key.as_ref())?;
    let access = input::given(body.access_token.as_ref());
    let refresh = input::given(body.refresh_token.as_ref());
    let expires_at = body.expires_at.map(input::expiry).transpose()?.flatten();
    match account.auth_type {
        AuthType::ApiKey if access.is_some() || refresh.is_some() => {
            return Err(ApiError::bad_request("tokens belong to a login")
                .hinted("Give `auth_type` `oauth` with them."));
        }
        AuthType::OAuth if key.is_some() => {
            return Err(ApiError::bad_request("a login has no `api_key`")
                .hinted("Give `auth_type` `api_key` with it."));
        }
        AuthType::ApiKey => account.api_key = key.unwrap_or_else(|| Secret::new("")),
        AuthType::OAuth if access.is_some() || refresh.is_some() => {
            let token = |given: Option<Secret>| given.unwrap_or_else(|| Secret::new(""));
            let (access, refresh) = (token(access), token(refresh));
            let document = CredentialDocument::from_tokens(&access, &refresh, expires_at);
            account.login = Some(document);
            account.identity = Identity::default();
            account.cause = Cause::Captured;
        }
        AuthType::OAuth => {}
    }
    if let Some(variables) = &body.environment {
        account.environment = variables.check()?;
    }
    Ok(account)
}

/// One account
#[utoipa::path(
    get, path = "/api/accounts/{id}", tag = "accounts", params(ById),
    responses(
        (status = 200, description = "The account.", body = AccountObject),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        Refusals,
    ),
)]
async fn get(
    _caller: Reader,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
) -> Result<Json<AccountObject>, ApiError> {
    let list = app.accounts.list(&app).await?;
    list.find(&by.id).cloned().map(Json)
}

/// It was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// What was done.
    pub(crate) status: &'static str,
}

/// Change parts of an account; what is not given stays as it is
#[utoipa::path(
    put, path = "/api/accounts/{id}", tag = "accounts", params(ById),
    request_body = AccountChangeBody,
    responses(
        (status = 200, description = "It was changed.", body = Done),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        (status = 409, description = "The name is taken, the account is of the other kind, or its record is damaged.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn update(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
    Body(body): Body<AccountChangeBody>,
) -> Result<Json<Done>, ApiError> {
    let id = by.account();
    let change = account_change(&body)?;
    let kind = body.auth_type;
    let brings_tokens = change.tokens.is_some();
    let renames = change.name.is_some();
    let work = move |vault: &Vault| {
        let account = vault.get(&id)?;
        if kind.is_some_and(|kind| AuthType::from(kind) != account.auth_type) {
            return Err(
                ApiError::new(StatusCode::CONFLICT, "`auth_type` cannot be changed")
                    .hinted("Add an account of the other kind, and remove this one."),
            );
        }
        // Nobody renews a login while it is replaced.
        let lease = match brings_tokens {
            true => Some(Lease::acquire(vault.paths(), &id, &account.name)?),
            false => None,
        };
        vault.change(&id, &change)?;
        drop(lease);
        Ok::<_, ApiError>(change.name.map_or(account.name, |name| name.to_string()))
    };
    let name = match brings_tokens {
        true => app.vaults.slow(work).await?,
        false => app.vaults.quick(work).await?,
    };
    app.note(&caller, "account changed", Some(&name), None);
    if renames {
        follow(&app).await;
    }
    if brings_tokens {
        tell_keeper(&app).await;
    }
    Ok(Json(Done { status: "updated" }))
}

fn account_change(body: &AccountChangeBody) -> Result<AccountChange, ApiError> {
    let environment = body.environment.as_ref();
    Ok(AccountChange {
        name: input::given_name(body.name.as_deref())?,
        api_key: input::given_key(body.api_key.as_ref())?,
        tokens: body.tokens()?,
        environment: environment.map(input::Variables::check).transpose()?,
        is_default: body.default,
    })
}

/// Has aliases that are installed follow the accounts. A failure is theirs alone.
pub(crate) async fn follow(app: &Arc<App>) {
    let changed = Arc::clone(&app.options.accounts_changed);
    let done = blocking(move || {
        changed();
        Ok(())
    });
    drop(done.await);
}

/// Lets running sessions have a changed login now.
pub(crate) async fn tell_keeper(app: &Arc<App>) {
    let runtime = app.options.runtime.clone();
    let told = blocking(move || {
        let _told: bool = renew::wake_keeper(&runtime);
        Ok(())
    });
    drop(told.await);
}
