//! Which session is meant.

use std::path::{Path, PathBuf};

use crate::error::{CliError, Kind};

/// A session that could be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// What it publishes, by whole paths without links.
    pub(crate) directories: Vec<PathBuf>,
    /// Milliseconds since 1970.
    pub(crate) started_at: i64,
}

/// What is meant where several sessions run and none of them has to do with the current directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// The one that was started last.
    Newest,
    /// None: for what cannot be taken back.
    Ask,
}

/// The place in `candidates` of the one that is meant: by its name, or by the current directory `here`.
///
/// # Errors
/// If there is none, or if it could be several.
pub(crate) fn chosen(
    candidates: &[Candidate],
    name: Option<&str>,
    here: Option<&Path>,
    otherwise: Otherwise,
) -> Result<usize, CliError> {
    if let Some(name) = name {
        let found = candidates.iter().position(|known| known.name == name);
        return found.ok_or_else(|| no_such(name, candidates));
    }
    let depths: Vec<usize> = candidates.iter().map(|known| depth(known, here)).collect();
    let deepest = depths.iter().max().copied().unwrap_or(0);
    let nearest: Vec<usize> = (0..candidates.len())
        .filter(|&place| depths[place] == deepest)
        .collect();
    match (nearest.as_slice(), otherwise) {
        ([], _) => Err(none_runs()),
        ([only], _) => Ok(*only),
        (all, Otherwise::Newest) if deepest == 0 => {
            let newest = all
                .iter()
                .max_by_key(|&&place| candidates[place].started_at);
            newest.copied().ok_or_else(none_runs)
        }
        (all, _) => Err(ambiguous(all.iter().map(|&place| &candidates[place]))),
    }
}

/// How long the path is of the directory of `candidate` that `here` is in; 0 if it is in none.
fn depth(candidate: &Candidate, here: Option<&Path>) -> usize {
    let containing = candidate
        .directories
        .iter()
        .filter(|directory| here.is_some_and(|here| here.starts_with(directory)));
    let depths = containing.map(|directory| directory.components().count());
    depths.max().unwrap_or(0)
}

pub(crate) fn none_runs() -> CliError {
    CliError::new(
        Kind::NotFound,
        "no live session is running",
        "Start one in your project: cs live",
    )
}

fn no_such(name: &str, candidates: &[Candidate]) -> CliError {
    if candidates.is_empty() {
        return none_runs();
    }
    CliError::new(
        Kind::NotFound,
        format!("there is no live session {name:?}"),
        format!("There is: {}", names(candidates.iter())),
    )
}

fn ambiguous<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> CliError {
    CliError::new(
        Kind::Conflict,
        "several live sessions could be meant",
        format!("Name one of them: {}", names(candidates)),
    )
}

fn names<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> String {
    let names: Vec<&str> = candidates.map(|known| known.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate> {
        let of = |name: &str, directories: &[&str], started_at| Candidate {
            name: name.to_owned(),
            directories: directories.iter().map(PathBuf::from).collect(),
            started_at,
        };
        vec![
            of("work-1", &["/home/a/work", "/data"], 2),
            of("inner-1", &["/home/a/work/inner"], 1),
            of("twin-1", &["/twin", "/data"], 3),
        ]
    }

    fn here(path: &str, otherwise: Otherwise) -> Result<usize, CliError> {
        chosen(&candidates(), None, Some(Path::new(path)), otherwise)
    }

    #[test]
    fn the_current_directory_says_which_one() {
        for otherwise in [Otherwise::Newest, Otherwise::Ask] {
            assert_eq!(here("/home/a/work/src", otherwise).unwrap(), 0);
            assert_eq!(here("/home/a/work/inner/x", otherwise).unwrap(), 1);
            assert_eq!(here("/twin", otherwise).unwrap(), 2);
        }
        // A name that only begins alike is another directory.
        assert_eq!(here("/twins", Otherwise::Newest).unwrap(), 2);
    }

    #[test]
    fn elsewhere_it_is_the_newest_or_has_to_be_said() {
        assert_eq!(here("/", Otherwise::Newest).unwrap(), 2);
        let asked = here("/", Otherwise::Ask).unwrap_err();
        assert_eq!(asked.kind, Kind::Conflict);
        assert!(asked.hint.ends_with("work-1, inner-1, twin-1"), "{asked:?}");
        let one = &candidates()[..1];
        assert_eq!(chosen(one, None, None, Otherwise::Ask).unwrap(), 0);
    }

    #[test]
    fn two_that_publish_the_same_are_not_chosen_between() {
        let error = here("/data/x", Otherwise::Newest).unwrap_err();
        assert!(error.hint.ends_with("work-1, twin-1"), "{error:?}");
    }

    #[test]
    fn a_name_is_a_name() {
        let named = |name| {
            chosen(
                &candidates(),
                Some(name),
                Some(Path::new("/twin")),
                Otherwise::Ask,
            )
        };
        assert_eq!(named("inner-1").unwrap(), 1);
        assert_eq!(named("inner").unwrap_err().kind, Kind::NotFound);
        let none = chosen(&[], Some("x"), None, Otherwise::Newest).unwrap_err();
        assert!(none.hint.contains("cs live"));
    }
}
