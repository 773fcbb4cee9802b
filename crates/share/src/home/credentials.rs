//! `.claude/.credentials.json`: a view, a link, or a login of the user's own, which stays.

use std::path::Path;

use model::{CredentialDocument, DOCUMENT_LIMIT, DocumentError};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::directory::{Directory, Entry, Fate, New, Replaced};
use super::links::not_the_link;
use super::wish::{Condition, CredentialsWish, Mended};

/// Its name in `.claude`.
pub(super) const NAME: &str = ".credentials.json";

/// Which logins of the user's own may be replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reclaim {
    pub(super) any: bool,
    /// SHA-256, in hexadecimal.
    pub(super) exactly: Option<String>,
}

/// Whose file it is, and what in it is ours.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) directory: &'a Directory,
    pub(super) uid: u32,
    /// Links into it are ours.
    pub(super) shared_directory: &'a Path,
    /// For the names of backups.
    pub(super) stamp: &'a str,
}

impl Reclaim {
    fn covers(&self, login: &[u8]) -> bool {
        self.any || self.exactly.as_deref() == Some(&fingerprint(login))
    }
}

/// What the file holds.
enum Content {
    /// A document without refresh token: a view, of this login or of an earlier one.
    View(CredentialDocument),
    /// A login that can be renewed.
    Login,
    /// What the client leaves of a login that it lost, or nothing at all.
    Blank,
    Unusable,
}

/// The SHA-256 of a credential file, in hexadecimal.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How the file is, and the login of the user's own in it, if there is one.
pub(super) fn look(
    directory: &Directory,
    uid: u32,
    wish: &CredentialsWish,
) -> (Condition, Option<String>) {
    let entry = match directory.entry(NAME) {
        Ok(entry) => entry,
        Err(error) => return (Condition::Wrong(error.to_string()), None),
    };
    let bytes = read(directory, NAME);
    let content = content(bytes.as_ref());
    if matches!(content, Content::Login) && is_his(&entry, uid) {
        let login = bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        return (Condition::OwnLogin, login);
    }
    (condition(&entry, uid, &content, wish), None)
}

fn condition(entry: &Entry, uid: u32, content: &Content, wish: &CredentialsWish) -> Condition {
    let wrong = |text: &str| Condition::Wrong(text.to_owned());
    match (wish, entry) {
        (CredentialsWish::Leave, _) => Condition::NotShared,
        (CredentialsWish::Absent, Entry::Missing) => Condition::Good,
        (CredentialsWish::Absent, Entry::File(_)) => match content {
            Content::View(_) => wrong("there is still a view"),
            _ => Condition::Good,
        },
        (CredentialsWish::Absent, Entry::Link(_)) => wrong("there is still a link"),
        (CredentialsWish::Absent, _) => Condition::Good,
        (CredentialsWish::Link(target), Entry::Link(found)) if found == target => Condition::Good,
        (CredentialsWish::Link(_), entry) => not_the_link(entry),
        (CredentialsWish::View(view), Entry::File(file)) => {
            if file.owner != uid {
                return wrong("belongs to another user");
            }
            if !file.is_only_name {
                return wrong("has other names (hard links)");
            }
            match content {
                Content::View(found) if !shows(found, view) => wrong("is an earlier view"),
                Content::View(_) if file.mode & 0o177 != 0 || file.mode & 0o600 != 0o600 => {
                    Condition::Wrong(format!("has mode {:04o}", file.mode))
                }
                Content::View(_) => Condition::Good,
                Content::Blank => wrong("is blank"),
                Content::Login | Content::Unusable => wrong("is damaged"),
            }
        }
        (CredentialsWish::View(_), entry) => not_the_link(entry),
    }
}

/// Makes the file as wished. `Stays`: there is a login of the user's own by now.
pub(super) fn mend(
    place: Place<'_>,
    wish: &CredentialsWish,
    reclaim: &Reclaim,
) -> Result<Option<Mended>, String> {
    let Place {
        directory, stamp, ..
    } = place;
    let fate = |directory: &Directory, name: &str| fate(directory, name, place, reclaim);
    let replaced = match wish {
        CredentialsWish::Leave => return Ok(None),
        CredentialsWish::Absent => take_away(directory, stamp, fate),
        CredentialsWish::Link(target) => directory.replace(NAME, &New::Link(target), stamp, fate),
        CredentialsWish::View(view) => {
            let bytes = view_over(&read(directory, NAME).unwrap_or_default(), view);
            let new = New::File {
                bytes: &bytes,
                mode: 0o600,
                durable: false,
            };
            // What else is in it may have changed since it was read; then it is the only copy.
            let is_in_new = |directory: &Directory, name: &str| {
                read(directory, name).is_some_and(|there| view_over(&there, view) == bytes)
            };
            directory.replace(NAME, &new, stamp, |directory, name| {
                match fate(directory, name) {
                    Fate::Discard
                        if is_own_file(directory, name) && !is_in_new(directory, name) =>
                    {
                        Fate::PutBack
                    }
                    fate => fate,
                }
            })
        }
    };
    match replaced.map_err(|error| error.to_string())? {
        Replaced::Done(backup) => Ok(Some(Mended { backup })),
        Replaced::Stays => Ok(None),
    }
}

