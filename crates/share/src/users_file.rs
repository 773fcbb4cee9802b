//! `--users-from-file` and `--password-from-file`: files of passwords, trusted only if nobody else
//! could have read or written them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use model::Secret;
use rustix::fs::OFlags;
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::ShareError;
use crate::name::{NEW_NAME_RULE, UserName};

/// Largest file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Longest password, in bytes: crypt(3) takes 511 (`CRYPT_MAX_PASSPHRASE_SIZE`), PAM as many
/// (`PAM_MAX_RESP_SIZE`).
const PASSWORD_LIMIT: usize = 500;

/// Reads lines `name:password`; `#` begins a comment line. `owner` is the uid that the file must
/// belong to: 0 but for tests.
///
/// # Errors
/// If somebody else could have read or written the file, it is a link or no regular file, or a
/// line cannot be understood. No error repeats what is in the file.
pub fn read_users_file(path: &Path, owner: u32) -> Result<Vec<(UserName, Secret)>, ShareError> {
    let bytes = read_private(path, owner)?;
    let mut users = Vec::new();
    let mut lines_of_names = BTreeMap::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        let problem =
            |what: &str| unsuitable(path, format!("cannot be used: line {number} {what}"));
        let Some((name, password)) = parse_line(line).map_err(|what| problem(&what))? else {
            continue;
        };
        if let Some(first) = lines_of_names.insert(name.clone(), number) {
            return Err(problem(&format!("has the same name as line {first}")));
        }
        users.push((name, password));
    }
    Ok(users)
}

/// Reads a password: the first line, its end left out. `owner` as in [`read_users_file`].
///
/// # Errors
/// As [`read_users_file`].
pub fn read_password_file(path: &Path, owner: u32) -> Result<Secret, ShareError> {
    let bytes = read_private(path, owner)?;
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let problem = |what: &str| unsuitable(path, format!("cannot be used: line 1 {what}"));
    let text = std::str::from_utf8(line).map_err(|_| problem("is not UTF-8"))?;
    let password = Secret::new(text);
    check_password(&password).map_err(|what| problem(&format!("has a password that {what}")))?;
    Ok(password)
}

/// Whether a password can be handed to `chpasswd`, which reads one line for each.
///
/// # Errors
/// What is wrong with it: a predicate, such as `is empty`. It repeats nothing of the password.
pub fn check_password(password: &Secret) -> Result<(), &'static str> {
    let text = password.expose();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > PASSWORD_LIMIT {
        return Err("has more than 500 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character, such as a tab or line break, in it");
    }
    Ok(())
}

/// The text of the line is in no error: without a `:` all of it may be a password.
fn parse_line(line: &[u8]) -> Result<Option<(UserName, Secret)>, String> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let start = line.trim_ascii_start();
    if start.is_empty() || start.starts_with(b"#") {
        return Ok(None);
    }
    let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
    let Some((name, password)) = text.split_once(':') else {
        return Err("has no `:` between name and password".to_owned());
    };
    let Ok(name) = UserName::parse(name) else {
        return Err(format!(
            "has before its `:` what cannot be a user's name: a name has {NEW_NAME_RULE}"
        ));
    };
    let password = Secret::new(password);
    check_password(&password).map_err(|what| format!("has a password that {what}"))?;
    Ok(Some((name, password)))
}

/// Looks at and reads the same open file: what stands at the path meanwhile does not matter.
fn read_private(path: &Path, owner: u32) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let file = open(path)?;
    let looked = file.metadata();
    let metadata =
        looked.map_err(|error| unsuitable(path, format!("cannot be looked at: {error}")))?;
    if !metadata.is_file() {
        return Err(unsuitable(path, "is not a regular file"));
    }
    if metadata.uid() != owner {
        let whom = if owner == 0 {
            "root".to_owned()
        } else {
            format!("uid {owner}")
        };
        let problem = format!(
            "is not owned by {whom} but by uid {}, who may have changed it; look into it, then `chown {whom}` it",
            metadata.uid()
        );
        return Err(unsuitable(path, problem));
    }
    let mode = metadata.mode() & 0o7777;
    if mode != 0o600 && mode != 0o400 {
        let problem = format!(
            "has mode {mode:04o}, so others may have read it; change the passwords in it, then `chmod 600` it"
        );
        return Err(unsuitable(path, problem));
    }
    // Room for all of it from the start: a growing buffer leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(LIMIT) as usize + 2));
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| unsuitable(path, format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err(unsuitable(path, format!("has more than {LIMIT} bytes")));
    }
    Ok(bytes)
}

/// Follows no link at the path's end, and waits for nobody at the other end of a FIFO.
fn open(path: &Path) -> Result<File, ShareError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = flags.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    opened.map_err(|error| {
        if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
            return unsuitable(path, "is a symbolic link; give the file that it points to");
        }
        unsuitable(path, format!("cannot be opened: {error}"))
    })
}

