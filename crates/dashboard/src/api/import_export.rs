//! Accounts in and out, with their secrets.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::{AccountId, AccountName, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{
    Account, ConflictPolicy, ImportAction, ImportEntry, ImportError, Vault, VaultError,
    export_accounts, parse_import, plan_import,
};
use zeroize::Zeroizing;

use super::accounts::{follow, tell_keeper};
use super::body::AnyBody;
use super::import_schema::{ExportedAccount, ImportBody};
use super::query::Query;
use super::refusals::{BodyRefusals, Refusals};
use crate::access::{Administrator, FreshAdministrator};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(import))
}

/// Which accounts are meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    /// Their identifiers, with commas between them; all if it is not given.
    accounts: Option<String>,
}

/// Accounts with their secrets in the clear
///
/// Needs a token with the scope `admin`, or a sign-in whose password was given minutes ago.
#[utoipa::path(
    get, path = "/api/export", tag = "import and export", params(ExportQuery),
    responses(
        (status = 200, description = "As `/api/import` takes them.", body = [ExportedAccount]),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        (status = 409, description = "A record is damaged: nothing is exported.", body = ErrorBody),
        Refusals,
    ),
)]
async fn export(
    FreshAdministrator(caller): FreshAdministrator,
    State(app): State<Arc<App>>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let accounts = chosen(vault, query.accounts.as_deref())?;
        let bytes = export_accounts(vault, &accounts).map_err(not_exported)?;
        Ok::<_, ApiError>((bytes, accounts.len()))
    };
    let (bytes, count) = app.vaults.slow(work).await?;
    let detail = format!("{count} accounts");
    app.note(&caller, "export", None, Some(&detail));
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"claude-accounts.json\"",
        ),
    ];
    Ok((headers, Bytes::from_owner(Wiped(bytes))).into_response())
}

/// Wiped once it has been sent. What the system's socket holds is out of our hands.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn chosen(vault: &Vault, ids: Option<&str>) -> Result<Vec<Account>, VaultError> {
    let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
        return vault.accounts();
    };
    let mut seen = HashSet::new();
    ids.split(',')
        .filter(|id| seen.insert(*id))
        .map(|id| vault.get(&AccountId::from_stored(id)))
        .collect()
}

fn not_exported(error: VaultError) -> ApiError {
    let is_damaged = matches!(error, VaultError::Damaged { .. });
    let refusal = ApiError::from(error);
    match is_damaged {
        true => refusal.hinted("Nothing was exported. Choose the accounts without this one."),
        false => refusal,
    }
}

/// What came of an import, or would.
#[derive(Serialize, ToSchema)]
struct Imported {
    /// How many accounts were added or replaced.
    imported: usize,
    results: Vec<ImportedAccount>,
}

/// What came of one account, or would.
#[derive(Serialize, ToSchema)]
struct ImportedAccount {
    /// The name in the import.
    name: String,
    action: ImportOutcome,
    /// The name that it has now; null if it was not taken.
    #[schema(required)]
    stored_as: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ImportOutcome {
    /// Under its own name.
    Added,
    /// The name was taken.
    Skipped,
    /// In the place of the account of that name.
    Replaced,
    /// Under a name with a number.
    Renamed,
}

/// What an import is made of.
struct Wanted {
    entries: Vec<ImportEntry>,
    policy: ConflictPolicy,
    dry_run: bool,
}

/// Add accounts: all, or on any error none
#[utoipa::path(
    post, path = "/api/import", tag = "import and export", request_body = ImportBody,
    responses(
        (status = 200, description = "What was done, or with `dry_run` would be.", body = Imported),
        (status = 409, description = "Two accounts in it have the same name, or the vault was changed meanwhile.", body = ErrorBody),
        BodyRefusals,
    ),
)]
async fn import(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
    AnyBody(body): AnyBody<Value>,
) -> Result<Json<Imported>, ApiError> {
    let wanted = wanted(body)?;
    let dry_run = wanted.dry_run;
    let actions = app
        .vaults
        .slow(move |vault| carry_out(vault, wanted))
        .await?;
    let imported = report(&actions);
    if !dry_run {
        let detail = format!("{} accounts", imported.imported);
        app.note(&caller, "import", None, Some(&detail));
        follow(&app).await;
        tell_keeper(&app).await;
    }
    Ok(Json(imported))
}

