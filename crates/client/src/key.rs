//! The key that opens servers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use vault::durable;

use crate::tools::Tools;
use crate::{ClientError, ClientPaths};

/// How the comments of our keys begin, in key files and in `authorized_keys`.
pub(crate) const COMMENT: &str = "claude-share ";

/// Largest key file that is read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind_and_key: String,
    comment: String,
}

/// A key, ready to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The file of the private half.
    pub path: PathBuf,
    /// The public half.
    pub public: PublicKey,
    /// Whether this program made it, now or earlier.
    pub is_ours: bool,
    /// Whether it was made now.
    pub is_new: bool,
}

impl PublicKey {
    /// From the one line of a `.pub` file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        let mut words = line.splitn(3, ' ');
        let (kind, key) = (words.next()?, words.next()?);
        let of_kind = |byte: u8| byte.is_ascii_alphanumeric() || b"-@.".contains(&byte);
        let of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        // A key begins with the length of its kind, of which the first bytes are zero.
        let is_key = key.starts_with("AAAA") && key.bytes().all(of_key);
        (is_key && kind.bytes().all(of_kind)).then(|| Self {
            kind_and_key: format!("{kind} {key}"),
            comment: words.next().unwrap_or_default().trim().to_owned(),
        })
    }

    /// Kind and key: what it is found by.
    #[must_use]
    pub fn kind_and_key(&self) -> &str {
        &self.kind_and_key
    }

    /// The line for `authorized_keys`. `restrict`: neither a terminal nor anything forwarded, which a live session does
    /// without.
    #[must_use]
    pub fn line(&self, hostname: &str, restrict: bool) -> String {
        let options = if restrict { "restrict " } else { "" };
        let of_name =
            |character: &char| character.is_ascii_alphanumeric() || ".-_".contains(*character);
        let hostname: String = hostname.chars().filter(of_name).collect();
        format!("{options}{} {COMMENT}{hostname}", self.kind_and_key)
    }
}

/// The key at `identity`; where none is named, our own, which is made if it is not there.
///
/// # Errors
/// If it cannot be read, made or used.
pub fn prepare(
    paths: &ClientPaths,
    tools: &Tools,
    identity: Option<&Path>,
    hostname: &str,
) -> Result<Key, ClientError> {
    let path = identity.map_or_else(|| paths.key(), Path::to_owned);
    let is_default = path == paths.key();
    if path.to_str().is_none() {
        let problem = "its path is no UTF-8, and a profile could not hold it".to_owned();
        return Err(ClientError::Key { path, problem });
    }
    let is_new = is_default && !path.exists();
    if is_new {
        make(&path, tools, hostname)?;
    }
    let public = public_half(&path, tools)?;
    Ok(Key {
        is_ours: is_default && public.comment.starts_with(COMMENT),
        path,
        public,
        is_new,
    })
}

/// It appears whole or not at all, and never in the place of another one.
fn make(path: &Path, tools: &Tools, hostname: &str) -> Result<(), ClientError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    durable::private_directory(directory)?;
    let workshop = directory.join(format!(".claude-share-{}", std::process::id()));
    durable::private_directory(&workshop)?;
    let made = make_in(&workshop, path, tools, hostname);
    // What cannot be removed is in a directory of the user's own.
    drop(fs::remove_dir_all(&workshop));
    made
}

fn make_in(workshop: &Path, path: &Path, tools: &Tools, hostname: &str) -> Result<(), ClientError> {
    let new = workshop.join("key");
    let mut command = tools.command(&tools.ssh_keygen);
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C"])
        .arg(format!("{COMMENT}{hostname}"))
        .arg("-f")
        .arg(&new);
    tools.output(command)?;
    let moved = |from: &Path, to: &Path| {
        let failed = ClientError::system(format!("make {}", to.display()));
        fs::hard_link(from, to).map_err(failed)
    };
    let public = public_path(path);
    // One without its private half is of no use to anybody.
    if public.exists() {
        let failed = ClientError::system(format!("remove {}", public.display()));
        fs::remove_file(&public).map_err(failed)?;
    }
    moved(&public_path(&new), &public)?;
    moved(&new, path)?;
    Ok(durable::sync_directory_of(path)?)
}