fn unsuitable(path: &Path, problem: impl Into<String>) -> ShareError {
    ShareError::UsersFile {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    fn us() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn file(directory: &tempfile::TempDir, mode: u32, bytes: &[u8]) -> PathBuf {
        let path = directory.path().join("users.txt");
        drop(fs::remove_file(&path));
        let opened = OpenOptions::new().create_new(true).write(true).open(&path);
        let mut file = opened.unwrap();
        file.write_all(bytes).unwrap();
        file.set_permissions(Permissions::from_mode(mode)).unwrap();
        path
    }

    fn users_of(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
        let directory = tempfile::tempdir().unwrap();
        let read = read_users_file(&file(&directory, 0o600, bytes), us());
        let plain =
            |(name, password): (UserName, Secret)| (name.to_string(), password.expose().to_owned());
        read.map(|users| users.into_iter().map(plain).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn lines_comments_and_passwords_with_colons_are_read() {
        let users = users_of(b"# ours\n\nusera:usera1234\r\n  # more\nuserb: a:b#c \n").unwrap();
        let expected = [("usera", "usera1234"), ("userb", " a:b#c ")];
        let expected = expected.map(|(name, password)| (name.to_owned(), password.to_owned()));
        assert_eq!(users, expected);
        assert_eq!(users_of(b"").unwrap(), []);
        assert_eq!(
            users_of("usera:pässwörd".as_bytes()).unwrap()[0].1,
            "pässwörd"
        );
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_nothing_of_it_is_repeated() {
        for (bytes, what) in [
            (&b"# x\nHUNTER2\n"[..], "line 2 has no `:`"),
            (b"HUNTER2:x\n", "line 1 has before its `:`"),
            (b"usera:\n", "line 1 has a password that is empty"),
            (b"usera:HUNTER2\tx\n", "control character"),
            (b"usera:HUNTER2\x00\n", "control character"),
            (b"usera:HUNTER2\r\r\n", "control character"),
            ("usera:HUNTER2\u{85}x".as_bytes(), "control character"),
            (b"usera:HUNTER2\xff\n", "line 1 is not UTF-8"),
            (
                b"a:HUNTER2\nb:y\na:HUNTER2\n",
                "line 3 has the same name as line 1",
            ),
        ] {
            let error = users_of(bytes).unwrap_err();
            assert!(error.contains(what), "{error}");
            assert!(!error.contains("HUNTER2"), "{error}");
        }
        let long = format!("usera:{}\n", "HUNTER2".repeat(100));
        assert!(users_of(long.as_bytes()).unwrap_err().contains("500 bytes"));
    }

    #[test]
    fn a_file_that_others_could_read_or_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o640, 0o660, 0o604, 0o601, 0o700, 0o4600, 0o1600] {
            let error = read_users_file(&file(&directory, mode, b"usera:x\n"), us()).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{mode:o}: {error}");
        }
        let read_only = file(&directory, 0o400, b"usera:x\n");
        assert_eq!(read_users_file(&read_only, us()).unwrap().len(), 1);
        let error = read_users_file(&read_only, us() + 1).unwrap_err();
        assert!(error.to_string().contains("is not owned by"), "{error}");
    }

    #[test]
    fn links_fifos_directories_and_giants_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        symlink(file(&directory, 0o600, b"usera:x\n"), at("link")).unwrap();
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), kind, 0o600.into(), 0).unwrap();
        fs::create_dir(at("directory")).unwrap();
        let giant = File::create(at("giant")).unwrap();
        giant.set_len(LIMIT + 1).unwrap();
        giant
            .set_permissions(Permissions::from_mode(0o600))
            .unwrap();
        for (name, problem) in [
            ("link", "symbolic link"),
            ("fifo", "not a regular file"),
            ("directory", "not a regular file"),
            ("giant", "more than"),
            ("nothing", "cannot be opened"),
        ] {
            let error = read_users_file(&at(name), us()).unwrap_err().to_string();
            assert!(error.contains(problem), "{name}: {error}");
        }
    }

    #[test]
    fn a_password_file_is_its_first_line() {
        let directory = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8], mode| read_password_file(&file(&directory, mode, bytes), us());
        for bytes in [&b"#a: b"[..], b"#a: b\n", b"#a: b\r\nmore\n"] {
            assert_eq!(read(bytes, 0o600).unwrap().expose(), "#a: b");
        }
        for bytes in [&b""[..], b"\n", b"a\tb\n", b"\xff\n"] {
            assert!(read(bytes, 0o600).is_err(), "{bytes:?}");
        }
        assert!(read(b"x\n", 0o644).is_err());
    }
}
