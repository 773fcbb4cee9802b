//! Where programs on the server find the commands that run on the laptop: a directory of links to this program, which is a
//! shim under any name that is not its own, and beside it one that leads to the agent's socket.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proxy::Name;
use vault::durable;

use super::environment_file::quoted;
use super::{commands_name, environment_file};
use crate::{Places, SessionName};

/// How often directories are made that somebody else removes because they are empty yet.
const TRIES: usize = 5;
/// What a link is called before it has its name: not in the directory where it could be that of a command.
const UNFINISHED: &str = ".link";
const MODE: u32 = 0o600;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Links {
    places: Places,
    session: SessionName,
    /// What the links lead to.
    program: PathBuf,
}

impl Links {
    pub(super) fn new(places: Places, session: SessionName, program: PathBuf) -> Self {
        Self {
            places,
            session,
            program,
        }
    }

    /// Has there be links for these names, and no others; nothing at all if there are none.
    ///
    /// # Errors
    /// If the system refuses, or the laptop says a name that none can have.
    pub(super) fn set(&self, names: &[String]) -> io::Result<()> {
        let names: Result<Vec<Name>, _> = names.iter().map(|name| Name::new(name)).collect();
        let names = names.map_err(io::Error::other)?;
        if names.is_empty() {
            remove(&self.places, &self.session);
            return Ok(());
        }
        let mut tries = 1..TRIES;
        loop {
            match self.make(&names) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries.next().is_some() => {
                }
                made => return made,
            }
        }
    }

    fn make(&self, names: &[Name]) -> io::Result<()> {
        let socket = self.places.agents().join(commands_name(&self.session));
        let directory = self.places.make_programs(&self.session)?;
        self.link(&socket, &self.places.commands(&self.session))?;
        let path_file = self.places.path_file(&self.session);
        durable::replace_volatile(&path_file, &path_text(&directory), MODE)
            .map_err(io::Error::other)?;
        for name in names {
            self.link(&self.program, &directory.join(name.as_str()))?;
        }
        let wanted: BTreeSet<&OsStr> = names.iter().map(|name| name.as_str().as_ref()).collect();
        for link in links(&directory) {
            if link.file_name().is_none_or(|name| !wanted.contains(name)) {
                fs::remove_file(link)?;
            }
        }
        Ok(())
    }

    /// Makes a link, or has the one that is there lead elsewhere: there is one at any time.
    fn link(&self, target: &Path, link: &Path) -> io::Result<()> {
        if fs::read_link(link).is_ok_and(|there| there == target) {
            return Ok(());
        }
        let unfinished = self.places.remote(&self.session).join(UNFINISHED);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(target, &unfinished)?;
        fs::rename(&unfinished, link)
    }
}

/// Removes all that there is of it, and the directories as far as nothing else is in them.
pub(super) fn remove(places: &Places, session: &SessionName) {
    let remote = places.remote(session);
    for link in links(&places.programs(session)).chain(links(&remote)) {
        // Fails if somebody was faster.
        fs::remove_file(link).ok();
    }
    let path_file = places.path_file(session);
    fs::remove_file(&path_file).ok();
    durable::remove_leftovers(&path_file);
    // A shell that has read it has the directory in its PATH.
    if !places.environment_file(session).exists() {
        environment_file::remove(places, session);
    }
}

/// What has any POSIX shell find the commands first, and run what the user has named for the client.
fn path_text(directory: &Path) -> Vec<u8> {
    let directory = quoted(directory.as_os_str().as_bytes());
    let pieces: [&[u8]; 5] = [
        b"if [ -r \"${CLAUDE_SHARE_ENV_FILE:-}\" ]; then . \"$CLAUDE_SHARE_ENV_FILE\"; fi\ncase \":${PATH:-}:\" in\n:",
        &directory,
        b":*) ;;\n*) export PATH=",
        &directory,
        b"\"${PATH:+:$PATH}\" ;;\nesac\n",
    ];
    pieces.concat()
}

