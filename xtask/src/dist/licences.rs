//! `THIRD-PARTY-LICENSES`: whose work is in the programs, and on which terms.
//!
//! Read from `cargo metadata` and from the sources that cargo has unpacked, so that no other tool is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::linkage::Linkage;
use crate::Result;
use crate::process::must;
use crate::workspace::Workspace;

/// How the names of files with licences start, in capital letters.
const NAMES: [&str; 6] = [
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "UNLICENSE",
];

/// Directories of a crate that are not in the programs.
const UNUSED: [&str; 4] = ["benches", "examples", "tests", "fuzz"];

const HEAD: &str = "\
The programs claude-accounts, claude-share and cs have the work of others in them.
First what that is, then the texts of the licences, each with what it came with.
Where a package came without a text, its licence is the one named in the list; its source has the notices.
";

/// Somebody's work in the programs.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    name: String,
    version: String,
    /// An SPDX expression.
    licence: String,
    /// Where its source is; for a package without a text, with its authors.
    origin: String,
    /// The texts of its licences.
    texts: Vec<String>,
}

/// The whole file, for programs that are linked so.
pub(super) fn text(workspace: &Workspace, linkage: &Linkage) -> Result<String> {
    let mut works = crates(workspace, linkage)?;
    works.push(standard_library()?);
    works.extend(page(&workspace.root.join("web/vendor"))?);
    if let Linkage::StaticGlibc(_) = linkage {
        works.push(c_library()?);
    }
    works.sort();
    Ok(render(&works))
}

fn render(works: &[Work]) -> String {
    let mut file = format!("{HEAD}\n");
    let mut texts: BTreeMap<String, (&str, Vec<String>)> = BTreeMap::new();
    for work in works {
        let Work {
            name,
            version,
            licence,
            origin,
            ..
        } = work;
        writeln!(file, "{name} {version}: {licence}\n    {origin}").expect("a string takes all");
        for text in &work.texts {
            // The same text wrapped or indented in another way is the same text.
            let key = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let (_, users) = texts.entry(key).or_insert((text, Vec::new()));
            users.push(format!("{name} {version}"));
        }
    }
    let mut texts: Vec<_> = texts.into_values().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (text, mut users) in texts {
        users.dedup();
        let line = "=".repeat(100);
        let users = users.join(", ");
        write!(file, "\n{line}\n{users}\n{line}\n\n{}\n", text.trim_end()).expect("a string");
    }
    file
}

/// The crates that are linked, but for the workspace's own.
fn crates(workspace: &Workspace, linkage: &Linkage) -> Result<Vec<Work>> {
    let mut cargo = workspace.cargo(&["metadata", "--format-version", "1", "--locked"]);
    if let Some(target) = linkage.target() {
        cargo.args(["--filter-platform", target]);
    }
    let metadata: Value = serde_json::from_slice(&must(&mut cargo)?)?;
    let linked = linked(&metadata).ok_or("cargo metadata is not as expected")?;
    let mut works = Vec::new();
    for package in linked {
        works.push(of_crate(package)?);
    }
    Ok(works)
}

/// What the crate `cli` depends on, directly or not; neither for its build nor for its tests, and without macros, which
/// run in the compiler.
fn linked(metadata: &Value) -> Option<Vec<&Value>> {
    let by_id = |list: &'_ Value| -> Option<BTreeMap<String, usize>> {
        let list = list.as_array()?.iter().enumerate();
        list.map(|(index, entry)| Some((entry["id"].as_str()?.to_owned(), index)))
            .collect()
    };
    let (packages, nodes) = (&metadata["packages"], &metadata["resolve"]["nodes"]);
    let (package_of, node_of) = (by_id(packages)?, by_id(nodes)?);
    let first = packages.as_array()?.iter().find(|p| p["name"] == "cli")?;
    let mut waiting = vec![first["id"].as_str()?];
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(id) = waiting.pop() {
        let package = &packages[package_of.get(id)?];
        if !seen.insert(id) || is_macro(package) {
            continue;
        }
        if !package["source"].is_null() {
            found.push(package);
        }
        for dependency in nodes[node_of.get(id)?]["deps"].as_array()? {
            let mut kinds = dependency["dep_kinds"].as_array()?.iter();
            if kinds.any(|kind| kind["kind"].is_null()) {
                waiting.push(dependency["pkg"].as_str()?);
            }
        }
    }
    Some(found)
}

fn is_macro(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets.flat_map(|target| target["kind"].as_array().into_iter().flatten());
    kinds.any(|kind| kind == "proc-macro")
}

fn of_crate(package: &Value) -> Result<Work> {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let manifest = PathBuf::from(text("manifest_path"));
    let directory = manifest.parent().ok_or("a manifest has a directory")?;
    let mut files = BTreeSet::new();
    collect(directory, &mut files)?;
    if let Some(file) = package["license_file"].as_str() {
        files.insert(directory.join(file));
    }
    let texts = read(files)?;
    let mut origin = text("repository");
    let authors = package["authors"].as_array().into_iter().flatten();
    let authors: Vec<&str> = authors.filter_map(Value::as_str).collect();
    if texts.is_empty() && !authors.is_empty() {
        origin = format!("{origin} ({})", authors.join(", "));
    }
    let licence = match text("license") {
        none if none.is_empty() => "see its text".to_owned(),
        expression => expression,
    };
    Ok(Work {
        name: text("name"),
        version: text("version"),
        licence,
        origin,
        texts,
    })
}

