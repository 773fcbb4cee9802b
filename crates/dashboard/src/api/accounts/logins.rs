//! Logins: taken over, renewed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use model::{AccountId, AuthType, CredentialDocument, Identity, Timestamp};
use renew::{ClientFiles, ClientLogin, Lease, Outcome, RenewError, Want};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{Cause, NewLogin, Vault};

use super::object::{masked_key, minutes_until};
use super::{ById, tell_keeper};
use crate::access::{Administrator, Caller, Launcher};
use crate::api::body::Body;
use crate::api::query::Path;
use crate::api::refusals::{BodyRefusals, Refusals};
use crate::app::App;
use crate::clock;
use crate::error::{ApiError, ErrorBody};

/// How many logins are renewed at once.
const RENEWALS_AT_ONCE: usize = 4;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(capture))
        .routes(routes!(refresh))
        .routes(routes!(refresh_all))
}

/// Where the login comes from: with nothing given, the user's own credential file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CaptureBody {
    /// A whole credential document, as the client's `.credentials.json`.
    #[schema(schema_with = super::schema::document)]
    credentials: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The login that was taken over.
#[derive(Serialize, ToSchema)]
struct Captured {
    captured: bool,
    /// For people to tell tokens apart.
    token_preview: String,
    has_refresh: bool,
    /// Whole minutes; null if nobody knows.
    #[schema(required)]
    expires_in_min: Option<i64>,
}

/// Take over a login: the user's own, or the one in the body
#[utoipa::path(
    post, path = "/api/accounts/{id}/capture-oauth", tag = "logins", params(ById),
    request_body = CaptureBody,
    responses(
        (status = 200, description = "It is the account's now, as a new generation.", body = Captured),
        (status = 404, description = "There is no such account, or no credential file.", body = ErrorBody),
        (status = 409, description = "The account has an API key, or the credential file holds no login.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn capture(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
    Body(body): Body<CaptureBody>,
) -> Result<Json<Captured>, ApiError> {
    let id = by.account();
    let files = app.options.client_files.clone();
    let given = body.credentials.map(given_document).transpose()?;
    let work = move |vault: &Vault| store(vault, &id, given, &files);
    let (name, captured) = app.vaults.slow(work).await?;
    app.note(&caller, "login captured", Some(&name), None);
    tell_keeper(&app).await;
    Ok(Json(captured))
}

fn given_document(
    object: serde_json::Map<String, serde_json::Value>,
) -> Result<CredentialDocument, ApiError> {
    let text = model::Secret::new(serde_json::Value::Object(object).to_string());
    Ok(CredentialDocument::parse(text.expose().as_bytes())?)
}

/// Makes a login the account's, while nobody renews it.
fn store(
    vault: &Vault,
    id: &AccountId,
    given: Option<CredentialDocument>,
    files: &ClientFiles,
) -> Result<(String, Captured), ApiError> {
    let account = vault.get(id)?;
    if account.auth_type == AuthType::ApiKey {
        return Err(conflict("this is an account with an API key")
            .hinted("Add an account with `auth_type` `oauth`."));
    }
    let in_client_file = given.is_none();
    let (document, identity) = match given {
        Some(document) => (document, Identity::default()),
        None => (client_document(files)?, files.identity()),
    };
    let captured = captured(&document);
    let login = NewLogin {
        document,
        identity,
        lifetime: None,
        cause: Cause::Captured,
    };
    let lease = Lease::acquire(vault.paths(), id, &account.name)?;
    vault.store_login(id, &login)?;
    if in_client_file {
        vault.link_client_file(id)?;
    }
    drop(lease);
    Ok((account.name, captured))
}

fn client_document(files: &ClientFiles) -> Result<CredentialDocument, ApiError> {
    match files.read_login()? {
        ClientLogin::Login(document) => Ok(document),
        ClientLogin::Absent => Err(ApiError::not_found(
            "there is no credential file of the client",
        )
        .hinted("Sign in with the client first (`claude auth login`), or give a credential file.")),
        ClientLogin::Unusable(error) => Err(conflict(format!(
            "the client's credential file is of no use: {error}"
        ))
        .hinted("Sign in with the client (`claude auth login`), or give another credential file.")),
    }
}

fn captured(document: &CredentialDocument) -> Captured {
    Captured {
        captured: true,
        token_preview: masked_key(&document.access_token()),
        has_refresh: !document.refresh_token().is_empty(),
        expires_in_min: minutes_left(document.expires_at()),
    }
}

fn minutes_left(ends_at: Option<Timestamp>) -> Option<i64> {
    ends_at.map(|at| minutes_until(at, Timestamp::from_millis(clock::now())))
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, message)
}