fn public_half(path: &Path, tools: &Tools) -> Result<PublicKey, ClientError> {
    let refused = |problem: &str| ClientError::Key {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let metadata = fs::metadata(path).map_err(|error| refused(&error.to_string()))?;
    let is_public = path.extension().is_some_and(|extension| extension == "pub");
    if !is_public && metadata.permissions().mode() & 0o077 != 0 {
        return Err(refused(
            "others can read it, and ssh refuses such a key; chmod 600 it",
        ));
    }
    let beside = if is_public {
        path.to_owned()
    } else {
        public_path(path)
    };
    let text = match fs::canonicalize(&beside) {
        Ok(file) => durable::read_regular(&file, LIMIT)?,
        Err(_) => None,
    };
    let text = match text {
        Some(text) => text,
        None => derived(path, tools).map_err(|_| {
            refused("it is no private key, or has a passphrase and no .pub file beside it")
        })?,
    };
    PublicKey::parse(&String::from_utf8_lossy(&text))
        .ok_or_else(|| refused("the file beside it that ends in .pub holds no public key"))
}

/// Whether the key can be used without anybody typing a passphrase.
#[must_use]
pub fn needs_passphrase(path: &Path, tools: &Tools) -> bool {
    derived(path, tools).is_err()
}

fn derived(path: &Path, tools: &Tools) -> Result<Vec<u8>, ClientError> {
    let mut command = tools.command(&tools.ssh_keygen);
    command.args(["-y", "-P", "", "-f"]).arg(path);
    tools.output(command)
}

/// The file of the public half.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Removes both halves.
///
/// # Errors
/// The system's; what is not there is no error.
pub fn remove(path: &Path) -> Result<(), ClientError> {
    for file in [path.to_owned(), public_path(path)] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => {
                removed.map_err(ClientError::system(format!("remove {}", file.display())))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFAKE";

    #[test]
    fn a_public_key_is_found_in_its_line() {
        let key = PublicKey::parse(&format!("\n{LINE} st@laptop two\n")).unwrap();
        assert_eq!(key.kind_and_key(), LINE);
        assert_eq!(
            key.line("my laptop\n'x", true),
            format!("restrict {LINE} claude-share mylaptopx")
        );
        assert_eq!(key.line("l", false), format!("{LINE} claude-share l"));
        for text in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 $(id)",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(PublicKey::parse(text), None, "{text:?}");
        }
    }

    fn tools() -> Tools {
        Tools {
            ssh: "ssh".into(),
            ssh_keygen: "ssh-keygen".into(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        }
    }

    #[test]
    fn a_key_is_made_once_and_is_ours() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        let first = prepare(&paths, &tools(), None, "laptop").unwrap();
        assert!(first.is_new && first.is_ours);
        let again = prepare(&paths, &tools(), None, "laptop").unwrap();
        assert!(!again.is_new && again.is_ours && again.public == first.public);
        let mode = fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = fs::read_dir(first.path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 2, "nothing is left of the making");
        assert!(!needs_passphrase(&first.path, &tools()));
    }

    #[test]
    fn a_key_that_was_named_is_used_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        let made = prepare(&paths, &tools(), None, "laptop").unwrap();
        let named = home.path().join("mine");
        fs::copy(&made.path, &named).unwrap();
        // The public half is worked out where it is not there.
        let key = prepare(&paths, &tools(), Some(&named), "laptop").unwrap();
        assert_eq!(key.public.kind_and_key(), made.public.kind_and_key());
        assert!(!key.is_ours && !key.is_new && !public_path(&named).exists());
        fs::set_permissions(&named, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = prepare(&paths, &tools(), Some(&named), "l").unwrap_err();
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
        let missing = home.path().join("none");
        assert!(prepare(&paths, &tools(), Some(&missing), "l").is_err());
    }
}