/// The files with licences below `directory`, those of other people's code in it included.
fn collect(directory: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    let explain = |error| format!("{}: {error}", directory.display());
    for entry in std::fs::read_dir(directory).map_err(explain)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !UNUSED.contains(&name.as_str()) {
                collect(&entry.path(), files)?;
            }
        } else if is_licence(&name) {
            files.insert(entry.path());
        }
    }
    Ok(())
}

fn is_licence(name: &str) -> bool {
    let name = name.to_uppercase();
    NAMES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".RS")
}

fn read(files: impl IntoIterator<Item = PathBuf>) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(texts)
}

/// What of `files` is there.
fn read_if_there(files: &[PathBuf]) -> Result<Vec<String>> {
    read(files.iter().filter(|file| file.is_file()).cloned())
}

fn standard_library() -> Result<Work> {
    let rustc = |arguments: &[&str]| -> Result<String> {
        let output = must(Command::new("rustc").args(arguments))?;
        Ok(String::from_utf8(output)?.trim().to_owned())
    };
    let texts = Path::new(&rustc(&["--print", "sysroot"])?).join("share/doc/rust/licenses");
    let version = rustc(&["--version"])?;
    Ok(Work {
        name: "Rust standard library".to_owned(),
        version: version.split(' ').nth(1).unwrap_or_default().to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        origin: "https://github.com/rust-lang/rust (The Rust Project contributors)".to_owned(),
        texts: read_if_there(&["MIT.txt", "Apache-2.0.txt"].map(|file| texts.join(file)))?,
    })
}

/// The C library in programs that are linked with it statically. Its licence asks that they can be linked anew with a
/// changed one: this repository and `cargo xtask dist` are what does that.
fn c_library() -> Result<Work> {
    let version = must(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let version = String::from_utf8(version)?;
    let text = PathBuf::from("/usr/share/common-licenses/LGPL-2.1");
    Ok(Work {
        name: "GNU C Library".to_owned(),
        version: version.trim().trim_start_matches("glibc ").to_owned(),
        licence: "LGPL-2.1-or-later".to_owned(),
        origin: "https://sourceware.org/glibc (linked statically; `cargo xtask dist` in the source of these programs \
                 links them with another version)"
            .to_owned(),
        texts: read_if_there(&[text])?,
    })
}

/// What the dashboard's page has in it, from the table of `VERSIONS.md`.
fn page(vendor: &Path) -> Result<Vec<Work>> {
    let table = std::fs::read_to_string(vendor.join("VERSIONS.md"))?;
    let works: Vec<Work> = table
        .lines()
        .filter_map(|line| of_row(vendor, line))
        .collect::<Result<_>>()?;
    if works.is_empty() {
        return Err("web/vendor/VERSIONS.md has no table of packages".into());
    }
    Ok(works)
}

/// A row such as `| htm | 3.1.1 | [Apache-2.0](licenses/htm.txt) | … |`.
fn of_row(vendor: &Path, line: &str) -> Option<Result<Work>> {
    let mut cells = line.split('|').skip(1).map(str::trim);
    let (name, version, link) = (cells.next()?, cells.next()?, cells.next()?);
    let (licence, file) = link
        .strip_prefix('[')?
        .strip_suffix(')')?
        .split_once("](")?;
    Some(read([vendor.join(file)]).map(|texts| Work {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        origin: format!("npm package {name}"),
        texts,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn work(name: &str, text: &str) -> Work {
        Work {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            licence: "MIT".to_owned(),
            origin: format!("https://example.org/{name}"),
            texts: vec![text.to_owned()],
        }
    }

    #[test]
    fn a_text_that_several_have_is_there_once_with_all_of_them() {
        let file = render(&[
            work("one", "May be\nused.\n"),
            work("three", "Other."),
            work("two", "May be used."),
        ]);
        assert!(file.contains("one 1.0: MIT\n    https://example.org/one\n"));
        assert_eq!(file.matches("used.").count(), 1, "{file}");
        assert!(file.contains("\none 1.0, two 1.0\n"), "{file}");
        assert!(file.contains("\nthree 1.0\n"), "{file}");
    }

    #[test]
    fn what_is_linked_is_found_without_tests_builds_and_macros() {
        let package = |name: &str, source: Value, kind: &str| json!({"id": name, "name": name, "source": source, "targets": [{"kind": [kind]}]});
        let dependency =
            |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("cli", Value::Null, "bin"),
                package("used", json!("registry"), "lib"),
                package("under", json!("registry"), "lib"),
                package("for_tests", json!("registry"), "lib"),
                package("macros", json!("registry"), "proc-macro"),
            ],
            "resolve": {"nodes": [
                {"id": "cli", "deps": [
                    dependency("used", Value::Null), dependency("macros", Value::Null),
                    dependency("for_tests", json!("dev")),
                ]},
                {"id": "used", "deps": [dependency("under", Value::Null)]},
                {"id": "under", "deps": [dependency("for_tests", json!("build"))]},
                {"id": "for_tests", "deps": []},
                {"id": "macros", "deps": []},
            ]},
        });
        let mut names: Vec<_> = linked(&metadata)
            .unwrap()
            .into_iter()
            .map(|package| package["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["under", "used"]);
    }

    #[test]
    fn licences_are_known_by_their_names() {
        for name in ["LICENSE-MIT", "license.txt", "COPYING", "UNLICENSE"] {
            assert!(is_licence(name), "{name}");
        }
        for name in ["license.rs", "README.md"] {
            assert!(!is_licence(name), "{name}");
        }
    }
}
