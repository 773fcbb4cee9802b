//! The server as `ssh` reaches it: each call is one connection, in which one script runs.

mod connection;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::ClientError;
use crate::destination::Destination;
use crate::facts::ServerFacts;
use crate::key::PublicKey;
use crate::plan::LocalProgram;
use crate::profiles::Copied;
use crate::report::Report;
use crate::shell::shell_word;
use crate::tools::Tools;
use connection::{Asking, Ended, Refused};

const PROBE: &str = include_str!("remote/probe.sh");
const AUTHORIZE: &str = include_str!("remote/authorize.sh");
const COPY: &str = include_str!("remote/copy.sh");
const TAKE_BACK: &str = include_str!("remote/take_back.sh");

/// A server, and the key for it.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// What `ssh` is started with.
    pub tools: &'a Tools,
    /// Where it is, and as whom.
    pub destination: &'a Destination,
    /// The private key; `None`: whatever `ssh` finds.
    pub identity: Option<&'a Path>,
}

/// Whether the key opens the server, without any question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It does; this is the server.
    Open(Box<ServerFacts>),
    /// The server does not take the key.
    KeyRefused,
    /// It is not known yet whether it is the right server: `ssh` has to ask.
    HostUnknown,
}

/// What came of adding a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAdded {
    /// Whether it was not there before.
    pub is_new: bool,
    /// Whether others may write in the home: `sshd` refuses keys there, by default.
    pub home_is_writable: bool,
}

/// What came of copying a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyEnd {
    /// It is in its place, and runs.
    Done,
    /// It does not run there, and was not put in its place: what was said instead of a version.
    CannotRun(String),
}

/// What came of taking back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// Whether a line of the key was removed.
    pub key: bool,
    /// The programs that were removed.
    pub removed: Vec<String>,
    /// Those that are others than what was put there, and stay.
    pub kept: Vec<String>,
}

impl Server<'_> {
    /// Looks at the server; asks nobody anything and changes nothing.
    ///
    /// # Errors
    /// If it cannot be reached, has another host key than it had, or answers nonsense.
    pub fn probe(&self, key: Option<&PublicKey>) -> Result<Access, ClientError> {
        let key = key.map_or("", PublicKey::kind_and_key);
        let script = with_values(&[("key", key)], PROBE);
        match self.run(Asking::Nobody, &script, None)? {
            Ended::Answered(report) => {
                let facts = ServerFacts::of(&report, &self.destination.to_string())?;
                Ok(Access::Open(Box::new(facts)))
            }
            Ended::Refused(Refused::Key, _) => Ok(Access::KeyRefused),
            Ended::Refused(Refused::HostUnknown, _) => Ok(Access::HostUnknown),
            Ended::Refused(Refused::Other, said) => Err(self.unreachable(said)),
        }
    }

    /// Adds a line for the key to the server's `authorized_keys`. `ssh` asks the user for whatever it needs: whether
    /// the server is the right one, and a password. `others` are keys that may let him in without one; `None`: nobody is
    /// asked, since the server lets him in already.
    ///
    /// # Errors
    /// If the user is not let in, or the line cannot be written.
    pub fn authorize(
        &self,
        key: &PublicKey,
        line: &str,
        others: Option<&[PathBuf]>,
    ) -> Result<KeyAdded, ClientError> {
        let values = [("key", key.kind_and_key()), ("line", line)];
        let script = with_values(&values, AUTHORIZE);
        let report = self.answer(others.map_or(Asking::Nobody, Asking::User), &script, None)?;
        Ok(KeyAdded {
            is_new: report.get("authorized") == Some("added"),
            home_is_writable: report.has("home-writable"),
        })
    }

    /// Copies a program to `~/.local/bin`: it is whole, on the disk and runs, or what was there is as it was.
    ///
    /// # Errors
    /// If it cannot be read here, or written there.
    pub fn copy(&self, program: &LocalProgram) -> Result<CopyEnd, ClientError> {
        let file = File::open(&program.path).map_err(ClientError::system(format!(
            "open {}",
            program.path.display()
        )))?;
        let size = program.size.to_string();
        let values = [
            ("name", program.name.as_str()),
            ("size", &size),
            ("sum", &program.sha256),
        ];
        let report = self.answer(Asking::Nobody, &with_values(&values, COPY), Some(file))?;
        Ok(match report.has("cannot-run") {
            true => CopyEnd::CannotRun(report.get("cannot-run").unwrap_or_default().to_owned()),
            false => CopyEnd::Done,
        })
    }

    /// Removes the key's line, if it is of this program, and programs that are still what was put there.
    ///
    /// # Errors
    /// If the server cannot be reached or does not do it.
    pub fn take_back(
        &self,
        key: Option<&str>,
        programs: &[Copied],
    ) -> Result<TakenBack, ClientError> {
        let lines = programs
            .iter()
            .map(|one| format!("{} {}", one.sha256, one.path));
        let lines = lines.collect::<Vec<_>>().join("\n");
        let values = [("key", key.unwrap_or_default()), ("programs", &lines)];
        let report = self.answer(Asking::Nobody, &with_values(&values, TAKE_BACK), None)?;
        let all = |name| report.all(name).map(str::to_owned).collect();
        Ok(TakenBack {
            key: report.has("key"),
            removed: all("removed"),
            kept: all("kept"),
        })
    }

    /// Runs a script that has to answer.
    fn answer(
        &self,
        asking: Asking<'_>,
        script: &str,
        input: Option<File>,
    ) -> Result<Report, ClientError> {
        let report = match self.run(asking, script, input)? {
            Ended::Answered(report) => report,
            Ended::Refused(_, said) => return Err(self.unreachable(said)),
        };
        match report.get("failed") {
            Some(problem) => Err(self.failed(problem)),
            None => Ok(report),
        }
    }

    fn unreachable(&self, problem: String) -> ClientError {
        ClientError::Unreachable {
            destination: self.destination.to_string(),
            problem,
        }
    }

    fn failed(&self, problem: &str) -> ClientError {
        ClientError::Remote {
            destination: self.destination.to_string(),
            problem: model::printable(problem),
        }
    }
}

/// A script with variables before it.
fn with_values(values: &[(&str, &str)], script: &str) -> String {
    let set = values
        .iter()
        .map(|(name, value)| format!("{name}={}\n", shell_word(value)));
    set.chain([script.to_owned()]).collect()
}