/// The login that was renewed.
#[derive(Serialize, ToSchema)]
struct Refreshed {
    refreshed: bool,
    outcome: RefreshOutcome,
    /// For people to tell tokens apart.
    token_preview: String,
    /// Whole minutes; null if nobody knows.
    #[schema(required)]
    expires_in_min: Option<i64>,
}

/// Who renewed a login.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RefreshOutcome {
    /// This request.
    Renewed,
    /// Another process, at the same time.
    RenewedElsewhere,
    /// The client had done it already.
    Adopted,
}

/// Renew a login now
#[utoipa::path(
    post, path = "/api/accounts/{id}/refresh-oauth", tag = "logins", params(ById),
    responses(
        (status = 200, description = "It was renewed.", body = Refreshed),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        (status = 409, description = "Its record is damaged.", body = ErrorBody),
        (status = 502, description = "The token server does not answer, or not now.", body = ErrorBody),
        Refusals,
    ),
)]
async fn refresh(
    Launcher(caller): Launcher,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
) -> Result<Json<Refreshed>, ApiError> {
    renew(&app, &caller, by.account()).await.map(Json)
}

async fn renew(app: &Arc<App>, caller: &Caller, id: AccountId) -> Result<Refreshed, ApiError> {
    let renewer = Arc::clone(&app.options.renewer);
    let work = move |vault: &Vault| {
        let outcome = renewer.renew(vault, &id, Want::New)?;
        let account = vault.get(&id)?;
        let unsealed = vault.unseal(&account)?;
        let token = unsealed.login().map(CredentialDocument::access_token);
        let refreshed = Refreshed {
            refreshed: true,
            outcome: match outcome {
                Outcome::Renewed => RefreshOutcome::Renewed,
                Outcome::RenewedElsewhere | Outcome::Fresh => RefreshOutcome::RenewedElsewhere,
                Outcome::Adopted => RefreshOutcome::Adopted,
            },
            token_preview: token.as_ref().map(masked_key).unwrap_or_default(),
            expires_in_min: minutes_left(account.expires_at),
        };
        Ok::<_, RenewError>((account.name, refreshed))
    };
    let (name, refreshed) = app.vaults.slow(work).await?;
    app.note(caller, "login renewed", Some(&name), None);
    Ok(refreshed)
}

/// What came of every renewal.
#[derive(Serialize, ToSchema)]
struct AllRefreshed {
    results: Vec<OneRefreshed>,
}

/// What came of one renewal.
#[derive(Serialize, ToSchema)]
struct OneRefreshed {
    id: String,
    name: String,
    ok: bool,
    /// Why it was not renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    error: Option<String>,
}

/// Renew every login
///
/// One that fails does not keep the others from being renewed.
#[utoipa::path(
    post, path = "/api/refresh-all", tag = "logins",
    responses(
        (status = 200, description = "What came of each.", body = AllRefreshed),
        Refusals,
    ),
)]
async fn refresh_all(
    Launcher(caller): Launcher,
    State(app): State<Arc<App>>,
) -> Result<Json<AllRefreshed>, ApiError> {
    let mut logins = app.vaults.quick(Vault::accounts).await?;
    logins.retain(|account| account.auth_type == AuthType::OAuth);
    let renewals = logins.into_iter().map(|account| {
        let (app, caller) = (&app, &caller);
        async move {
            let error = renew(app, caller, account.id.clone()).await.err();
            OneRefreshed {
                id: account.id.to_string(),
                name: account.name,
                ok: error.is_none(),
                error: error.map(|error| error.message),
            }
        }
    });
    let results = futures_util::stream::iter(renewals)
        .buffered(RENEWALS_AT_ONCE)
        .collect()
        .await;
    Ok(Json(AllRefreshed { results }))
}
