//! What is known of a server, read by one script in one connection.

use std::collections::BTreeMap;

use crate::ClientError;
use crate::report::Report;
use crate::version::Version;

/// The programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProgramName {
    /// `claude-share`: the only one that a server cannot do without.
    Share,
    /// `claude-accounts`.
    Accounts,
    /// `cs`.
    Cs,
}

impl ProgramName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Share, Self::Accounts, Self::Cs];

    /// As the file is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Share => "claude-share",
            Self::Accounts => "claude-accounts",
            Self::Cs => "cs",
        }
    }
}

/// What a program is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// As `uname -s` says: `Linux`.
    pub system: String,
    /// As `uname -m` says: `x86_64`.
    pub machine: String,
}

impl Platform {
    /// Whether programs for one run on the other, as far as that can be told without trying.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.system == other.system && usual(&self.machine) == usual(&other.machine)
    }
}

/// What other systems call the same machine.
fn usual(machine: &str) -> &str {
    match machine {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        machine => machine,
    }
}

/// What is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// The user's home there.
    pub home: String,
    /// Who he is there.
    pub user: String,
    /// Whether that is root.
    pub is_root: bool,
    /// What runs there.
    pub platform: Platform,
    /// The distribution and those that it is like, as `os-release` calls them: `ubuntu`, `debian`.
    pub distributions: Vec<String>,
    /// The distribution, for people.
    pub distribution_name: Option<String>,
    /// The programs that are there.
    pub programs: BTreeMap<ProgramName, RemoteProgram>,
    /// Whether file systems of programs can be mounted.
    pub fuse: Fuse,
    /// Where the helper is that mounts for users.
    pub fusermount: Option<String>,
    /// Where `sshfs` is.
    pub sshfs: Option<String>,
    /// Where the client is that the user's login shell finds.
    pub claude: Option<String>,
    /// Where one is that it does not find.
    pub claude_unlisted: Option<String>,
    /// Whether the key is in `authorized_keys`.
    pub authorized: Authorized,
}

/// One of the programs on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteProgram {
    /// In the user's `~/.local/bin`.
    pub own: Option<Own>,
    /// Elsewhere in the `PATH` of the user's login shell: its path and its version.
    pub installed: Option<(String, Option<Version>)>,
}

/// A program in `~/.local/bin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `None`: it does not run, or is something else.
    pub version: Option<Version>,
    /// In hexadecimal, where the server can tell.
    pub sha256: Option<String>,
}

/// Whether `/dev/fuse` can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuse {
    /// The user may open it.
    Usable,
    /// It is there, and the user may not open it.
    Refused,
    /// It is not there.
    Absent,
}

/// Whether a key is in `authorized_keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorized {
    /// No, as far as can be told.
    No,
    /// By this program.
    Ours,
    /// By somebody else.
    Other,
}

impl ServerFacts {
    /// From the probe's answer.
    pub(crate) fn of(report: &Report, destination: &str) -> Result<Self, ClientError> {
        let text = |name| report.get(name).map(str::to_owned);
        let needed = |name| {
            text(name).ok_or_else(|| ClientError::Remote {
                destination: destination.to_owned(),
                problem: format!("it does not tell its {name}"),
            })
        };
        let program = |name: ProgramName| (name, RemoteProgram::of(report, name));
        let distributions = report.get("distribution").unwrap_or_default();
        Ok(Self {
            home: needed("home")?,
            user: text("user").unwrap_or_default(),
            is_root: report.get("uid") == Some("0"),
            platform: Platform {
                system: needed("system")?,
                machine: needed("machine")?,
            },
            distributions: distributions
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            distribution_name: text("distribution_name"),
            programs: ProgramName::ALL.map(program).into(),
            fuse: match report.get("fuse") {
                Some("usable") => Fuse::Usable,
                Some("refused") => Fuse::Refused,
                _ => Fuse::Absent,
            },
            fusermount: text("fusermount3"),
            sshfs: text("sshfs"),
            claude: text("claude"),
            claude_unlisted: text("claude-unlisted"),
            authorized: match report.get("authorized") {
                Some("ours") => Authorized::Ours,
                Some("other") => Authorized::Other,
                _ => Authorized::No,
            },
        })
    }

    /// Where a program is put, or was.
    #[must_use]
    pub fn own_path(&self, name: ProgramName) -> String {
        format!("{}/.local/bin/{}", self.home, name.as_str())
    }
}

impl RemoteProgram {
    fn of(report: &Report, name: ProgramName) -> Self {
        let name = name.as_str();
        let version = |field: String| Version::of_program(name, report.get(&field)?);
        let own = report.has(&format!("own:{name}")).then(|| Own {
            version: version(format!("own:{name}")),
            sha256: report.get(&format!("sum:{name}")).map(str::to_owned),
        });
        let path = report.get(&format!("installed:{name}"));
        Self {
            own,
            installed: path.map(|path| {
                let version = version(format!("installed-version:{name}"));
                (path.to_owned(), version)
            }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A Debian server where everything is there but the programs.
    pub(crate) const READY: &str = "claude-share:begin
home=/home/s t
user=st
uid=1000
system=Linux
machine=x86_64
distribution=debian 
distribution_name=Debian GNU/Linux 12 (bookworm)
fuse=usable
fusermount3=/usr/bin/fusermount3
sshfs=/usr/bin/sshfs
claude=/usr/local/bin/claude
authorized=ours
";

    pub(crate) fn facts(more: &str) -> ServerFacts {
        let text = format!("{READY}{more}claude-share:end\n");
        let report = Report::parse(text.as_bytes()).unwrap();
        ServerFacts::of(&report, "st@host").unwrap()
    }

    #[test]
    fn what_a_server_tells_is_understood() {
        let found = facts(
            "own:claude-share=claude-share 0.0.9\nsum:claude-share=abc\nown:cs=\nsum:cs=\n\
             installed:cs=/usr/bin/cs\ninstalled-version:cs=cs 0.1.0\n",
        );
        assert_eq!(found.own_path(ProgramName::Cs), "/home/s t/.local/bin/cs");
        let own = found.programs[&ProgramName::Share].own.clone().unwrap();
        assert_eq!(own.version, Version::parse("0.0.9"));
        assert_eq!(own.sha256.as_deref(), Some("abc"));
        let cs = &found.programs[&ProgramName::Cs];
        assert_eq!(cs.own, Some(Own::default()));
        assert_eq!(
            cs.installed,
            Some(("/usr/bin/cs".to_owned(), Version::parse("0.1.0")))
        );
        assert_eq!(
            found.programs[&ProgramName::Accounts],
            RemoteProgram::default()
        );
        assert_eq!(found.distributions, ["debian"]);
        assert!(!found.is_root && found.authorized == Authorized::Ours);
    }

    #[test]
    fn a_server_that_tells_nothing_is_refused() {
        let report = Report::parse(b"claude-share:begin\nclaude-share:end\n").unwrap();
        let error = ServerFacts::of(&report, "st@host").unwrap_err().to_string();
        assert!(
            error.contains("st@host") && error.contains("home"),
            "{error}"
        );
    }

    #[test]
    fn one_machine_has_several_names() {
        let of = |system: &str, machine: &str| Platform {
            system: system.to_owned(),
            machine: machine.to_owned(),
        };
        assert!(of("Linux", "amd64").matches(&of("Linux", "x86_64")));
        assert!(!of("Darwin", "arm64").matches(&of("Linux", "aarch64")));
        assert!(!of("Linux", "armv7l").matches(&of("Linux", "aarch64")));
    }
}
