//! Finds what must not be published: paths of the place where something was written, and secrets that look real.

use super::report::Verdict;
use crate::Result;
use crate::workspace::Workspace;

/// A directory at the root of some machine's file system that this repository was once checked out in.
///
/// Put together from parts, as is its neighbour, so that this file has no trace of it.
const CHECKOUT: &str = concat!("/wo", "rk/");
/// A directory beside that checkout.
const BESIDE: &str = concat!("../sha", "red");
/// How the vendor's secrets start; a kind, two digits and a hyphen follow.
const SECRET: &str = "sk-ant-";
/// The kinds of secrets.
const SECRET_KINDS: [&str; 3] = ["api", "oat", "ort"];
/// What follows where a secret is made up.
const MADE_UP: &str = "FAKE";

/// Whether the repository's files are free of traces.
pub(crate) fn check(workspace: &Workspace) -> Result<Verdict> {
    let Some(files) = workspace.files()? else {
        return Ok(Verdict::Skipped("not a git work tree".to_owned()));
    };
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.starts_with(".ci")) {
        let contents = std::fs::read(workspace.root.join(file))?;
        let text = String::from_utf8_lossy(&contents);
        for (index, line) in text.lines().enumerate() {
            let found =
                trace(line).map(|found| format!("{}:{}: {found}", file.display(), index + 1));
            complaints.extend(found);
        }
    }
    Ok(Verdict::from_complaints(&complaints))
}

/// What in `line` must not be published, if anything. The line itself is not shown: it may hold a secret.
fn trace(line: &str) -> Option<&'static str> {
    if has_checkout(line) {
        Some("a path on the machine where this was written")
    } else if line.contains(BESIDE) {
        Some("a path beside the repository")
    } else if has_secret(line) {
        Some("a secret that looks real; a made-up one has FAKE after its prefix")
    } else {
        None
    }
}

/// Whether `line` has the checkout as the start of a path, and not as the end of another one's directory.
fn has_checkout(line: &str) -> bool {
    let continues_path = |letter: char| letter.is_alphanumeric() || "_-.~*})>]".contains(letter);
    line.match_indices(CHECKOUT).any(|(start, _)| {
        !line[..start]
            .chars()
            .next_back()
            .is_some_and(continues_path)
    })
}

/// Whether `line` has a secret's prefix with something after it that does not say that it is made up.
fn has_secret(line: &str) -> bool {
    let in_secret = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    line.match_indices(SECRET).any(|(start, prefix)| {
        let rest = &line.as_bytes()[start + prefix.len()..];
        let Some((kind, [first, second, b'-', body @ ..])) = rest.split_at_checked(3) else {
            return false;
        };
        SECRET_KINDS.iter().any(|known| known.as_bytes() == kind)
            && first.is_ascii_digit()
            && second.is_ascii_digit()
            && body.first().is_some_and(|byte| in_secret(*byte))
            && !body.starts_with(MADE_UP.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_checkout_are_found_and_others_are_not() {
        for before in ["", "see ", "\"", "`", "cd ", "PATH=", "file://"] {
            assert!(
                trace(&format!("{before}{CHECKOUT}main")).is_some(),
                "{before}"
            );
        }
        for before in ["~", "/home/alice", "$HOME", "{home}", "crates"] {
            assert!(
                trace(&format!("{before}{CHECKOUT}main")).is_none(),
                "{before}"
            );
        }
        assert!(trace(&format!("see {BESIDE}/notes")).is_some());
    }

    #[test]
    fn secrets_that_look_real_are_found() {
        for kind in SECRET_KINDS {
            assert!(
                trace(&format!("token = {SECRET}{kind}01-Zm9v")).is_some(),
                "{kind}"
            );
            assert!(
                trace(&format!("token = {SECRET}{kind}01-FAKE-Zm9v")).is_none(),
                "{kind}"
            );
        }
        let second = format!("{SECRET}oat01-FAKE {SECRET}oat01-Zm9v");
        assert!(trace(&second).is_some());
    }

    #[test]
    fn prefixes_and_placeholders_are_no_secrets() {
        for harmless in [
            "sk-ant-…",
            "sk-ant-oat",
            "\"sk-ant-oat01-\"",
            "sk-ant-api03-…",
            "sk-ant-oat01-{}",
            "sk-ant-",
        ] {
            assert!(trace(harmless).is_none(), "{harmless}");
        }
    }

    #[test]
    fn this_file_has_no_trace() {
        assert!(
            include_str!("traces.rs")
                .lines()
                .all(|line| trace(line).is_none())
        );
    }
}
