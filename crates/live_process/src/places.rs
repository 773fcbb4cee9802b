//! Where things of live sessions are, on either host.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::SessionName;

/// The home of the user, and the directory for what is gone with a restart.
#[derive(Clone, Debug)]
pub struct Places {
    home: PathBuf,
    runtime: PathBuf,
    /// What no server may see besides.
    private: Vec<PathBuf>,
}

impl Places {
    /// Those of the user whose `home` this is. `named` is what `XDG_RUNTIME_DIR` says, if it says anything; where that is not
    /// the user's own, or others may write there, `/run/user/UID` is taken, and a directory in `/tmp` otherwise.
    #[must_use]
    pub fn new(home: PathBuf, named: Option<&Path>) -> Self {
        let user = geteuid().as_raw();
        let usual = PathBuf::from(format!("/run/user/{user}"));
        let otherwise = format!("/tmp/claude-share-{user}");
        Self::told(home, runtime(named, &usual, otherwise.into()))
    }

    /// Those that a process was told: see [`Places::home`] and [`Places::daemons`].
    pub(crate) fn told(home: PathBuf, runtime: PathBuf) -> Self {
        Self {
            home,
            runtime,
            private: Vec::new(),
        }
    }

    /// The same, where no server may see `private` either, whole paths: what the environment names in the place of
    /// something in the home. See [`crate::refusal::check`].
    #[must_use]
    pub fn with_private(self, private: Vec<PathBuf>) -> Self {
        Self { private, ..self }
    }

