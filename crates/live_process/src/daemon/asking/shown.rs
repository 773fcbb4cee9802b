//! A command line as somebody can look it through: each word so that where it ends, and what is in it, is plain.

use std::path::Path;

use live_session::laptop::CommandLine;
use model::printable;

/// Name and arguments, quoted as for a shell.
pub(super) fn line(line: &CommandLine) -> String {
    let mut shown = word(line.name.as_bytes());
    for argument in &line.arguments {
        shown.push(' ');
        shown.push_str(&word(argument));
    }
    shown
}

/// A path, in letters that can be shown.
pub(super) fn path(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

fn word(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return text.into_owned();
    }
    if printable(&text) == text {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let escaped = text.replace('\\', r"\\").replace('\'', r"\'");
    format!("$'{}'", printable(&escaped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let words: [&[u8]; 7] = [
            b"--flag=a/b",
            b"",
            b"a b",
            b"it's",
            b"x\n\x1b[2J",
            br"x\n",
            "\u{202e}txt".as_bytes(),
        ];
        let shown = line(&CommandLine {
            name: "npm".to_owned(),
            arguments: words.map(bytes::Bytes::from_static).to_vec(),
            directory: "/".into(),
        });
        assert_eq!(
            shown,
            r"npm --flag=a/b '' 'a b' 'it'\''s' $'x\n\u{1b}[2J' 'x\n' $'\u{202e}txt'"
        );
    }
}
