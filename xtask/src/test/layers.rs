//! Keeps the arrows between the crates pointing one way, and the pure crates pure.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::report::Verdict;
use crate::Result;
use crate::workspace::Workspace;

/// The crates from the bottom up: each may depend on those of lower levels and on none of its own.
const LEVELS: [&[&str]; 8] = [
    &["model"],
    &["vault"],
    &["renew", "terminal", "live", "proxy"],
    &[
        "launch",
        "share",
        "publish",
        "mount",
        "connection",
        "client",
        "runner",
        "shim",
    ],
    &["sshfs"],
    &["dashboard", "live_session"],
    &["live_process"],
    &["cli"],
];

/// Crates for tests: they may depend on any, and only as a development dependency does a crate depend on them.
const FOR_TESTS: [&str; 3] = ["bench", "testkit", "end-to-end"];

/// Whose tests need what of the other end: the mount's ask the confined service, as in a live session. Nothing of it is
/// in the product.
const TESTED_WITH: [(&str, &str); 1] = [("mount", "publish")];

/// The chores, which stand beside the product.
const CHORES: &str = "xtask";

/// Crates that see no socket, file, clock, environment or process.
const PURE: [&str; 3] = ["model", "live", "proxy"];

/// What a pure crate may depend on. A crate belongs here if it does no input or output by itself.
const PURE_DEPENDENCIES: [&str; 22] = [
    "argon2",
    "base64",
    "bitflags",
    "bytes",
    "fernet",
    "hex",
    "hmac",
    "itertools",
    "jiff",
    "memchr",
    "postcard",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "smallvec",
    "subtle",
    "thiserror",
    "unicode-segmentation",
    "unicode-width",
    "url",
    "zeroize",
];

/// What the source of a pure crate does not mention outside of comments.
const IMPURE: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::thread",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
];

/// Whether the workspace keeps to the layers.
pub(crate) fn check(workspace: &Workspace) -> Result<Verdict> {
    let mut complaints = misdirected(&workspace.metadata);
    for crate_name in PURE {
        let source = workspace.root.join("crates").join(crate_name).join("src");
        if source.exists() {
            complaints.extend(impure_sources(&source)?);
        }
    }
    Ok(Verdict::from_complaints(&complaints))
}

/// One dependency of a workspace crate.
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    /// It is needed by tests only.
    development: bool,
}

/// Every dependency in the metadata that the layers do not allow.
fn misdirected(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let members: Vec<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut complaints: Vec<String> = members
        .iter()
        .filter(|member| {
            level(member).is_none() && !FOR_TESTS.contains(member) && **member != CHORES
        })
        .map(|member| {
            format!("crate `{member}` has no place: give it one in xtask/src/test/layers.rs")
        })
        .collect();
    for package in packages {
        for arrow in arrows(package) {
            let allowed = if members.contains(&arrow.to) {
                may_depend(&arrow)
            } else {
                arrow.development
                    || !PURE.contains(&arrow.from)
                    || PURE_DEPENDENCIES.contains(&arrow.to)
            };
            if !allowed {
                let Arrow {
                    from,
                    to,
                    development,
                } = arrow;
                let kind = if development {
                    "development dependency"
                } else {
                    "dependency"
                };
                complaints.push(format!(
                    "`{from}` may not have `{to}` as a {kind} (see xtask/src/test/layers.rs)"
                ));
            }
        }
    }
    complaints
}

fn arrows(package: &Value) -> impl Iterator<Item = Arrow<'_>> {
    let from = package["name"].as_str().unwrap_or_default();
    let dependencies = package["dependencies"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    dependencies.iter().filter_map(move |dependency| {
        Some(Arrow {
            from,
            to: dependency["name"].as_str()?,
            development: dependency["kind"] == "dev",
        })
    })
}

/// Whether one workspace crate may depend on another.
fn may_depend(arrow: &Arrow<'_>) -> bool {
    let Arrow {
        from,
        to,
        development,
    } = *arrow;
    if from == CHORES || to == CHORES {
        return false;
    }
    if FOR_TESTS.contains(&from) {
        return to != "end-to-end";
    }
    if FOR_TESTS.contains(&to) {
        return development && to == "testkit";
    }
    level(from) > level(to) || development && TESTED_WITH.contains(&(from, to))
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|names| names.contains(&name))
}

/// Every line under `directory` that mentions what a pure crate must not see.
fn impure_sources(directory: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            complaints.extend(impure_sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path)?;
            let found = impurities(&source);
            complaints.extend(found.map(|(line, what)| {
                format!("{}:{line}: `{what}` in a pure crate", path.display())
            }));
        }
    }
    Ok(complaints)
}

/// The numbers of the lines that mention something impure, and what. A comment may name what the code does without.
fn impurities(source: &str) -> impl Iterator<Item = (usize, &'static str)> {
    source.lines().enumerate().filter_map(|(index, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let found = IMPURE.into_iter().find(|word| mentions(code, word))?;
        Some((index + 1, found))
    })
}

/// Whether `code` has `word` standing alone and not as a part of a longer name.
fn mentions(code: &str, word: &str) -> bool {
    let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        !before.is_some_and(in_name) && !after.is_some_and(in_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn complaints(from: &str, to: &str, kind: Option<&str>) -> usize {
        let member =
            |name: &str, dependencies: Value| json!({"name": name, "dependencies": dependencies});
        let dependency = json!([{"name": to, "kind": kind}]);
        let mut packages = vec![member(from, dependency)];
        let members = [
            "model",
            "vault",
            "renew",
            "launch",
            "cli",
            "testkit",
            "end-to-end",
            "xtask",
        ];
        let others = members.iter().filter(|name| **name != from);
        packages.extend(others.map(|name| member(name, json!([]))));
        misdirected(&json!({"packages": packages})).len()
    }

    #[test]
    fn arrows_that_point_down_are_allowed() {
        for (from, to) in [
            ("vault", "model"),
            ("renew", "vault"),
            ("launch", "renew"),
            ("cli", "launch"),
        ] {
            assert_eq!(complaints(from, to, None), 0, "{from} -> {to}");
            assert_eq!(complaints(to, from, None), 1, "{to} -> {from}");
            assert_eq!(
                complaints(to, from, Some("dev")),
                1,
                "{to} -> {from}, development"
            );
        }
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert_eq!(complaints("vault", "testkit", Some("dev")), 0);
        assert_eq!(complaints("vault", "testkit", None), 1);
        assert_eq!(complaints("end-to-end", "testkit", None), 0);
        assert_eq!(complaints("xtask", "model", None), 1);
    }

    #[test]
    fn the_model_takes_only_pure_crates() {
        assert_eq!(complaints("model", "serde", None), 0);
        assert_eq!(complaints("model", "rusqlite", None), 1);
        assert_eq!(complaints("model", "proptest", Some("dev")), 0);
        assert_eq!(complaints("vault", "rusqlite", None), 0);
    }

    #[test]
    fn a_crate_without_a_place_is_named() {
        assert_eq!(complaints("novelty", "model", None), 2);
    }

    #[test]
    fn impurities_are_found_in_code_and_not_in_comments() {
        let lines = |source| impurities(source).collect::<Vec<_>>();
        assert_eq!(
            lines("use std::fs;\nlet now = Instant::now();"),
            [(1, "std::fs"), (2, "Instant")]
        );
        assert_eq!(
            lines("//! knows no `SystemTime`\nlet x = 1; // not std::env\nstruct Instantly;"),
            []
        );
    }
}
