//! Which directories are not published, whoever asks.

use std::path::{Path, PathBuf};

use live::control::Failure;

use crate::Places;

/// `directory` as it is resolved, if it may be published beside `published`, which are resolved.
///
/// # Errors
/// Why not, in words: it is no directory, it is the whole of the home or more, it has the user's keys or the programs' own
/// files in it or is in them, or it overlaps with one that is published.
pub fn check(directory: &Path, published: &[PathBuf], places: &Places) -> Result<PathBuf, Failure> {
    let resolved = directory.canonicalize();
    let resolved = resolved.map_err(|error| refusal(directory, &error.to_string(), ""))?;
    let refused = |why: &str, hint: &str| Err(refusal(directory, why, hint));
    if !resolved.is_dir() {
        return refused("it is no directory", "Name the directory that it is in.");
    }
    let home = resolve(places.home());
    if home.starts_with(&resolved) {
        let why = if resolved == home {
            "it is your home directory, with your keys and everything else of yours in it"
        } else {
            "your home directory is in it, with your keys and everything else of yours"
        };
        return refused(
            why,
            "Change to the directory of one project, and publish that.",
        );
    }
    for private in [places.own(), places.home().join(".ssh")] {
        if overlap(&resolved, &resolve(&private)) {
            let why = format!(
                "it has to do with {}, which no server may see",
                private.display()
            );
            return refused(&why, "Publish a directory that is apart from it.");
        }
    }
    let other = published.iter().find(|other| overlap(&resolved, other));
    match other {
        Some(other) if *other == resolved => refused("it is published already", ""),
        Some(other) => {
            let why = format!("it overlaps with {}, which is published", other.display());
            refused(
                &why,
                "What is in a published directory is on the server already.",
            )
        }
        None => Ok(resolved),
    }
}

/// What is not there is what it says.
fn resolve(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn refusal(directory: &Path, why: &str, hint: &str) -> Failure {
    Failure {
        message: format!("{} is not published: {why}", directory.display()),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_private_is_not_published() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        for path in [
            "project/inner",
            "projects",
            ".ssh/keys",
            ".claude-share/mounts",
        ] {
            fs::create_dir_all(home.join(path)).unwrap();
        }
        fs::File::create(home.join("file")).unwrap();
        symlink(&home, directory.path().join("link")).unwrap();
        symlink(home.join("project"), home.join("shortcut")).unwrap();
        let places = Places::new(home.clone(), None);
        let published = [home.join("project")];
        let check = |path: &str| super::check(&home.join(path), &published, &places);
        for (path, words) in [
            ("", "it is your home directory"),
            ("..", "your home directory is in it"),
            ("/", "your home directory is in it"),
            ("../link", "it is your home directory"),
            (".ssh", "no server may see"),
            (".ssh/keys", "no server may see"),
            (".claude-share/mounts", "no server may see"),
            ("project", "it is published already"),
            ("shortcut", "it is published already"),
            ("project/inner", "it overlaps with"),
            ("file", "it is no directory"),
            ("nothing", "No such file"),
        ] {
            let refused = check(path).unwrap_err();
            assert!(
                refused.message.contains(words),
                "{path}: {}",
                refused.message
            );
        }
        assert_eq!(check("projects").unwrap(), home.join("projects"));
        let inner = [home.join("project/inner")];
        assert!(super::check(&home.join("project"), &inner, &places).is_err());
    }
}
