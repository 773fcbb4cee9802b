//! Directories to choose from.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::directories::absolute;
use super::query::Query;
use super::refusals::Refusals;
use crate::access::Launcher;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::vaults::blocking;

/// Most directories of one answer.
const MOST: usize = 1_000;
/// How long a directory is read.
const READING: Duration = Duration::from_secs(2);
/// How long it is looked which of those found hold others.
const LOOKING_INTO: Duration = Duration::from_millis(300);
/// Of each, so many entries are looked at.
const LOOKED_AT: usize = 256;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(browse))
}

/// What is to be listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct BrowseQuery {
    /// Absolute; the home if it is empty or not given.
    #[param(pattern = r"^(/[^\u0000]*)?$", max_length = 4096)]
    path: Option<String>,
    /// Whether names that start with a dot are listed.
    hidden: Option<bool>,
}

/// The directories in a directory.
#[derive(Serialize, ToSchema)]
struct Listing {
    /// Links resolved.
    current: String,
    /// null for the root.
    #[schema(required)]
    parent: Option<String>,
    /// By name.
    dirs: Vec<DirectoryEntry>,
    /// Whether there are more than are listed.
    truncated: bool,
    /// How many are left out since their names are not UTF-8.
    left_out: usize,
}

/// A directory, or a link to one.
#[derive(Serialize, ToSchema)]
struct DirectoryEntry {
    name: String,
    path: String,
    /// Whether there are directories in it, as far as that was looked for.
    has_children: bool,
}

/// The directories in a directory
#[utoipa::path(
    get, path = "/api/browse", tag = "directories", params(BrowseQuery),
    responses(
        (status = 200, description = "Directories and links to some, by name.", body = Listing),
        (status = 404, description = "There is no such directory.", body = ErrorBody),
        Refusals,
    ),
)]
async fn browse(
    _caller: Launcher,
    State(app): State<Arc<App>>,
    Query(query): Query<BrowseQuery>,
) -> Result<Json<Listing>, ApiError> {
    let path = match query.path.as_deref() {
        None | Some("") => app.options.directories.home.clone(),
        Some(path) => absolute(path)?,
    };
    let hidden = query.hidden.unwrap_or(false);
    blocking(move || listing(&path, hidden)).await.map(Json)
}

fn listing(path: &FilePath, hidden: bool) -> Result<Listing, ApiError> {
    let current = path.canonicalize().map_err(|error| refusal(&error))?;
    let shown = current
        .to_str()
        .ok_or_else(|| ApiError::not_found("the name of this directory is not UTF-8"))?;
    let found = find(&current, hidden).map_err(|error| refusal(&error))?;
    let deadline = Instant::now() + LOOKING_INTO;
    let dirs = found.names.into_iter().filter_map(|name| {
        let path = current.join(&name);
        Some(DirectoryEntry {
            path: path.to_str()?.to_owned(),
            // One that was not looked into may hold some: a click shows it.
            has_children: Instant::now() >= deadline || has_directories(&path, hidden),
            name,
        })
    });
    Ok(Listing {
        parent: current
            .parent()
            .map(|parent| parent.to_string_lossy().into_owned()),
        dirs: dirs.collect(),
        truncated: found.truncated,
        left_out: found.left_out,
        current: shown.to_owned(),
    })
}

struct Found {
    names: Vec<String>,
    truncated: bool,
    left_out: usize,
}

/// The first names in the order in which they are shown, in bounded memory and time.
fn find(directory: &FilePath, hidden: bool) -> io::Result<Found> {
    let deadline = Instant::now() + READING;
    let mut first: BinaryHeap<(String, String)> = BinaryHeap::new();
    let (mut truncated, mut left_out) = (false, 0);
    for entry in fs::read_dir(directory)? {
        if Instant::now() >= deadline {
            truncated = true;
            break;
        }
        // A directory may change while it is read.
        let Ok(entry) = entry else { continue };
        if is_hidden(&entry, hidden) || !is_directory(&entry) {
            continue;
        }
        let Ok(name) = entry.file_name().into_string() else {
            left_out += 1;
            continue;
        };
        first.push((name.to_lowercase(), name));
        if first.len() > MOST {
            first.pop();
            truncated = true;
        }
    }
    let names = first.into_sorted_vec().into_iter().map(|(_, name)| name);
    Ok(Found {
        names: names.collect(),
        truncated,
        left_out,
    })
}

