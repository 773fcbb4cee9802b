//! Where a session starts.

use std::path::{Path, PathBuf};

use crate::error::ApiError;

/// The directory that is meant, links resolved. Nothing and `~` are the home.
///
/// # Errors
/// 400 if it is not absolute, or no directory that this user may look into.
pub(super) fn find(asked: &str, home: &Path) -> Result<PathBuf, ApiError> {
    let path = match asked.trim() {
        "" | "~" => home.to_owned(),
        _ => match asked.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => PathBuf::from(asked),
        },
    };
    let refuse = |what: &str| {
        Err(
            ApiError::bad_request(format!("{:?} {what}", path.display()))
                .hinted("Choose a directory that exists; leave it out for the home directory."),
        )
    };
    if asked.contains('\0') || !path.is_absolute() {
        return refuse("is not an absolute path");
    }
    match path.canonicalize() {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => refuse("is no directory"),
        Err(error) => refuse(&format!("cannot be used: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_that_are_there() {
        let home = tempfile::tempdir().unwrap();
        let real = home.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("work")).unwrap();
        std::os::unix::fs::symlink(real.join("work"), real.join("link")).unwrap();
        std::fs::File::create(real.join("file")).unwrap();
        for home_itself in ["", "~", " "] {
            assert_eq!(find(home_itself, &real).unwrap(), real);
        }
        for work in ["~/work", "~/link"] {
            assert_eq!(find(work, &real).unwrap(), real.join("work"));
        }
        for wrong in [
            "work",
            "../work",
            "~/file",
            "~/none",
            "/proc/self/mem",
            "/a\0b",
            "~root",
        ] {
            let error = find(wrong, &real).unwrap_err();
            assert_eq!(error.status.as_u16(), 400, "{wrong}");
        }
    }
}
