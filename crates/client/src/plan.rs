//! From facts to what is to be done, and to what is missing: pure.

use crate::facts::{Fuse, Platform, ProgramName, RemoteProgram, ServerFacts};
use crate::packages::{self, Package};
use crate::version::Version;

/// A program of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalProgram {
    /// Which one.
    pub name: ProgramName,
    /// Where it is.
    pub path: std::path::PathBuf,
    /// What `--version` says.
    pub version: Version,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What is to become of a program on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The same one is in `~/.local/bin`.
    Same,
    /// One of the same version is installed for everybody, at this path.
    Installed(String),
    /// One of a later version is at this path: it is not replaced by an older one.
    Newer(String, Version),
    /// It is copied, in the place of this version or of what does not run.
    Copy(Option<Version>),
    /// It would not run there.
    OtherPlatform,
}

/// What is to become of `local` on a server that has `remote`.
#[must_use]
pub fn decide(
    local: &LocalProgram,
    own_platform: &Platform,
    server: &ServerFacts,
    remote: &RemoteProgram,
) -> Decision {
    let own_path = || server.own_path(local.name);
    if let Some(own) = &remote.own {
        if own.sha256.as_deref() == Some(local.sha256.as_str()) {
            return Decision::Same;
        }
        if let Some(version) = own.version.filter(|version| *version > local.version) {
            return Decision::Newer(own_path(), version);
        }
    }
    match &remote.installed {
        Some((path, Some(version))) if remote.own.is_none() && *version == local.version => {
            return Decision::Installed(path.clone());
        }
        Some((path, Some(version))) if remote.own.is_none() && *version > local.version => {
            return Decision::Newer(path.clone(), *version);
        }
        _ => {}
    }
    if own_platform.matches(&server.platform) {
        return Decision::Copy(remote.own.as_ref().and_then(|own| own.version));
    }
    // Built for that server and put there by hand: whether it is the same cannot be seen from its sum.
    match &remote.own {
        Some(own) if own.version == Some(local.version) => Decision::Same,
        _ => Decision::OtherPlatform,
    }
}

/// Where the program is on the server once a decision has been carried out; `None`: nowhere.
#[must_use]
pub fn place(decision: &Decision, name: ProgramName, server: &ServerFacts) -> Option<String> {
    match decision {
        Decision::Same | Decision::Copy(_) => Some(server.own_path(name)),
        Decision::Installed(path) | Decision::Newer(path, _) => Some(path.clone()),
        Decision::OtherPlatform => None,
    }
}

/// One thing that a server needs, or could use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub state: State,
    /// What it is, for people.
    pub text: String,
    /// What to do; empty if nothing is to be done.
    pub advice: String,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it is to be.
    Good,
    /// It is not there, and most do without.
    Optional,
    /// It is not there, and something will be missed.
    Warning,
    /// Without it there are no live sessions.
    Missing,
}

impl State {
    /// For programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Optional => "optional",
            Self::Warning => "warning",
            Self::Missing => "missing",
        }
    }
}

impl Finding {
    fn good(text: impl Into<String>) -> Self {
        Self::new(State::Good, text, "")
    }

    fn new(state: State, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            state,
            text: text.into(),
            advice: advice.into(),
        }
    }
}

/// What of the system a live session needs on the server.
#[must_use]
pub fn findings(server: &ServerFacts) -> Vec<Finding> {
    vec![
        fuse(server),
        fusermount(server),
        sshfs(server),
        client(server),
    ]
}

fn fuse(server: &ServerFacts) -> Finding {
    let sudo = if server.is_root { "" } else { "sudo " };
    match server.fuse {
        Fuse::Usable => Finding::good("FUSE: /dev/fuse can be used"),
        Fuse::Refused => Finding::new(
            State::Missing,
            "FUSE: /dev/fuse is there, but this user may not open it",
            format!("let the user open it: {sudo}chmod 666 /dev/fuse, or whatever group it has"),
        ),
        Fuse::Absent => Finding::new(
            State::Missing,
            "FUSE: there is no /dev/fuse",
            format!("load it: {sudo}modprobe fuse; a container has to be given the device"),
        ),
    }
}

fn fusermount(server: &ServerFacts) -> Finding {
    match &server.fusermount {
        Some(path) => Finding::good(format!("fusermount3: {path}")),
        None if server.is_root => Finding::good("fusermount3: not needed by root"),
        None => Finding::new(
            State::Missing,
            "fusermount3 is not there",
            packages::advice(Package::Fuse, server),
        ),
    }
}

