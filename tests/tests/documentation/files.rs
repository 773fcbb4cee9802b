//! The page of files names what the programs name.

use std::fs;
use std::path::Path;

use crate::run::root;

const PAGE: &str = "docs/reference/files.md";

#[test]
fn every_file_of_the_page_is_one_of_the_programs() {
    let mut source = String::new();
    collect(&root().join("crates"), &mut source);
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter_map(last_name)
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let unknown: Vec<&&str> = names
        .iter()
        .filter(|name| !source.contains(**name))
        .collect();
    assert!(
        unknown.is_empty(),
        "{PAGE} names what no program does: {unknown:?}"
    );
}

/// The last part of a path that is no placeholder, without what a placeholder begins or ends.
fn last_name(path: &str) -> Option<&str> {
    let is_placeholder = |part: &&str| {
        part.chars()
            .all(|letter| letter.is_ascii_uppercase() || letter == '$' || letter == '_')
    };
    let part = path
        .split('/')
        .rfind(|part| !part.is_empty() && !is_placeholder(part))?;
    Some(
        part.trim_start_matches("NAME.")
            .trim_end_matches("YYYYMMDD-HHMMSS"),
    )
}

fn collect(directory: &Path, source: &mut String) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, source);
        } else if path.extension().is_some_and(|end| end == "rs") {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
