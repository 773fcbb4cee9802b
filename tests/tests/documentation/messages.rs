//! Each message that docs/troubleshooting.md quotes is one of the programs', so that the page does not outlive them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::run::root;

const PAGE: &str = "docs/troubleshooting.md";
/// On the page, and in a message as it is read here: what differs from case to case.
const GAP: &str = "…";

#[test]
fn every_message_on_the_page_is_one_of_the_programs() {
    let mut said = BTreeSet::new();
    collect(&root().join("crates"), &mut said);
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let quoted: Vec<(usize, String)> = quoted(&page);
    assert!(quoted.len() > 100, "only {} are found", quoted.len());
    let strange = quoted.iter().filter(|(_, message)| !said.contains(message));
    let strange: Vec<String> = strange
        .map(|(line, message)| format!("{PAGE}:{line}: no program says: {message}"))
        .collect();
    assert!(strange.is_empty(), "{}", strange.join("\n"));
}

/// The first cells of tables, where they are code and nothing else; with their lines.
fn quoted(page: &str) -> Vec<(usize, String)> {
    let mut quoted = Vec::new();
    let mut in_table_of_messages = false;
    for (index, line) in page.lines().enumerate() {
        let Some(cell) = line
            .strip_prefix("| ")
            .and_then(|line| line.split(" | ").next())
        else {
            in_table_of_messages &= line.starts_with('|');
            continue;
        };
        let ticks = cell.len() - cell.trim_start_matches('`').len();
        if cell == "message" {
            in_table_of_messages = true;
        } else if in_table_of_messages && ticks > 0 {
            let message = cell[ticks..].trim_end_matches('`').trim();
            quoted.push((index + 1, message.to_owned()));
        }
    }
    quoted
}

/// Reads every source below `directory` but for tests.
fn collect(directory: &Path, said: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !matches!(&*name, "tests" | "testkit" | "benches") {
                collect(&path, said);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            let product = source.split("#[cfg(test)]\nmod tests {").next();
            let literals = literals(product.unwrap_or_default());
            said.extend(literals.iter().map(|literal| without_fields(literal)));
        }
    }
}

/// What stands between quotes, as the compiler reads it; not in comments.
fn literals(source: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let from = &rest[at..];
        let before = rest[..at].chars().next_back();
        rest = if from.starts_with("//") {
            &from[from.find('\n').unwrap_or(from.len())..]
        } else if from.starts_with('"') && matches!(before, Some('r' | '#')) {
            let hashes = rest[..at].len() - rest[..at].trim_end_matches('#').len();
            let end = format!("\"{}", "#".repeat(hashes));
            let length = from[1..].find(&end).expect("a raw literal that ends");
            literals.push(from[1..=length].to_owned());
            &from[1 + length + end.len()..]
        } else if let Some(from) = from.strip_prefix('"') {
            let (literal, after) = literal(from);
            literals.push(literal);
            after
        } else if let Some(from) = from.strip_prefix("'\\") {
            &from[from.chars().next().map_or(0, char::len_utf8)..]
        } else if let Some(after) = from.strip_prefix("'\"'") {
            after
        } else {
            &from[1..]
        };
    }
    literals
}

/// The literal whose opening quote stands before `text`, and what follows its closing one.
fn literal(text: &str) -> (String, &str) {
    let mut literal = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return (literal, rest.as_str()),
            '\\' => match rest.next() {
                Some('n') => literal.push('\n'),
                Some('\n') => rest = rest.as_str().trim_start().chars(),
                Some(escaped) => literal.push(escaped),
                None => break,
            },
            character => literal.push(character),
        }
    }
    panic!("a literal without an end: {text:.80}");
}

/// With a gap for each field of a format: `{name:?}`, which puts quotes around it, as `"…"`, and `{}` as `…`.
fn without_fields(literal: &str) -> String {
    let mut message = String::new();
    let mut rest = literal;
    while let Some(at) = rest.find(['{', '}']) {
        message.push_str(&rest[..at]);
        let from = &rest[at..];
        let doubled = from.starts_with("{{") || from.starts_with("}}");
        let field = from.find('}').filter(|_| from.starts_with('{') && !doubled);
        rest = match field {
            Some(end) if from[..end].ends_with(":?") => {
                message.push_str("\"…\"");
                &from[end + 1..]
            }
            // Two in a row are one on the page.
            Some(end) => {
                if !message.ends_with(GAP) {
                    message.push_str(GAP);
                }
                &from[end + 1..]
            }
            None => {
                message.push_str(&from[..1]);
                &from[1 + usize::from(doubled)..]
            }
        };
    }
    message.push_str(rest);
    message
}

#[test]
fn sources_are_read_as_the_compiler_does() {
    let source = "// \"no\"\nlet a = '\"'; f::<'a>(\"one {} of {name:?}\\n \\\n    {{it}}\"); r#\"a \"raw\" {a}{b}\"#; '\\''";
    let read = literals(source);
    let read: Vec<String> = read.iter().map(|literal| without_fields(literal)).collect();
    assert_eq!(read, ["one … of \"…\"\n {it}", "a \"raw\" …"]);
}
