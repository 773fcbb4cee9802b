//! Where things of live sessions are, on either host.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use rustix::process::geteuid;

/// The longest name of a session, in bytes.
const LONGEST_NAME: usize = 64;
/// How much of it the directory's name takes at most: the time follows, and what tells two of them apart.
const LONGEST_STEM: usize = LONGEST_NAME - "-20261231-235959-9999".len();

/// The home of the user, and the directory for what is gone with a restart.
#[derive(Clone, Debug)]
pub struct Places {
    home: PathBuf,
    runtime: PathBuf,
}

impl Places {
    /// Those of the user whose `home` this is. `named` is what `XDG_RUNTIME_DIR` says, if it says anything; where it is not
    /// the user's, `/run/user/UID` is taken, and a directory in `/tmp` otherwise.
    #[must_use]
    pub fn new(home: PathBuf, named: Option<&Path>) -> Self {
        let user = geteuid().as_raw();
        let usual = PathBuf::from(format!("/run/user/{user}"));
        let named = named.filter(|path| path.is_absolute()).map(Path::to_owned);
        let found = named.into_iter().chain([usual]).find(|directory| {
            let facts = fs::metadata(directory);
            facts.is_ok_and(|facts| facts.is_dir() && facts.uid() == user)
        });
        let runtime = match found {
            Some(directory) => directory.join("claude-share"),
            None => format!("/tmp/claude-share-{user}").into(),
        };
        Self { home, runtime }
    }

    /// Those that a process was told: see [`Places::home`] and [`Places::daemons`].
    pub(crate) fn told(home: PathBuf, runtime: PathBuf) -> Self {
        Self { home, runtime }
    }

    /// The user's home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What the programs keep in it.
    #[must_use]
    pub fn own(&self) -> PathBuf {
        self.home.join(".claude-share")
    }

    /// Where the laptop's sessions have a directory each.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.own().join("sessions")
    }

    /// That of one session: its record, lock and log.
    #[must_use]
    pub fn session(&self, session: &SessionName) -> PathBuf {
        self.sessions().join(session.as_str())
    }

    /// Where the server has the main directory of a session.
    #[must_use]
    pub fn main_mount(&self, session: &SessionName) -> PathBuf {
        self.own().join("mounts").join(session.as_str())
    }

    /// In what the server has the extra ones.
    #[must_use]
    pub fn extra_mounts(&self, session: &SessionName) -> PathBuf {
        self.own().join("extras").join(session.as_str())
    }

    /// Where daemons listen.
    #[must_use]
    pub fn daemons(&self) -> PathBuf {
        self.runtime.clone()
    }

    /// Where agents listen.
    #[must_use]
    pub fn agents(&self) -> PathBuf {
        self.runtime.join("live")
    }

    pub(crate) fn make_daemons(&self) -> io::Result<PathBuf> {
        private_directory(&self.runtime)?;
        Ok(self.daemons())
    }

    pub(crate) fn make_agents(&self) -> io::Result<PathBuf> {
        private_directory(&self.runtime)?;
        private_directory(&self.agents())?;
        Ok(self.agents())
    }

    /// Makes what is above the mount points of `session`.
    pub(crate) fn make_mounts(&self, session: &SessionName) -> io::Result<()> {
        self.make_own()?;
        let extras = self.extra_mounts(session);
        private_directory(&self.own().join("mounts"))?;
        private_directory(&self.own().join("extras"))?;
        private_directory(&extras)
    }

    pub(crate) fn make_sessions(&self) -> io::Result<PathBuf> {
        self.make_own()?;
        private_directory(&self.sessions())?;
        Ok(self.sessions())
    }

    /// Makes the directory of a session that is to be; an error if it is there.
    pub(crate) fn make_session(&self, session: &SessionName) -> io::Result<PathBuf> {
        let directory = self.session(session);
        DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(directory)
    }

    /// Removes the directories that sessions share, as far as nothing is in them: the last session takes them along. One
    /// that begins at that very moment may miss what it has just made, and fails.
    pub(crate) fn remove_unused(&self) {
        let shared = [
            self.sessions(),
            self.own().join("mounts"),
            self.own().join("extras"),
            self.own(),
            self.agents(),
            self.daemons(),
        ];
        for directory in shared {
            // Fails if something is in it.
            fs::remove_dir(directory).ok();
        }
    }

    /// That one may be a link, and seen by others: nothing of live sessions is in it but directories that are private.
    fn make_own(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(self.own()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes a directory that nobody else has access to, or finds one.
fn private_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let facts = fs::symlink_metadata(path)?;
    let problem = if !facts.is_dir() {
        "is no directory"
    } else if facts.uid() != geteuid().as_raw() {
        "is another user's"
    } else if facts.mode() & 0o077 != 0 {
        "can be entered by others: its mode has to be 0700"
    } else {
        return Ok(());
    };
    Err(io::Error::other(format!("{} {problem}", path.display())))
}

/// What a session is called: letters, digits, `.`, `_` and `-`, the first of them no `.` or `-`, at most 64. So it is one
/// name of a file, one word for a shell, and no option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionName(String);

/// That is no name of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a session's name is made of at most 64 letters, digits, “.”, “_” and “-”, and begins with none of “.” and “-”"
)]
pub struct NameError;

impl SessionName {
    /// `name`, checked.
    ///
    /// # Errors
    /// If it is none.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let is_name = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && name.chars().all(is_plain)
            && !name.starts_with(['.', '-']);
        match is_name {
            true => Ok(Self(name.to_owned())),
            false => Err(NameError),
        }
    }

    /// That of a session for `directory` that begins at `time`, as the laptop's clock shows it.
    #[must_use]
    pub fn of(directory: &Path, time: DateTime) -> Self {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let plain: String = name
            .chars()
            .map(|character| if is_plain(character) { character } else { '-' })
            .collect();
        let stem = plain.trim_start_matches(['.', '-']);
        let stem = &stem[..stem.len().min(LONGEST_STEM)];
        let stem = if stem.is_empty() { "session" } else { stem };
        Self(format!("{stem}-{}", time.strftime("%Y%m%d-%H%M%S")))
    }

    /// The same with a number behind it, for one that is taken.
    pub(crate) fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_session_is_called_after_its_directory_and_the_time() {
        let time = date(2026, 1, 2).at(3, 4, 5, 0);
        let long = "x".repeat(200);
        for (directory, name) in [
            ("/home/a/project", "project-20260102-030405"),
            ("/home/a/my project (2)", "my-project--2--20260102-030405"),
            ("/home/a/.config", "config-20260102-030405"),
            ("/home/a/-rf", "rf-20260102-030405"),
            ("/home/a/日本", "session-20260102-030405"),
            ("/", "session-20260102-030405"),
        ] {
            let of = SessionName::of(Path::new(directory), time);
            assert_eq!(of.as_str(), name);
            assert_eq!(SessionName::new(name), Ok(of));
        }
        let of = SessionName::of(Path::new(&long), time).numbered(9999);
        assert_eq!(of.as_str().len(), LONGEST_NAME);
        assert!(SessionName::new(of.as_str()).is_ok());
    }

    #[test]
    fn nothing_else_is_a_name() {
        for name in [
            "",
            ".",
            "..",
            "-x",
            ".x",
            "a/b",
            "a b",
            "a\n",
            "ä",
            "a\0",
            &"x".repeat(65),
        ] {
            assert_eq!(SessionName::new(name), Err(NameError), "{name:?}");
        }
    }
}
