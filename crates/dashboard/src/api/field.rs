//! What is wrong with one field, said without its value.

use model::printable;

use crate::error::ApiError;

/// Longest name of a field that is repeated, in characters.
const NAME_LIMIT: usize = 64;

/// The refusal for `message`, which serde has to say of the field at `path`.
pub(super) fn problem(path: &str, message: &str) -> ApiError {
    ApiError::bad_request(words(path, message))
}

fn words(path: &str, message: &str) -> String {
    // serde's sentences begin with one of these; what it found, which is the caller's, comes next.
    for (start, what) in [
        ("unknown field `", "there is no field"),
        ("missing field `", "a field is missing:"),
        ("duplicate field `", "a field is there twice:"),
    ] {
        if let Some(name) = message.strip_prefix(start).and_then(quoted) {
            return format!("{what} `{}`", shown(name));
        }
    }
    let subject = match path {
        "." | "" | "?" => "the whole".to_owned(),
        path => format!("`{}`", shown(path)),
    };
    match expectation(message) {
        Some(expected) => format!("{subject} is not what is expected there: {expected}"),
        None => format!("{subject} is not what is expected there"),
    }
}

/// The name up to the next backquote. One that holds a backquote itself is shown in part.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').next()
}

/// What serde wanted. What comes last is ours: a value that it found stands before it, and is quoted,
/// so that it cannot pass for the end of the sentence.
fn expectation(message: &str) -> Option<&str> {
    let (_, expected) = message.rsplit_once(", expected ")?;
    let expected = expected.split(" at line ").next().unwrap_or(expected);
    (!expected.is_empty()).then_some(expected)
}

fn shown(name: &str) -> String {
    let short: String = name.chars().take(NAME_LIMIT).collect();
    printable(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named_and_the_value_is_not() {
        for (path, message, expected) in [
            (
                "days",
                "invalid type: string \"FAKE, expected FAKE\", expected u16 at line 1 column 2",
                "`days` is not what is expected there: u16",
            ),
            (
                ".",
                "unknown field `nmae`, expected `name` at line 1 column 7",
                "there is no field `nmae`",
            ),
            (".", "missing field `name`", "a field is missing: `name`"),
            (
                "scope",
                "unknown variant `FAKE`, expected one of `read`, `admin`",
                "`scope` is not what is expected there: one of `read`, `admin`",
            ),
            (
                "days",
                "invalid digit found in string",
                "`days` is not what is expected there",
            ),
        ] {
            assert_eq!(words(path, message), expected);
        }
    }

    #[test]
    fn names_are_short_and_one_line() {
        let message = format!("unknown field `\n{}`", "x".repeat(10_000));
        assert!(words(".", &message).len() < 120);
        assert!(!words(".", &message).contains('\n'));
    }
}
