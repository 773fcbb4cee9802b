//! The line of an SSH public key that goes into `authorized_keys`.

use model::printable;

use crate::ShareError;

/// What OpenSSH calls the keys that it takes today. Certificates (`…-cert-v01@openssh.com`) do not
/// go into `authorized_keys`; `ssh-dss` is no longer taken.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Longest text, in bytes: an RSA key of 16,384 bits has 2,800.
const LIMIT: usize = 16 * 1024;

/// The one line of an OpenSSH public key, as it can be put into `authorized_keys`: kind, key and
/// comment with one space between them, without options and without a line break.
///
/// # Errors
/// [`ShareError::Name`] with what the text is instead, if that can be seen. Nothing of a private
/// key is repeated.
pub fn parse_public_key(text: &str) -> Result<String, ShareError> {
    let refused =
        |problem: String| ShareError::Name(format!("this is no SSH public key: {problem}"));
    if text.contains("PRIVATE KEY") || text.starts_with("PuTTY-User-Key-File") {
        return Err(refused(
            "it is a private key, which stays with its owner; give the file whose name ends in .pub".to_owned(),
        ));
    }
    if text.len() > LIMIT {
        return Err(refused(format!("it has more than {LIMIT} bytes")));
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(refused(
            "there has to be exactly one line in it, such as ~/.ssh/id_ed25519.pub has".to_owned(),
        ));
    };
    if line.chars().any(char::is_control) {
        return Err(refused("there is a control character in it".to_owned()));
    }
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let (kind, key) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if !KINDS.contains(&kind) {
        return Err(refused(format!(
            "it begins with `{}`, not with the kind of a key ({}); options in front of it are not taken",
            printable(&kind.chars().take(40).collect::<String>()),
            KINDS.join(", ")
        )));
    }
    if !holds_key(kind, key) {
        return Err(refused(format!(
            "what follows `{kind}` is damaged or cut off; copy it again"
        )));
    }
    Ok([kind, key]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(" "))
}

/// Whether the key is what its kind says: fields of a length in four bytes and that many bytes
/// (RFC 4253, section 6.6), the first of them the kind again.
fn holds_key(kind: &str, key: &str) -> bool {
    let Some(bytes) = base64(key.as_bytes()) else {
        return false;
    };
    let mut fields = Vec::new();
    let mut rest = &bytes[..];
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((field, after)) = after.split_at_checked(length) else {
            return false;
        };
        fields.push(field);
        rest = after;
    }
    rest.is_empty() && fields.len() > 1 && fields[0] == kind.as_bytes()
}

/// RFC 4648, section 4, with the padding that OpenSSH writes.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text[..text.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for position in 0..4 {
            let digit = group.get(position).map_or(Some(0), |byte| digit(*byte))?;
            bits = bits << 6 | u32::from(digit);
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by `ssh-keygen -t ed25519`; the private half was thrown away.
    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIBHZLkFJ49BcvQDNyiYz6ZlYuUax8L7GudQgFjkBm6H6";
    const ECDSA: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJnAQLP5ATK9kWXynAIpY04RT85F+2NaUSwrprDOzWo05/x4Ib75nXYaNYl14eV3nP5VWJ/mD1tKjYVOUxX0pys=";

    #[test]
    fn a_key_comes_out_as_one_plain_line() {
        let line = format!("ssh-ed25519 {KEY}");
        for text in [
            format!("{line} me@here (laptop)\n"),
            format!("\n  ssh-ed25519   {KEY}  me@here (laptop) \r\n\n"),
        ] {
            let parsed = parse_public_key(&text).unwrap();
            assert_eq!(parsed, format!("{line} me@here (laptop)"));
        }
        assert_eq!(parse_public_key(&line).unwrap(), line);
        let line = format!("ecdsa-sha2-nistp256 {ECDSA}");
        assert_eq!(parse_public_key(&line).unwrap(), line);
    }

    #[test]
    fn all_else_is_refused_with_what_it_is() {
        let cut = &KEY[..KEY.len() - 4];
        for (text, what) in [
            (String::new(), "exactly one line"),
            (
                format!("ssh-ed25519 {KEY}\nssh-ed25519 {KEY}\n"),
                "exactly one line",
            ),
            (
                format!("command=\"id\" ssh-ed25519 {KEY}"),
                "options in front",
            ),
            (format!("no-pty,ssh-ed25519 {KEY}"), "options in front"),
            (format!("ssh-dss {KEY}"), "begins with `ssh-dss`"),
            (format!("ssh-ed25519 {KEY} a\x1b[2Jb"), "control character"),
            (format!("ssh-ed25519\t{KEY}"), "control character"),
            (format!("ssh-ed25519 {cut}"), "damaged or cut off"),
            (format!("ssh-ed25519 {KEY}AAAA"), "damaged or cut off"),
            (format!("ssh-rsa {KEY}"), "damaged or cut off"),
            (
                format!("ssh-ed25519 {}", KEY.replace('A', "!")),
                "damaged or cut off",
            ),
            ("ssh-ed25519".to_owned(), "damaged or cut off"),
            ("ssh-ed25519 ====".to_owned(), "damaged or cut off"),
            ("x".repeat(LIMIT + 1), "more than"),
        ] {
            let error = parse_public_key(&text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
            assert!(!error.contains(['\n', '\x1b']));
        }
        let private =
            "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET\n-----END OPENSSH PRIVATE KEY-----\n";
        let error = parse_public_key(private).unwrap_err().to_string();
        assert!(
            error.contains("is a private key") && !error.contains("SECRET"),
            "{error}"
        );
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10.
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
        ] {
            assert_eq!(base64(text.as_bytes()).unwrap(), bytes.as_bytes());
        }
        for text in ["Z", "Zg", "Zg=", "Z===", "Z=g=", "Zm 9"] {
            assert_eq!(base64(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_one_line_and_stays_the_same(text in "(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]{0,80}|[ -~\n]{0,40}",
            comment in "[ -~\n\t\u{80}é]{0,20}") {
            for text in [text, format!("ssh-ed25519 {KEY} {comment}")] {
                if let Ok(line) = parse_public_key(&text) {
                    prop_assert!(!line.contains(char::is_control));
                    prop_assert_eq!(parse_public_key(&line).unwrap(), line);
                }
            }
        }
    }
}
