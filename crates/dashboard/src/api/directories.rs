//! Which account each directory tree is bound to.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{Vault, VaultError};

use super::accounts::Done;
use super::body::Body;
use super::query::Query;
use super::refusals::{BodyRefusals, Refusals};
use crate::access::{Administrator, Reader};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, bind, unbind))
}

/// A directory and its account.
#[derive(Serialize, ToSchema)]
struct DirectoryObject {
    /// Absolute.
    directory: String,
    account_id: String,
    /// The account's name; null if another program has removed it.
    #[schema(required)]
    account: Option<String>,
}

/// All bindings, by directory
#[utoipa::path(
    get, path = "/api/directories", tag = "directories",
    responses(
        (status = 200, description = "The bindings.", body = [DirectoryObject]),
        Refusals,
    ),
)]
async fn list(
    _caller: Reader,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<DirectoryObject>>, ApiError> {
    let read = |vault: &Vault| Ok::<_, VaultError>((vault.names()?, vault.bindings()?));
    let (names, bindings) = app.vaults.quick(read).await?;
    let name = |id: &AccountId| {
        let found = names.iter().find(|(known, _)| known == id);
        found.map(|(_, name)| name.clone())
    };
    let object = |binding: vault::Binding| DirectoryObject {
        directory: binding.directory.to_string_lossy().into_owned(),
        account: name(&binding.account),
        account_id: binding.account.to_string(),
    };
    Ok(Json(bindings.into_iter().map(object).collect()))
}

/// What is to be bound.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BindingBody {
    /// Absolute.
    #[schema(pattern = r"^/[^\u0000]*$", max_length = 4096)]
    directory: String,
    #[schema(max_length = 512)]
    account_id: String,
}

/// Bind a directory to an account, or change what it is bound to
#[utoipa::path(
    put, path = "/api/directories", tag = "directories", request_body = BindingBody,
    responses(
        (status = 200, description = "It is bound, links resolved.", body = Done),
        (status = 404, description = "There is no such account or directory.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn bind(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Body(body): Body<BindingBody>,
) -> Result<Json<Done>, ApiError> {
    let directory = absolute(&body.directory)?;
    let id = AccountId::from_stored(body.account_id);
    let work = move |vault: &Vault| {
        let account = vault.get(&id)?;
        let directory = existing(&directory)?;
        vault.bind(&directory, &id)?;
        Ok::<_, ApiError>((account.name, directory))
    };
    let (name, directory) = app.vaults.quick(work).await?;
    let detail = directory.to_string_lossy();
    app.note(&caller, "directory bound", Some(&name), Some(&detail));
    Ok(Json(Done { status: "bound" }))
}

/// Which directory is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct UnbindQuery {
    /// Absolute.
    #[param(pattern = r"^/[^\u0000]*$", max_length = 4096)]
    directory: String,
}

/// End the binding of exactly this directory
#[utoipa::path(
    delete, path = "/api/directories", tag = "directories", params(UnbindQuery),
    responses(
        (status = 200, description = "It is bound no longer.", body = Done),
        (status = 404, description = "It is not bound itself.", body = ErrorBody),
        Refusals,
    ),
)]
async fn unbind(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    Query(query): Query<UnbindQuery>,
) -> Result<Json<Done>, ApiError> {
    let directory = absolute(&query.directory)?;
    app.vaults
        .quick(move |vault| end(vault, &directory))
        .await?;
    app.note(&caller, "directory unbound", None, Some(&query.directory));
    Ok(Json(Done { status: "unbound" }))
}

/// A directory that has gone can still be bound, and one whose name is not UTF-8 is asked for as
/// it is shown.
fn end(vault: &Vault, directory: &FilePath) -> Result<(), ApiError> {
    let shown = directory.to_string_lossy();
    let canonical = directory.canonicalize();
    let bindings = vault.bindings()?;
    let found = bindings
        .iter()
        .map(|binding| &binding.directory)
        .find(|bound| {
            bound.to_string_lossy() == shown || canonical.as_ref().is_ok_and(|path| path == *bound)
        });
    match found {
        Some(bound) if vault.unbind(bound)? => Ok(()),
        _ => Err(ApiError::not_found("this directory is not bound itself")),
    }
}

/// A path as a caller may give it.
///
/// # Errors
/// 400.
pub(crate) fn absolute(text: &str) -> Result<PathBuf, ApiError> {
    const LONGEST: usize = 4096;
    if text.contains('\0') {
        return Err(ApiError::bad_request("a path has no NUL in it"));
    }
    if text.len() > LONGEST {
        return Err(ApiError::bad_request("the path is too long"));
    }
    let path = PathBuf::from(text);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(ApiError::bad_request("the path is not absolute")
            .hinted("Give it from the root on: /home/…")),
    }
}

fn existing(directory: &FilePath) -> Result<PathBuf, ApiError> {
    let found = directory.canonicalize().ok().filter(|path| path.is_dir());
    found.ok_or_else(|| ApiError::not_found("there is no such directory"))
}