/// Views and blanks are disposable; a login that nobody has reclaimed stays; the rest is kept.
fn fate(directory: &Directory, name: &str, place: Place<'_>, reclaim: &Reclaim) -> Fate {
    match directory.entry(name) {
        Ok(Entry::File(file)) if file.owner == place.uid => {}
        Ok(Entry::Link(target)) if target.starts_with(place.shared_directory) => {
            return Fate::Discard;
        }
        Ok(Entry::Missing) => return Fate::Discard,
        _ => return Fate::Keep,
    }
    let bytes = read(directory, name);
    let is_covered = bytes.as_ref().is_some_and(|bytes| reclaim.covers(bytes));
    match content(bytes.as_ref()) {
        Content::View(_) | Content::Blank => Fate::Discard,
        Content::Login if reclaim.exactly.is_some() && is_covered => Fate::Discard,
        Content::Login if is_covered => Fate::Keep,
        Content::Login => Fate::PutBack,
        Content::Unusable => Fate::Keep,
    }
}

fn is_his(entry: &Entry, uid: u32) -> bool {
    matches!(entry, Entry::File(file) if file.owner == uid)
}

fn is_own_file(directory: &Directory, name: &str) -> bool {
    matches!(directory.entry(name), Ok(Entry::File(_)))
}

/// `None` if it cannot be read: then nobody knows what is in it.
fn read(directory: &Directory, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let read = directory.read_own(name, DOCUMENT_LIMIT as u64);
    read.ok().map(Zeroizing::new)
}

fn content(bytes: Option<&Zeroizing<Vec<u8>>>) -> Content {
    let Some(bytes) = bytes else {
        return Content::Unusable;
    };
    match CredentialDocument::parse(bytes) {
        Ok(document) if document.refresh_token().is_empty() => Content::View(document),
        Ok(_) => Content::Login,
        Err(DocumentError::Blanked | DocumentError::Empty) => Content::Blank,
        Err(_) => Content::Unusable,
    }
}

fn shows(found: &CredentialDocument, view: &str) -> bool {
    CredentialDocument::parse(view.as_bytes()).is_ok_and(|view| {
        found.access_token() == view.access_token() && found.expires_at() == view.expires_at()
    })
}

/// The view with whatever else the client keeps in that file (the tokens of MCP servers).
fn view_over(there: &[u8], view: &str) -> Zeroizing<Vec<u8>> {
    let there = CredentialDocument::parse_any(there);
    let view = CredentialDocument::parse(view.as_bytes());
    Zeroizing::new(match (there, view) {
        (Ok(there), Ok(view)) => there.with_login_of(&view).to_bytes(),
        (Err(_), Ok(view)) => view.to_bytes(),
        (_, Err(_)) => Vec::new(),
    })
}

/// Takes a view or link away; what else the client keeps in that file stays there.
fn take_away(
    directory: &Directory,
    stamp: &str,
    fate: impl Fn(&Directory, &str) -> Fate,
) -> std::io::Result<Replaced> {
    let staying = match content(read(directory, NAME).as_ref()) {
        Content::View(_) | Content::Blank => rest(directory, NAME),
        Content::Login | Content::Unusable => None,
    };
    let fate = |directory: &Directory, name: &str| match fate(directory, name) {
        Fate::Discard if rest(directory, name) != staying => Fate::PutBack,
        fate => fate,
    };
    match &staying {
        None => directory.remove(NAME, stamp, fate),
        Some(bytes) => {
            let new = New::File {
                bytes,
                mode: 0o600,
                durable: true,
            };
            directory.replace(NAME, &new, stamp, fate)
        }
    }
}

/// What is in a file besides a login.
fn rest(directory: &Directory, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let document = CredentialDocument::parse_any(&read(directory, name)?).ok()?;
    Some(Zeroizing::new(document.without_login()?.to_bytes()))
}

/// Whether there is a document of the client's that has never had anything of ours in it, or has no
/// more.
fn is_without_login(directory: &Directory) -> bool {
    let document = read(directory, NAME).map(|bytes| CredentialDocument::parse(&bytes));
    matches!(document, Some(Err(DocumentError::NoLogin)))
}

/// What is ours in the file is taken away; what somebody had before, or `login`, is put there.
pub(super) fn take_back(
    place: Place<'_>,
    original: Option<&str>,
    login: Option<&str>,
) -> Result<Option<Mended>, String> {
    let Place {
        directory, stamp, ..
    } = place;
    let explain = |error: std::io::Error| error.to_string();
    let nothing = Reclaim::default();
    let fate = |directory: &Directory, name: &str| fate(directory, name, place, &nothing);
    if let Some(login) = login {
        let there = CredentialDocument::parse_any(&read(directory, NAME).unwrap_or_default());
        let bytes = match (there, CredentialDocument::parse(login.as_bytes())) {
            (Ok(there), Ok(login)) => Zeroizing::new(there.with_login_of(&login).to_bytes()),
            _ => Zeroizing::new(login.as_bytes().to_vec()),
        };
        let new = New::File {
            bytes: &bytes,
            mode: 0o600,
            durable: true,
        };
        return match directory
            .replace(NAME, &new, stamp, fate)
            .map_err(explain)?
        {
            Replaced::Done(backup) => Ok(Some(Mended { backup })),
            Replaced::Stays => Ok(None),
        };
    }
    let removed = match original {
        None if is_without_login(directory) => return Ok(None),
        None => take_away(directory, stamp, fate).map_err(explain)?,
        Some(original) => {
            let fate = |directory: &Directory, name: &str| match fate(directory, name) {
                Fate::Discard if rest(directory, name).is_some() => Fate::Keep,
                fate => fate,
            };
            let removed = directory.remove(NAME, stamp, fate).map_err(explain)?;
            if let Replaced::Done(_) = removed {
                directory.restore(original, NAME).map_err(explain)?;
            }
            removed
        }
    };
    match removed {
        Replaced::Done(backup) => Ok(Some(Mended { backup })),
        Replaced::Stays => Ok(None),
    }
}
