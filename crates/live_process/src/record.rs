//! What is written down of a session on the laptop, and passed to its daemon.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use connection::ssh::Ssh;
use data_encoding::HEXLOWER;
use live::SessionId;
use live::control::Adapter;
use serde::{Deserialize, Serialize};
use vault::VaultError;
use vault::durable::{self, Placing};

use crate::{Places, SessionName, text};

/// What the record is called in a session's directory.
const FILE: &str = "session.json";
/// How long it may be, in bytes.
const LONGEST: u64 = 1 << 20;
/// How much of a directory's name its name on the server has, in letters: at most 255 bytes with its number.
const LONGEST_NAME: usize = 60;
/// Of the record: the session's number is in it.
const MODE: u32 = 0o600;
/// What `ssh` is given of an environment, beside every `LC_…`.
const FOR_SSH: [&str; 9] = [
    "PATH",
    "HOME",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "DISPLAY",
    "LANG",
    "USER",
    "LOGNAME",
    "TERM",
];

/// A server, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Host, `user@host`, or a name of the user's `~/.ssh/config`.
    pub destination: String,
    /// The port, if not what ssh takes by itself.
    pub port: Option<u16>,
    /// The file of the key, if not what ssh takes by itself.
    #[serde(with = "text::maybe_path")]
    pub identity: Option<PathBuf>,
    /// `claude-share` there: its path, or as the user's `PATH` there has it. One that begins with `~/` is in the home.
    pub remote_program: String,
    /// The program `ssh` here: its path, or as `PATH` has it.
    #[serde(with = "text::path")]
    pub ssh_program: PathBuf,
}

impl Server {
    /// What runs `claude-share` there with `arguments`. The environment is what of `environment` is for ssh.
    #[must_use]
    pub fn ssh(&self, arguments: &[&str], environment: &[(OsString, OsString)]) -> Ssh {
        let mut options: Vec<OsString> = Vec::new();
        if let Some(port) = self.port {
            options.extend(["-p".into(), port.to_string().into()]);
        }
        if let Some(identity) = &self.identity {
            options.extend(["-i".into(), identity.into()]);
            // Servers end the connection after some keys that they do not know, and an agent may have many.
            options.extend(["-o".into(), "IdentitiesOnly=yes".into()]);
        }
        let arguments = arguments.iter().map(|word| quoted(word));
        let words: Vec<String> = [quoted_program(&self.remote_program)]
            .into_iter()
            .chain(arguments)
            .collect();
        Ssh {
            program: self.ssh_program.clone(),
            arguments: options,
            destination: self.destination.clone().into(),
            command: words.join(" ").into(),
            environment: for_ssh(environment),
        }
    }
}

/// What of `environment` ssh is given.
pub(crate) fn for_ssh(environment: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let is_for_ssh = |name: &OsString| {
        let name = name.to_str();
        name.is_some_and(|name| FOR_SSH.contains(&name) || name.starts_with("LC_"))
    };
    let kept = environment.iter().filter(|(name, _)| is_for_ssh(name));
    kept.cloned().collect()
}

/// As one word for a shell, whichever that is.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@%+".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The same, but that the home at its beginning is the shell's to tell.
fn quoted_program(program: &str) -> String {
    match program.strip_prefix("~/") {
        Some(rest) => format!("~/{}", quoted(rest)),
        None => quoted(program),
    }
}

/// A directory that is published from the beginning, or was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Where it is, resolved.
    #[serde(with = "text::path")]
    pub path: PathBuf,
    /// Its number in the session.
    pub root: u32,
    /// What it is called on the server.
    pub name: String,
    /// Nothing in it can be changed from the server.
    pub read_only: bool,
    /// It is what the session is for.
    pub is_main: bool,
}

impl Published {
    /// A directory with the number `root`; that with number 0 is what the session is for.
    pub(crate) fn new(path: PathBuf, root: u32, read_only: bool) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // It is a name on the server too, and one that can be typed there.
        let name: String = name
            .chars()
            .map(|letter| if letter.is_control() { '-' } else { letter })
            .take(LONGEST_NAME)
            .collect();
        let is_main = root == 0;
        Self {
            name: match is_main {
                true => name,
                false => format!("{root}-{name}"),
            },
            path,
            root,
            read_only,
            is_main,
        }
    }
}