fn is_hidden(entry: &fs::DirEntry, hidden: bool) -> bool {
    !hidden && entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Links are followed: what they lead to is shown in their place.
fn is_directory(entry: &fs::DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    }
}

fn has_directories(directory: &FilePath, hidden: bool) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return false;
    };
    entries
        .take(LOOKED_AT)
        .filter_map(Result::ok)
        .any(|entry| !is_hidden(&entry, hidden) && is_directory(&entry))
}

fn refusal(error: &io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ApiError::new(
            StatusCode::FORBIDDEN,
            "this directory may not be listed by the user that the server runs as",
        )
        .hinted("Choose another one."),
        io::ErrorKind::NotADirectory => ApiError::not_found("this is no directory"),
        _ => ApiError::not_found("there is no such directory"),
    }
}

/// Repositories below `home`, two levels deep, found within `budget`; those last changed first.
pub(super) fn repositories(home: &FilePath, budget: Duration, most: usize) -> Vec<PathBuf> {
    let deadline = Instant::now() + budget;
    let mut found: BinaryHeap<Reverse<(std::time::SystemTime, PathBuf)>> = BinaryHeap::new();
    let mut to_visit = vec![(home.to_owned(), 0)];
    while let Some((directory, depth)) = to_visit.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            if Instant::now() >= deadline {
                return newest(found);
            }
            let is_plain = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_plain || is_hidden(&entry, false) || entry.file_name() == "node_modules" {
                continue;
            }
            let path = entry.path();
            if let Ok(metadata) = path.join(".git").symlink_metadata() {
                let changed = metadata.modified().unwrap_or(std::time::UNIX_EPOCH);
                found.push(Reverse((changed, path)));
                if found.len() > most {
                    found.pop();
                }
            } else if depth == 0 {
                to_visit.push((path, 1));
            }
        }
    }
    newest(found)
}

fn newest(found: BinaryHeap<Reverse<(std::time::SystemTime, PathBuf)>>) -> Vec<PathBuf> {
    let sorted = found.into_sorted_vec().into_iter();
    sorted.map(|Reverse((_, path))| path).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn only_directories_are_listed_and_links_to_them() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b", "A", ".hidden", "a/inside"] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        fs::File::create(root.path().join("file")).unwrap();
        std::os::unix::fs::symlink("b", root.path().join("link")).unwrap();
        std::os::unix::fs::symlink("file", root.path().join("to-file")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("broken")).unwrap();
        fs::create_dir(root.path().join(OsStr::from_bytes(b"odd\xff"))).unwrap();
        fs::create_dir(root.path().join("<i>\"\n'")).unwrap();
        let found = listing(root.path(), false).unwrap();
        let names: Vec<&str> = found.dirs.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["<i>\"\n'", "A", "a", "b", "link"]);
        assert_eq!(found.left_out, 1);
        let with_children: Vec<bool> = found.dirs.iter().map(|entry| entry.has_children).collect();
        assert_eq!(with_children, [false, false, true, false, false]);
        let through_link = listing(&root.path().join("link"), false).unwrap();
        assert!(through_link.current.ends_with("/b"));
        let hidden = listing(root.path(), true).unwrap();
        assert!(hidden.dirs.iter().any(|entry| entry.name == ".hidden"));
    }

    #[test]
    fn a_crowded_directory_is_cut_at_the_first_names() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..MOST + 50 {
            fs::create_dir(root.path().join(format!("d{number:05}"))).unwrap();
        }
        let found = find(root.path(), false).unwrap();
        assert!(found.truncated);
        assert_eq!(found.names.len(), MOST);
        assert_eq!(found.names[MOST - 1], format!("d{:05}", MOST - 1));
    }

    #[test]
    fn what_is_no_directory_is_said() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::File::create(&file).unwrap();
        for path in [root.path().join("missing"), file] {
            assert_eq!(listing(&path, false).map(drop).unwrap_err().status, 404);
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(refusal(&denied).status, 403);
    }

    #[test]
    fn repositories_are_found_two_levels_deep() {
        let home = tempfile::tempdir().unwrap();
        for name in [
            "one/.git",
            "group/two/.git",
            "a/b/three/.git",
            "node_modules/x/.git",
            ".x/.git",
        ] {
            fs::create_dir_all(home.path().join(name)).unwrap();
        }
        let mut found = repositories(home.path(), Duration::from_secs(60), 10);
        found.sort();
        assert_eq!(
            found,
            [home.path().join("group/two"), home.path().join("one")]
        );
        assert!(repositories(home.path(), Duration::ZERO, 10).is_empty());
    }
}