fn sshfs(server: &ServerFacts) -> Finding {
    match &server.sshfs {
        Some(path) => Finding::good(format!("sshfs: {path}")),
        None => Finding::new(
            State::Optional,
            "sshfs is not there; only --mount sshfs needs it",
            packages::advice(Package::Sshfs, server),
        ),
    }
}

fn client(server: &ServerFacts) -> Finding {
    match (&server.claude, &server.claude_unlisted) {
        (Some(path), _) => Finding::good(format!("Claude Code: {path}")),
        (None, Some(path)) => Finding::new(
            State::Warning,
            format!("Claude Code is at {path}, where a login shell does not find it"),
            "put its directory into PATH, in ~/.profile on the server",
        ),
        (None, None) => Finding::new(
            State::Warning,
            "Claude Code is not there",
            "install it on the server: curl -fsSL https://claude.ai/install.sh | bash",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::facts;

    fn local() -> LocalProgram {
        LocalProgram {
            name: ProgramName::Share,
            path: "/usr/bin/claude-share".into(),
            version: Version::parse("0.2.0").unwrap(),
            size: 1,
            sha256: "here".to_owned(),
        }
    }

    fn decided(more: &str) -> Decision {
        let server = facts(more);
        let own = Platform {
            system: "Linux".to_owned(),
            machine: "x86_64".to_owned(),
        };
        decide(
            &local(),
            &own,
            &server,
            &server.programs[&ProgramName::Share],
        )
    }

    #[test]
    fn what_becomes_of_a_program() {
        let own = |version: &str, sum: &str| {
            format!("own:claude-share={version}\nsum:claude-share={sum}\n")
        };
        let installed = |version: &str| {
            format!(
                "installed:claude-share=/opt/bin/it\ninstalled-version:claude-share={version}\n"
            )
        };
        let version = |text| Version::parse(text);
        let it = "/opt/bin/it".to_owned();
        let home = "/home/s t/.local/bin/claude-share".to_owned();
        for (there, decision) in [
            (String::new(), Decision::Copy(None)),
            (own("claude-share 0.2.0", "here"), Decision::Same),
            // Another build of the same version.
            (
                own("claude-share 0.2.0", "other"),
                Decision::Copy(version("0.2.0")),
            ),
            (
                own("claude-share 0.1.9", "old"),
                Decision::Copy(version("0.1.9")),
            ),
            (
                own("claude-share 0.10.0", "new"),
                Decision::Newer(home, version("0.10.0").unwrap()),
            ),
            (own("", "broken"), Decision::Copy(None)),
            (
                installed("claude-share 0.2.0"),
                Decision::Installed(it.clone()),
            ),
            (installed("claude-share 0.1.0"), Decision::Copy(None)),
            (
                installed("claude-share 1.0.0"),
                Decision::Newer(it, version("1.0.0").unwrap()),
            ),
            // The one in the home comes first for the user, so it is the one that counts.
            (
                own("claude-share 0.1.0", "old") + &installed("claude-share 0.2.0"),
                Decision::Copy(version("0.1.0")),
            ),
        ] {
            assert_eq!(decided(&there), decision, "{there}");
        }
    }

    #[test]
    fn nothing_is_copied_to_another_platform() {
        let arm = "machine=aarch64\n";
        let mut server = facts("");
        server.platform.machine = "aarch64".to_owned();
        let own = Platform {
            system: "Linux".to_owned(),
            machine: "x86_64".to_owned(),
        };
        let mut remote = RemoteProgram::default();
        assert_eq!(
            decide(&local(), &own, &server, &remote),
            Decision::OtherPlatform,
            "{arm}"
        );
        remote.own = Some(crate::facts::Own {
            version: Version::parse("0.2.0"),
            sha256: Some("of another build".to_owned()),
        });
        assert_eq!(decide(&local(), &own, &server, &remote), Decision::Same);
    }

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        let ready = findings(&facts(""));
        assert!(ready.iter().all(|finding| finding.state == State::Good));
        let mut bare = facts("");
        bare.fuse = Fuse::Absent;
        bare.fusermount = None;
        bare.sshfs = None;
        bare.claude = None;
        let found = findings(&bare);
        let states: Vec<State> = found.iter().map(|finding| finding.state).collect();
        assert_eq!(
            states,
            [
                State::Missing,
                State::Missing,
                State::Optional,
                State::Warning
            ]
        );
        assert!(found[1].advice.contains("sudo apt install fuse3"));
        assert!(found.iter().all(|finding| !finding.advice.is_empty()));
        bare.is_root = true;
        assert_eq!(findings(&bare)[1].state, State::Good);
    }
}
