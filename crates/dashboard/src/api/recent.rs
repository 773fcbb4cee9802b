//! Directories that somebody may want to open: near at hand, repositories, and those the client
//! was used in.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use renew::ClientFiles;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::{Vault, durable};

use super::browse::repositories;
use super::refusals::Refusals;
use crate::access::Launcher;
use crate::app::App;
use crate::error::ApiError;
use crate::vaults::blocking;

/// How long it is looked for repositories.
const SEARCH: Duration = Duration::from_millis(300);
/// Most of each list.
const MOST: usize = 50;
/// Largest `.claude.json` that is read for this, in bytes.
const CLAUDE_JSON_LIMIT: u64 = 16 * 1024 * 1024;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(recent_dirs))
}

/// Directories that somebody may want to open.
#[derive(Serialize, ToSchema)]
struct RecentDirectories {
    /// The home, and directories that are bound to an account.
    shortcuts: Vec<Place>,
    /// Repositories below the home, those last changed first.
    projects: Vec<Place>,
    /// Where the client was used, last first.
    recent: Vec<Recent>,
}

/// A directory and what to call it.
#[derive(Serialize, ToSchema)]
struct Place {
    name: String,
    path: String,
}

/// A directory that the client was used in.
#[derive(Serialize, ToSchema)]
struct Recent {
    path: String,
    /// When, in epoch milliseconds.
    used_at: i64,
}

/// Directories that somebody may want to open
#[utoipa::path(
    get, path = "/api/recent-dirs", tag = "directories",
    responses(
        (status = 200, description = "The directories.", body = RecentDirectories),
        Refusals,
    ),
)]
async fn recent_dirs(
    _caller: Launcher,
    State(app): State<Arc<App>>,
) -> Result<Json<RecentDirectories>, ApiError> {
    let bindings = app.vaults.quick(Vault::bindings).await?;
    let bound = bindings.into_iter().map(|binding| binding.directory);
    let (home, files) = (
        app.options.directories.home.clone(),
        app.options.client_files.clone(),
    );
    let bound: Vec<PathBuf> = bound.take(MOST).collect();
    let found = blocking(move || {
        let bound = bound.iter().filter(|path| path.is_dir());
        let shortcuts = std::iter::once(&home).chain(bound);
        let projects = repositories(&home, SEARCH, MOST);
        Ok(RecentDirectories {
            shortcuts: shortcuts.filter_map(|path| place(path)).collect(),
            projects: projects.iter().filter_map(|path| place(path)).collect(),
            recent: used_by_client(&files),
        })
    });
    found.await.map(Json)
}

/// `None` for what is not UTF-8 and so could not be asked for.
fn place(path: &Path) -> Option<Place> {
    let name = path
        .file_name()
        .map_or("/", |name| name.to_str().unwrap_or("/"));
    Some(Place {
        name: name.to_owned(),
        path: path.to_str()?.to_owned(),
    })
}

/// The client lists its projects in `.claude.json`, and writes each one's conversations into a
/// directory whose time tells when it was last used.
fn used_by_client(files: &ClientFiles) -> Vec<Recent> {
    let mut recent: Vec<Recent> = projects(&files.claude_json)
        .into_iter()
        .filter_map(|path| {
            let kept = files.directory.join("projects").join(file_name(&path));
            let changed = fs::metadata(kept).ok()?.modified().ok()?;
            let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
            let used_at = i64::try_from(since.as_millis()).ok()?;
            Some(Recent { path, used_at })
        })
        .collect();
    recent.sort_by_key(|one| std::cmp::Reverse(one.used_at));
    recent.retain({
        let mut looked_at = 0;
        move |one| {
            looked_at += 1;
            looked_at <= MOST && Path::new(&one.path).is_dir()
        }
    });
    recent
}

/// How the client calls what it keeps of a directory: all but letters and digits is `-`.
fn file_name(path: &str) -> String {
    path.chars()
        .map(|character| match character.is_ascii_alphanumeric() {
            true => character,
            false => '-',
        })
        .collect()
}

fn projects(claude_json: &Path) -> HashSet<String> {
    // The client keeps a link that stands for the file; there is no secret in what is read.
    let path = fs::canonicalize(claude_json);
    let bytes = path.ok().and_then(|path| {
        durable::read_regular(&path, CLAUDE_JSON_LIMIT)
            .ok()
            .flatten()
    });
    let document: Option<ClaudeJson> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let projects = document.unwrap_or_default().projects.0;
    projects
        .into_iter()
        .filter(|path| path.starts_with('/'))
        .collect()
}

/// What is read of `.claude.json`: the rest, a history for every project, is passed over.
#[derive(Default, Deserialize)]
struct ClaudeJson {
    #[serde(default)]
    projects: Keys,
}

#[derive(Default)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;

        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }

        deserializer.deserialize_map(KeysVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn where_the_client_was_used_is_read_from_its_own_files() {
        let home = testkit::TestHome::new();
        let files = ClientFiles {
            directory: home.claude_dir(),
            claude_json: home.home().join(".claude.json"),
        };
        assert!(used_by_client(&files).is_empty());
        let used = home.home().join("work.d");
        fs::create_dir_all(&used).unwrap();
        let used = used.to_str().unwrap().to_owned();
        let kept = files.directory.join("projects").join(file_name(&used));
        fs::create_dir_all(kept).unwrap();
        let document = json!({"projects": {used.clone(): {"history": [1]}, "/gone": {}, "odd": 1}});
        testkit::documents::write_private(&files.claude_json, document.to_string());
        let recent = used_by_client(&files);
        assert_eq!(recent.len(), 1);
        assert_eq!(recent[0].path, used);
        testkit::documents::write_private(&files.claude_json, "{\"projects\": 7}");
        assert!(used_by_client(&files).is_empty());
    }

    #[test]
    fn the_keys_of_a_map_are_all_that_is_kept() {
        let counted: HashMap<&str, u8> = HashMap::from([("a", 1), ("b", 2)]);
        let text = serde_json::to_string(&counted).unwrap();
        let Keys(mut keys) = serde_json::from_str(&text).unwrap();
        keys.sort();
        assert_eq!(keys, ["a", "b"]);
    }
}