/// The links in a directory of ours.
fn links(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Fixture {
        places: Places,
        session: SessionName,
        links: Links,
        _home: tempfile::TempDir,
    }

    fn fixture() -> Fixture {
        let home = tempfile::tempdir().unwrap();
        let places = Places::told(home.path().to_owned(), home.path().join("run"));
        let session = SessionName::new("project-1").unwrap();
        let links = Links::new(places.clone(), session.clone(), "/opt/claude-share".into());
        Fixture {
            places,
            session,
            links,
            _home: home,
        }
    }

    impl Fixture {
        fn set(&self, names: &[&str]) -> io::Result<()> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            self.links.set(&names)
        }

        fn found(&self) -> Vec<String> {
            let entries = fs::read_dir(self.places.programs(&self.session)).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }

    #[test]
    fn links_are_as_the_laptop_says_and_leave_nothing() {
        let fixture = fixture();
        let (places, session) = (&fixture.places, &fixture.session);
        fixture.set(&[]).unwrap();
        assert!(!places.own().exists());
        let longest = "x".repeat(255);
        fixture.set(&["npm", "make", "g++", &longest]).unwrap();
        assert_eq!(fixture.found(), ["g++", "make", "npm", &longest]);
        let programs = places.programs(session);
        let leads = |link: &Path| fs::read_link(link).unwrap();
        assert_eq!(leads(&programs.join("npm")), Path::new("/opt/claude-share"));
        let socket = programs.parent().unwrap().join("socket");
        assert_eq!(leads(&socket), places.agents().join("project-1.commands"));
        for directory in [&programs, &places.remote(session)] {
            let mode = fs::metadata(directory).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        // Of a program that was somewhere else.
        fs::remove_file(programs.join("npm")).unwrap();
        symlink("/old", programs.join("npm")).unwrap();
        fixture.set(&["npm", "cargo"]).unwrap();
        assert_eq!(fixture.found(), ["cargo", "npm"]);
        assert_eq!(leads(&programs.join("npm")), Path::new("/opt/claude-share"));
        fixture.set(&[]).unwrap();
        places.remove_unused();
        assert!(!places.own().exists());
    }

    #[test]
    fn both_that_live_there_leave_each_other_alone() {
        let fixture = fixture();
        let (places, session) = (&fixture.places, &fixture.session);
        fixture.set(&["npm"]).unwrap();
        let file = environment_file::write(places, session, Path::new("/mount")).unwrap();
        environment_file::remove(places, session);
        assert_eq!(fixture.found(), ["npm"]);
        environment_file::write(places, session, Path::new("/mount")).unwrap();
        remove(places, session);
        assert!(fixture.found().is_empty() && file.exists());
        environment_file::remove(places, session);
        assert!(!places.remote(session).exists());
        // What is no link was made by somebody else.
        fixture.set(&["npm"]).unwrap();
        fs::File::create(places.programs(session).join("own")).unwrap();
        remove(places, session);
        assert_eq!(fixture.found(), ["own"]);
    }

    #[test]
    fn a_shell_that_runs_the_file_finds_them_first() {
        let fixture = fixture();
        fixture.set(&["npm"]).unwrap();
        let file = fixture.places.path_file(&fixture.session);
        let own = fixture.places.home().join("own.sh");
        durable::replace_volatile(&own, b"OWN=1 PATH=/own:$PATH\n", MODE).unwrap();
        for shell in ["sh", "bash", "zsh"] {
            if !Path::new("/bin").join(shell).exists() {
                continue;
            }
            let script = ". \"$1\"; . \"$1\"; printf '%s|%s' \"$PATH\" \"${OWN:-}\"";
            let ran = |own: &Path| {
                let mut command = std::process::Command::new(shell);
                command.args(["-euc", script, "sh"]).arg(&file).env_clear();
                command
                    .env("PATH", "/usr/bin:/bin")
                    .env("CLAUDE_SHARE_ENV_FILE", own);
                String::from_utf8(command.output().unwrap().stdout).unwrap()
            };
            let programs = fixture.places.programs(&fixture.session);
            let programs = programs.display();
            assert_eq!(
                ran(Path::new("")),
                format!("{programs}:/usr/bin:/bin|"),
                "{shell}"
            );
            assert!(
                ran(&own).starts_with(&format!("{programs}:/own:")),
                "{shell}"
            );
            assert!(ran(&own).ends_with("|1"), "{shell}");
        }
        remove(&fixture.places, &fixture.session);
        assert!(!fixture.places.remote(&fixture.session).exists());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let fixture = fixture();
        for name in ["../npm", "a/b", "", "..", "claude"] {
            fixture.set(&["make", name]).unwrap_err();
        }
        assert!(!fixture.places.own().exists());
    }
}
