//! One line of the config file.

use std::ops::Range;

use super::Key;

/// What means something to a shell in a value without quotes.
const SPECIAL: &[u8] = b"$`\\\"'|&;<>()*?[]{}!~";

/// An assignment to a key of ours.
pub(super) struct Assignment {
    pub(super) key: Key,
    /// Where the value is in the line, with its quotes.
    pub(super) range: Range<usize>,
    /// The value without its quotes.
    pub(super) value: String,
}

/// The assignment that `line` is; `None` for all that is not ours.
///
/// # Errors
/// If it begins as one of ours and goes on otherwise: a shell would do something else there than
/// we, or something at all.
pub(super) fn read(line: &[u8]) -> Result<Option<Assignment>, String> {
    let line = line.trim_ascii_end();
    let mut start = after_blanks(line, 0);
    if let Some(rest) = line[start..].strip_prefix(b"export")
        && rest.first().is_some_and(is_blank)
    {
        start = after_blanks(line, start + b"export".len());
    }
    let length = line[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let name = &line[start..start + length];
    let Some(key) = Key::ALL
        .into_iter()
        .find(|key| key.name().as_bytes() == name)
    else {
        return Ok(None);
    };
    let equals = start + length;
    if line.get(equals) != Some(&b'=') {
        return Err(format!(
            "write {0}=VALUE, without a space after {0}",
            key.name()
        ));
    }
    let begin = equals + 1;
    let end = end_of_value(line, begin).map_err(|problem| format!("{}: {problem}", key.name()))?;
    let raw = &line[begin..end];
    let quotes = usize::from(matches!(raw.first(), Some(b'"' | b'\'')));
    let value = str::from_utf8(&raw[quotes..raw.len() - quotes])
        .map_err(|_| format!("the value of {} is not UTF-8", key.name()))?;
    Ok(Some(Assignment {
        key,
        range: begin..end,
        value: value.to_owned(),
    }))
}

/// Where the value that begins at `begin` ends; behind it there is nothing but a comment.
fn end_of_value(line: &[u8], begin: usize) -> Result<usize, &'static str> {
    let end = match line.get(begin) {
        Some(&quote @ (b'"' | b'\'')) => {
            let inner = &line[begin + 1..];
            let length = inner.iter().position(|&byte| byte == quote);
            let length = length.ok_or("the quote has no end in its line; put one there")?;
            plain(&inner[..length], b"$`\\")?;
            begin + length + 2
        }
        _ => {
            let inner = &line[begin..];
            let length = inner.iter().position(is_blank).unwrap_or(inner.len());
            plain(&inner[..length], SPECIAL)?;
            begin + length
        }
    };
    let rest = after_blanks(line, end);
    match line.get(rest) {
        None => Ok(end),
        Some(b'#') if rest > end => Ok(end),
        Some(_) if rest > end => {
            Err("put quotes around a value with spaces, and none after the `=`")
        }
        Some(_) => Err("there may be nothing right behind the closing quote"),
    }
}

fn plain(value: &[u8], special: &[u8]) -> Result<(), &'static str> {
    if value.iter().any(|byte| special.contains(byte)) {
        return Err(
            "nothing is expanded or run here; write the value itself, without `$`, backquotes, backslashes and the like",
        );
    }
    if value.iter().any(u8::is_ascii_control) {
        return Err("there is a control character in the value; take it out");
    }
    Ok(())
}

fn after_blanks(line: &[u8], from: usize) -> usize {
    let blanks = line[from..].iter().take_while(|byte| is_blank(byte));
    from + blanks.count()
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
