//! What to type in one's own terminal: launch commands and aliases. None holds a credential, and
//! none counts as use.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use launch::{Change, FileChange, Shell, ShellFiles, alias_line, launch_command, script};
use model::AuthType;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{Vault, VaultError};

use super::accounts::ById;
use super::query::{Path, Query};
use super::refusals::Refusals;
use crate::access::{Administrator, Launcher, Reader};
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::options::Options;
use crate::vaults::blocking;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(launch_in_terminal))
        .routes(routes!(aliases))
        .routes(routes!(install_aliases))
}

/// How to launch an account in one's own terminal.
#[derive(Serialize, ToSchema)]
struct LaunchAnswer {
    /// For a POSIX shell; calls this program by its absolute path.
    command: String,
    /// A line that defines an alias for it; null where no alias can have the account's name.
    #[schema(required)]
    alias: Option<String>,
    /// The variable that the client gets its credential in.
    env_keys: [&'static str; 1],
    /// The account's name.
    account: String,
}

/// The command that launches an account
///
/// Changes nothing and does not count as use.
#[utoipa::path(
    post, path = "/api/accounts/{id}/launch", tag = "launch", params(ById),
    responses(
        (status = 200, description = "The command.", body = LaunchAnswer),
        (status = 404, description = "There is no such account.", body = ErrorBody),
        Refusals,
    ),
)]
async fn launch_in_terminal(
    _caller: Launcher,
    State(app): State<Arc<App>>,
    Path(by): Path<ById>,
) -> Result<Json<LaunchAnswer>, ApiError> {
    let id = by.account();
    let account = app.vaults.quick(move |vault| vault.get(&id)).await?;
    let options = &app.options;
    let vault = other_vault(options);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let command = launch_command(Shell::Bash, &options.program, vault, &account.name);
    let alias = alias_line(Shell::Bash, &options.program, vault, &account.name);
    Ok(Json(LaunchAnswer {
        command: text(command),
        alias: alias.map(text),
        env_keys: [match account.auth_type {
            AuthType::ApiKey => "ANTHROPIC_API_KEY",
            AuthType::OAuth => "CLAUDE_CODE_OAUTH_TOKEN",
        }],
        account: account.name,
    }))
}

/// The vault's directory, where it is not the one that is looked for without being told.
fn other_vault(options: &Options) -> Option<&FilePath> {
    let directory = options.vault.directory();
    let usual = options.directories.home.join(".claude-accounts");
    let same = |left: &FilePath, right: &FilePath| {
        left == right
            || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
    };
    (!same(directory, &usual)).then_some(directory)
}

/// Which shell a script is for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AliasesQuery {
    /// The login shell if it is not given.
    #[param(inline)]
    shell: Option<ShellName>,
}

/// A shell that aliases are known for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Bash => Self::Bash,
            ShellName::Zsh => Self::Zsh,
            ShellName::Fish => Self::Fish,
        }
    }
}

/// A script that defines `claude-NAME` for every account
#[utoipa::path(
    get, path = "/api/generate-aliases", tag = "launch", params(AliasesQuery),
    responses(
        (status = 200, description = "The script.", body = String, content_type = "text/plain"),
        Refusals,
    ),
)]
async fn aliases(
    _caller: Reader,
    State(app): State<Arc<App>>,
    Query(query): Query<AliasesQuery>,
) -> Result<Response, ApiError> {
    let names = names(&app).await?;
    let login_shell = app.options.directories.login_shell;
    let shell = query.shell.map(Shell::from).or(login_shell);
    let text = script(shell.unwrap_or(Shell::Bash), &app.options.program, &names);
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, text).into_response())
}

async fn names(app: &Arc<App>) -> Result<Vec<String>, ApiError> {
    let read = |vault: &Vault| {
        let names = vault.names()?.into_iter().map(|(_, name)| name);
        Ok::<_, VaultError>(names.collect())
    };
    app.vaults.quick(read).await
}

/// What was installed.
#[derive(Serialize, ToSchema)]
struct Installed {
    /// The file that holds the aliases of the login shell.
    aliases_file: String,
    /// Files of shells that were changed to load it, relative to the home where they are in it.
    added_to: Vec<String>,
    /// How many accounts have an alias.
    count: usize,
}

/// Make shells know the aliases
///
/// Doing it twice changes nothing; `claude-accounts uninstall` takes it back.
#[utoipa::path(
    post, path = "/api/install-aliases", tag = "launch",
    responses(
        (status = 200, description = "They are installed.", body = Installed),
        (status = 409, description = "Somebody changed the marked block in a file by hand.", body = ErrorBody),
        Refusals,
    ),
)]
async fn install_aliases(
    Administrator(caller): Administrator,
    State(app): State<Arc<App>>,
) -> Result<Json<Installed>, ApiError> {
    let names = names(&app).await?;
    let shared = Arc::clone(&app);
    let installed = blocking(move || install(&shared.options, &names)).await?;
    app.note(&caller, "aliases installed", None, None);
    Ok(Json(installed))
}

fn install(options: &Options, names: &[String]) -> Result<Installed, ApiError> {
    let directories = &options.directories;
    let vault = options.vault.directory();
    let files = ShellFiles {
        home: &directories.home,
        config_home: &directories.config_home,
        zsh_directory: &directories.zsh_directory,
        vault_dir: vault,
        login_shell: directories.login_shell,
    };
    let changes = files.install(&options.program, names)?;
    let file = match directories.login_shell {
        Some(Shell::Fish) => "aliases.fish",
        Some(Shell::Bash | Shell::Zsh) | None => "aliases.sh",
    };
    let is_edited = |change: &&FileChange| {
        !change.path.starts_with(vault) && matches!(change.change, Change::Made | Change::Edited)
    };
    let shown = |change: &FileChange| {
        let path = change.path.strip_prefix(&directories.home);
        let path = path.unwrap_or(&change.path);
        path.to_string_lossy().into_owned()
    };
    let aliased = |name: &&String| alias_line(Shell::Bash, &options.program, None, name).is_some();
    Ok(Installed {
        aliases_file: vault.join(file).to_string_lossy().into_owned(),
        added_to: changes.iter().filter(is_edited).map(shown).collect(),
        count: names.iter().filter(aliased).count(),
    })
}