    /// What no server may see besides what is so in every home.
    pub(crate) fn private(&self) -> &[PathBuf] {
        &self.private
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

    /// Where the server has what shells there need to be in a session.
    #[must_use]
    pub fn remote(&self, session: &SessionName) -> PathBuf {
        self.own().join("remote").join(session.as_str())
    }

    /// In what programs there find the commands that run on the laptop.
    pub(crate) fn programs(&self, session: &SessionName) -> PathBuf {
        self.remote(session).join("bin")
    }

    /// Puts that into `PATH`, when a shell runs it.
    pub(crate) fn path_file(&self, session: &SessionName) -> PathBuf {
        self.remote(session).join("path.sh")
    }

    /// Leads to the socket where those are answered.
    pub(crate) fn commands(&self, session: &SessionName) -> PathBuf {
        self.remote(session).join("socket")
    }

    /// What such a shell reads, while the session is mounted because somebody on the server asked for it.
    #[must_use]
    pub fn environment_file(&self, session: &SessionName) -> PathBuf {
        self.remote(session).join("env.sh")
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

    /// Where the server may have the login that a session brings along, if that is in memory.
    pub(crate) fn accounts(&self, session: &SessionName) -> [PathBuf; 2] {
        [self.agents(), shared_memory()].map(|above| above.join(format!("{session}.account")))
    }

    pub(crate) fn make_daemons(&self) -> io::Result<PathBuf> {
        self.make_runtime()?;
        Ok(self.daemons())
    }

    pub(crate) fn make_agents(&self) -> io::Result<PathBuf> {
        self.make_runtime()?;
        private_directory(&self.agents())?;
        Ok(self.agents())
    }

    fn make_runtime(&self) -> io::Result<()> {
        // In `/tmp`, anybody may have been there before.
        private_directory(&self.runtime).map_err(|error| {
            let hint = "set XDG_RUNTIME_DIR to a directory of your own, with mode 0700";
            io::Error::new(error.kind(), format!("{error}: {hint}"))
        })
    }

    /// Makes what is above the mount points of `session`.
    pub(crate) fn make_mounts(&self, session: &SessionName) -> io::Result<()> {
        self.make_own()?;
        let extras = self.extra_mounts(session);
        private_directory(&self.own().join("mounts"))?;
        private_directory(&self.own().join("extras"))?;
        private_directory(&extras)
    }

    pub(crate) fn make_remote(&self, session: &SessionName) -> io::Result<PathBuf> {
        self.make_own()?;
        private_directory(&self.own().join("remote"))?;
        private_directory(&self.remote(session))?;
        Ok(self.remote(session))
    }

    pub(crate) fn make_programs(&self, session: &SessionName) -> io::Result<PathBuf> {
        self.make_remote(session)?;
        private_directory(&self.programs(session))?;
        Ok(self.programs(session))
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
            self.own().join("remote"),
            self.own(),
            self.agents(),
            self.daemons(),
            shared_memory(),
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

/// Of this user, where every Linux has files in memory. Others may be there first: it is looked at before it is used.
fn shared_memory() -> PathBuf {
    format!("/dev/shm/claude-share-{}", geteuid().as_raw()).into()
}

/// The directory for what is gone with a restart: in the first of `named` and `usual` that is the user's alone to write, or
/// `otherwise`.
fn runtime(named: Option<&Path>, usual: &Path, otherwise: PathBuf) -> PathBuf {
    let user = geteuid().as_raw();
    let is_own = |directory: &&Path| {
        let facts = fs::metadata(directory);
        let is_own = |facts: fs::Metadata| {
            facts.is_dir() && facts.uid() == user && facts.mode() & 0o022 == 0
        };
        directory.is_absolute() && facts.is_ok_and(is_own)
    };
    let found = named.into_iter().chain([usual]).find(is_own);
    found.map_or(otherwise, |directory| directory.join("claude-share"))
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[test]
    fn what_is_gone_with_a_restart_is_where_nobody_else_writes() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let make = |name: &str, mode| {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        make("own", 0o700);
        make("seen", 0o755);
        make("usual", 0o700);
        make("open", 0o777);
        make("of the group", 0o770);
        fs::File::create(at("file")).unwrap();
        symlink("own", at("link")).unwrap();
        let runtime = |named: Option<&str>, usual: &str| {
            let named = named.map(|name| directory.path().join(name));
            let found = super::runtime(named.as_deref(), &at(usual), "/otherwise".into());
            let below = found.strip_prefix(directory.path()).unwrap_or(&found);
            below.to_str().unwrap().to_owned()
        };
        assert_eq!(runtime(Some("own"), "usual"), "own/claude-share");
        assert_eq!(runtime(Some("seen"), "usual"), "seen/claude-share");
        assert_eq!(runtime(Some("link"), "usual"), "link/claude-share");
        for odd in [
            None,
            Some("open"),
            Some("of the group"),
            Some("file"),
            Some("none"),
        ] {
            assert_eq!(runtime(odd, "usual"), "usual/claude-share", "{odd:?}");
            assert_eq!(runtime(odd, "none"), "/otherwise", "{odd:?}");
        }
        // Joined to an absolute path it stays what it says.
        let here = super::runtime(Some(Path::new(".")), &at("usual"), "/otherwise".into());
        assert_eq!(here, at("usual").join("claude-share"));
        if geteuid().is_root() {
            make("foreign", 0o700);
            chown(at("foreign"), Some(12345), Some(12345)).unwrap();
            assert_eq!(runtime(Some("foreign"), "usual"), "usual/claude-share");
            assert_eq!(runtime(None, "foreign"), "/otherwise");
        }
    }

    #[test]
    fn what_others_can_enter_is_no_place() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("runtime");
        let places = Places::told(directory.path().join("home"), at.clone());
        assert_eq!(places.make_daemons().unwrap(), at);
        assert_eq!(fs::metadata(&at).unwrap().mode() & 0o777, 0o700);
        assert_eq!(places.make_agents().unwrap(), at.join("live"));
        let refused = || {
            assert!(places.make_agents().is_err());
            places.make_daemons().unwrap_err().to_string()
        };
        fs::set_permissions(&at, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(refused().contains("its mode has to be 0700"));
        fs::set_permissions(&at, fs::Permissions::from_mode(0o700)).unwrap();
        if geteuid().is_root() {
            chown(&at, Some(12345), None).unwrap();
            let words = refused();
            assert!(words.contains("is another user's") && words.contains("XDG_RUNTIME_DIR"));
            chown(&at, Some(0), None).unwrap();
        }
        fs::rename(&at, directory.path().join("elsewhere")).unwrap();
        symlink("elsewhere", &at).unwrap();
        assert!(refused().contains("is no directory"));
    }
}
