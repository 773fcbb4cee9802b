//! `.ssh/authorized_keys`: a line for whoever is to log in as the user.

use std::io::{self, ErrorKind};

use super::directory::{Directory, Entry, Fate, New, Replaced};

const SSH: &str = ".ssh";

const NAME: &str = "authorized_keys";

/// Largest such file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// How often a race with the user is run before he wins.
const ATTEMPTS: usize = 8;

/// Appends the line unless it is there. The file is made 0600, its directory 0700.
///
/// # Errors
/// Why it cannot be; a link in the place of either is not followed.
pub(super) fn add(home: &Directory, key: &str) -> Result<(), String> {
    let explain = |error: io::Error| format!("~/{SSH}/{NAME}: {error}");
    match home.make_subdirectory(SSH) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.map_err(explain)?,
    }
    let ssh = home.subdirectory(SSH).map_err(explain)?;
    for _attempt in 0..ATTEMPTS {
        let (before, mode) = match ssh.entry(NAME).map_err(explain)? {
            Entry::Missing => (Vec::new(), 0o600),
            Entry::File(file) => (
                ssh.read(NAME, LIMIT).map_err(explain)?,
                file.mode & 0o700 | 0o600,
            ),
            _ => return Err(format!("~/{SSH}/{NAME} is no regular file")),
        };
        let Some(after) = with(&before, key) else {
            return Ok(());
        };
        let unchanged = |ssh: &Directory, there: &str| match ssh.entry(there) {
            Ok(Entry::Missing) => Fate::Discard,
            _ if ssh.read(there, LIMIT).is_ok_and(|found| found == before) => Fate::Discard,
            _ => Fate::PutBack,
        };
        let new = New::File {
            bytes: &after,
            mode,
            durable: true,
        };
        // No backup can come of it, so its name needs no time.
        if let Replaced::Done(_) = ssh.replace(NAME, &new, "0", unchanged).map_err(explain)? {
            return Ok(());
        }
    }
    Err(format!("~/{SSH}/{NAME} keeps changing"))
}

/// The file with the line; `None` if it has it.
fn with(before: &[u8], key: &str) -> Option<Vec<u8>> {
    let key = key.trim();
    let mut lines = before.split(|&byte| byte == b'\n');
    if lines.any(|line| line.trim_ascii() == key.as_bytes()) {
        return None;
    }
    let mut after = before.to_vec();
    if !after.is_empty() && !after.ends_with(b"\n") {
        after.push(b'\n');
    }
    after.extend(key.as_bytes());
    after.push(b'\n');
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_once() {
        let once = with(b"ssh-ed25519 AAAA old", "ssh-ed25519 BBBB new\n").unwrap();
        assert_eq!(once, b"ssh-ed25519 AAAA old\nssh-ed25519 BBBB new\n");
        assert_eq!(with(&once, "ssh-ed25519 BBBB new"), None);
        assert_eq!(
            with(b"", "ssh-ed25519 BBBB").unwrap(),
            b"ssh-ed25519 BBBB\n"
        );
    }
}
