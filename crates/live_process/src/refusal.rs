//! Which directories are not published, whoever asks.

use std::path::{Path, PathBuf};

use live::control::Failure;

use crate::Places;

/// Where programs keep the user's keys and logins: in the home, by their documentation. In none of these is anybody's
/// project, and whoever reads them is that user elsewhere. A short list of what is most common: that a directory is not
/// named here does not mean that a server may see it.
const CREDENTIALS: [&str; 12] = [
    ".ssh",
    ".gnupg",
    ".password-store",
    ".local/share/keyrings",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".kube",
    ".docker",
    ".claude",
    ".claude-accounts",
];

/// `directory` as it is resolved, if it may be published beside `published`, which are resolved.
///
/// # Errors
/// Why not, in words: it is no directory, it is the whole of the home or more, it has the user's keys and logins or the
/// programs' own files in it or is in them, or it overlaps with one that is published.
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
    let stores = CREDENTIALS.iter().map(|store| home.join(store));
    let private = stores.chain([places.own()]);
    for private in private.chain(places.private().iter().cloned()) {
        if let Some(why) = meets(&resolved, &private) {
            let hint = "Publish the directory of one project, apart from that.";
            return refused(&format!("{why}, which no server may see"), hint);
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

/// How `directory`, which is resolved, has to do with `private`, in words.
fn meets(directory: &Path, private: &Path) -> Option<String> {
    let at = resolve(private);
    let private = private.display();
    if directory == at {
        Some(format!("it is {private}"))
    } else if directory.starts_with(&at) {
        Some(format!("it is in {private}"))
    } else if at.starts_with(directory) {
        Some(format!("{private} has its place in it"))
    } else {
        None
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
            "projects/one/.claude",
            ".ssh/keys",
            ".claude-share/mounts",
            ".claude/projects",
            ".config/editor",
            ".local/share/fonts",
            ".local/bin",
            "vault/locks",
        ] {
            fs::create_dir_all(home.join(path)).unwrap();
        }
        fs::File::create(home.join("file")).unwrap();
        symlink(&home, directory.path().join("link")).unwrap();
        symlink(home.join("project"), home.join("shortcut")).unwrap();
        symlink(home.join("elsewhere/aws"), home.join(".aws")).unwrap();
        fs::create_dir_all(home.join("elsewhere/aws")).unwrap();
        let places = Places::new(home.clone(), None).with_private(vec![home.join("vault")]);
        let published = [home.join("project")];
        let check = |path: &str| super::check(&home.join(path), &published, &places);
        for (path, words) in [
            ("", "it is your home directory"),
            ("..", "your home directory is in it"),
            ("/", "your home directory is in it"),
            ("../link", "it is your home directory"),
            (".ssh", ".ssh, which no server may see"),
            (".ssh/keys", ".ssh, which no server may see"),
            (".claude-share/mounts", "it is in "),
            (".claude", "it is "),
            (".claude/projects", ".claude, which no server may see"),
            (
                ".config",
                ".config/gcloud has its place in it, which no server may see",
            ),
            (
                ".local",
                "keyrings has its place in it, which no server may see",
            ),
            (
                ".local/share",
                "keyrings has its place in it, which no server may see",
            ),
            (".aws", ".aws, which no server may see"),
            ("elsewhere/aws", ".aws, which no server may see"),
            (
                "elsewhere",
                ".aws has its place in it, which no server may see",
            ),
            ("vault", "vault, which no server may see"),
            ("vault/locks", "it is in "),
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
        for path in [
            "projects",
            "projects/one",
            "projects/one/.claude",
            ".config/editor",
            ".local/share/fonts",
            ".local/bin",
        ] {
            assert_eq!(check(path).unwrap(), home.join(path));
        }
        let inner = [home.join("project/inner")];
        assert!(super::check(&home.join("project"), &inner, &places).is_err());
    }
}