/// Everything of an import but the accounts themselves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithOptions {
    accounts: Value,
    #[serde(default)]
    on_conflict: OnConflict,
    #[serde(default)]
    dry_run: bool,
}

/// What to do with an account whose name is taken.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnConflict {
    /// Leave the one that is there.
    #[default]
    Skip,
    /// Put the import in its place; its login so far stays in its history.
    Replace,
    /// Add the import under a name with a number.
    Rename,
}

impl From<OnConflict> for ConflictPolicy {
    fn from(chosen: OnConflict) -> Self {
        match chosen {
            OnConflict::Skip => Self::Skip,
            OnConflict::Replace => Self::Replace,
            OnConflict::Rename => Self::Rename,
        }
    }
}

/// An array of accounts is all that existing clients send.
fn wanted(body: Value) -> Result<Wanted, ApiError> {
    let (accounts, policy, dry_run) = match body {
        Value::Array(_) => (body, ConflictPolicy::default(), false),
        body => {
            let read = serde_path_to_error::deserialize::<_, WithOptions>(body);
            let read = read.map_err(|error| {
                super::field::problem(&error.path().to_string(), &error.inner().to_string())
            })?;
            (read.accounts, read.on_conflict.into(), read.dry_run)
        }
    };
    let text = Secret::new(accounts.to_string());
    let entries = parse_import(text.expose().as_bytes()).map_err(not_imported)?;
    Ok(Wanted {
        entries,
        policy,
        dry_run,
    })
}

/// The refusal, with the accounts that cannot be taken. Those that are good but for another one of
/// the same name are a conflict.
fn not_imported(error: ImportError) -> ApiError {
    /// So many are named.
    const MOST: usize = 100;
    let entries = match &error {
        ImportError::Entries(errors) => &errors[..],
        ImportError::TooLarge | ImportError::NotJson { .. } | ImportError::NotAnArray => &[],
    };
    let is_conflict = !entries.is_empty() && entries.iter().all(|one| one.is_second);
    let named = entries.iter().take(MOST);
    let errors: Vec<Value> = named
        .map(|one| json!({"position": one.position, "problem": one.problem}))
        .collect();
    let mut refusal = ApiError::from(error);
    if is_conflict {
        refusal.status = StatusCode::CONFLICT;
    }
    refusal.more.insert("errors".to_owned(), errors.into());
    refusal
}

fn carry_out(vault: &Vault, wanted: Wanted) -> Result<Vec<ImportAction>, ApiError> {
    let Wanted {
        entries,
        policy,
        dry_run,
    } = wanted;
    if dry_run {
        let names = vault.names()?.into_iter().map(|(_, name)| name);
        return Ok(plan_import(&names.collect::<Vec<_>>(), entries, policy));
    }
    Ok(renew::import(vault, &entries, policy)?)
}

fn report(actions: &[ImportAction]) -> Imported {
    let one = |action: &ImportAction| {
        let (name, action, stored_as) = match action {
            ImportAction::Add(entry) => (&entry.name, ImportOutcome::Added, Some(&entry.name)),
            ImportAction::Skip(name) => (name, ImportOutcome::Skipped, None),
            ImportAction::Replace(entry) => {
                (&entry.name, ImportOutcome::Replaced, Some(&entry.name))
            }
            ImportAction::Rename { from, entry } => {
                (from, ImportOutcome::Renamed, Some(&entry.name))
            }
        };
        ImportedAccount {
            name: name.as_str().to_owned(),
            action,
            stored_as: stored_as.map(AccountName::to_string),
        }
    };
    let results: Vec<ImportedAccount> = actions.iter().map(one).collect();
    let taken = |one: &&ImportedAccount| one.action != ImportOutcome::Skipped;
    Imported {
        imported: results.iter().filter(taken).count(),
        results,
    }
}