/// How a session has commands run on the laptop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionCommands {
    /// The names that are on its list besides those of the user's settings.
    pub names: Vec<String>,
    /// Somebody here is asked before each command line that is new.
    pub ask: bool,
    /// They can write only what is published and what their tools keep, and cannot read what is private.
    pub sandbox: bool,
    /// Paths in what they output are the server's.
    pub map_output: bool,
}

/// `session.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The session's name.
    pub session: String,
    /// Its number, in hexadecimal digits.
    pub id: String,
    /// Where it is.
    pub server: Server,
    /// What is published.
    pub directories: Vec<Published>,
    /// What makes the mounts.
    #[serde(default)]
    pub adapter: Adapter,
    /// They are made when somebody on the server asks for them.
    #[serde(default)]
    pub when_asked: bool,
    /// The account that is brought along, by its name in the vault.
    #[serde(default)]
    pub account: Option<String>,
    /// How commands that are typed on the server run on this laptop; `None`: none do.
    #[serde(default)]
    pub commands: Option<SessionCommands>,
    /// When its daemon was started: milliseconds since 1970.
    pub started_at: i64,
    /// The daemon's process; 0 while it is being started.
    pub pid: u32,
}

impl Record {
    /// That of `session`; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub(crate) fn read(places: &Places, session: &SessionName) -> io::Result<Option<Self>> {
        let path = places.session(session).join(FILE);
        let Some(bytes) = durable::read_regular(&path, LONGEST).map_err(io_error)? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&bytes);
        Ok(Some(record.map_err(|error| {
            io::Error::other(format!("{}: {error}", path.display()))
        })?))
    }

    /// Writes it to the session's directory.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        let path = directory.join(FILE);
        durable::write(&path, &bytes, MODE, Placing::Replace).map_err(io_error)
    }
}

fn io_error(error: VaultError) -> io::Error {
    io::Error::other(error)
}

/// A session's number as text.
pub(crate) fn hexadecimal(id: SessionId) -> String {
    HEXLOWER.encode(&id.0)
}

/// The number that `text` says.
///
/// # Errors
/// If it says none.
pub fn session_id(text: &str) -> Result<SessionId, IdError> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| IdError)?;
    bytes.try_into().map(SessionId).map_err(|_| IdError)
}

/// That is no number of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number of a session is 32 hexadecimal digits")]
pub struct IdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_for_any_shell() {
        let mut server = Server {
            destination: "user@host".to_owned(),
            port: Some(2222),
            identity: Some("/home/u/.ssh/key".into()),
            remote_program: "claude-share".to_owned(),
            ssh_program: "ssh".into(),
        };
        let environment = ["PATH", "LC_ALL", "SECRET", "HOME", "ANTHROPIC_API_KEY"];
        let environment = environment.map(|name| (name.into(), "x".into()));
        let ssh = server.ssh(&["agent", "connect", "--session", "a-b"], &environment);
        assert_eq!(ssh.command, "claude-share agent connect --session a-b");
        let names: Vec<_> = ssh.environment.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "LC_ALL", "HOME"]);
        let only = ["-o", "IdentitiesOnly=yes"];
        let expected = [&["-p", "2222", "-i", "/home/u/.ssh/key"], &only[..]].concat();
        assert_eq!(ssh.arguments, expected);
        for (program, command) in [
            ("~/bin/claude share", "~/'bin/claude share' list"),
            ("/opt/it's;rm", r"'/opt/it'\''s;rm' list"),
            ("", "'' list"),
        ] {
            program.clone_into(&mut server.remote_program);
            assert_eq!(server.ssh(&["list"], &environment).command, command);
        }
    }

    #[test]
    fn a_number_is_32_digits() {
        let id = SessionId(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09abcdef");
        assert_eq!(session_id(&hexadecimal(id)), Ok(id));
        for text in [
            "",
            "00",
            "zz",
            &"0".repeat(31),
            &"0".repeat(34),
            &"G".repeat(32),
        ] {
            assert_eq!(session_id(text), Err(IdError));
        }
    }
}
