//! A server is made ready, step by step, each told as it is done; and the other way round.

mod copying;
mod naming;
mod take_down;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use model::AccountName;
use serde_json::Map;

use crate::destination::Destination;
use crate::facts::{Authorized, Platform, ProgramName, ServerFacts};
use crate::key::{self, Key};
use crate::local;
use crate::plan::{self, Decision, Finding, LocalProgram, State};
use crate::profiles::{Copied, Made, Profile, Profiles};
use crate::remote::{Access, Server};
use crate::tools::Tools;
use crate::{ClientError, ClientPaths};

use naming::choose_name;

pub use take_down::{RemoveRequest, Removed, remove};

/// Keys that `ssh` offers by itself where none is named (ssh(1), `-i`).
const USUAL_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// What is to be made ready.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server.
    pub destination: Destination,
    /// The name of its profile; if not told, one is made of the server's.
    pub name: Option<AccountName>,
    /// The private key; if not told, the profile's, else our own.
    pub identity: Option<PathBuf>,
    /// Whether the key is to open nothing but commands.
    pub restrict_key: bool,
    /// Whether it is to be the default from now on.
    pub make_default: bool,
    /// Whether `ssh` may ask the user.
    pub may_ask: bool,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// This machine.
#[derive(Clone, Debug)]
pub struct Laptop {
    /// The user's settings and keys.
    pub paths: ClientPaths,
    /// Programs of the system.
    pub tools: Tools,
    /// `claude-share` itself, by its whole path. The other programs are looked for beside it.
    pub program: PathBuf,
    /// Where shells look for programs.
    pub search_path: Option<OsString>,
}

/// What is told while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step is done, or was before.
    Done(String),
    /// Something to be known besides.
    Note(String),
    /// Something is not as it could be, and what to do.
    Warning(String),
    /// Something is not as it has to be, and what to do.
    Missing(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The profile's name.
    pub name: String,
    /// Whether it is the default.
    pub is_default: bool,
    /// Whether anything was changed, here or there.
    pub has_changed: bool,
    /// What keeps live sessions from working; none if all is well.
    pub missing: Vec<String>,
}

/// Makes a server ready. What is done already is not done again, so that it can be called again after whatever failure.
///
/// # Errors
/// The first step that failed; what was done before stays.
pub fn set_up(
    request: &Request,
    laptop: &Laptop,
    tell: &mut dyn FnMut(Event),
) -> Result<Ready, ClientError> {
    let mut work = Work {
        request,
        laptop,
        tell,
        has_changed: false,
        missing: Vec::new(),
    };
    work.run()
}

struct Work<'a> {
    request: &'a Request,
    laptop: &'a Laptop,
    tell: &'a mut dyn FnMut(Event),
    has_changed: bool,
    missing: Vec<String>,
}

impl Work<'_> {
    fn run(&mut self) -> Result<Ready, ClientError> {
        let (name, known) = self.profile()?;
        let programs = self.local_programs()?;
        let key = self.key(known.as_ref())?;
        let server = Server {
            tools: &self.laptop.tools,
            destination: &self.request.destination,
            identity: Some(&key.path),
        };
        let facts = self.access(&server, &key)?;
        self.server(&facts);
        let decisions = decisions(&programs, &facts);
        // Recorded before it is done: what a killed run has left is removed with the profile.
        let is_default = self.record(&name, known, &key, &facts, &programs, &decisions)?;
        self.copy(&server, &facts, &programs, &decisions)?;
        for finding in plan::findings(&facts) {
            self.finding(&finding);
        }
        Ok(Ready {
            name: name.to_string(),
            is_default,
            has_changed: self.has_changed,
            missing: std::mem::take(&mut self.missing),
        })
    }

    fn done(&mut self, text: impl Into<String>) {
        (self.tell)(Event::Done(text.into()));
    }

    fn changed(&mut self, text: impl Into<String>) {
        self.has_changed = true;
        self.done(text);
    }

    fn miss(&mut self, text: String) {
        self.missing.push(text.clone());
        (self.tell)(Event::Missing(text));
    }

    fn finding(&mut self, finding: &Finding) {
        let Finding {
            state,
            text,
            advice,
        } = finding;
        match state {
            State::Good => self.done(text.as_str()),
            State::Optional => (self.tell)(Event::Note(format!("{text}: {advice}"))),
            State::Warning => (self.tell)(Event::Warning(format!("{text}: {advice}"))),
            State::Missing => self.miss(format!("{text}: {advice}")),
        }
    }

    /// The name, and what is known under it.
    fn profile(&self) -> Result<(AccountName, Option<Profile>), ClientError> {
        let profiles = Profiles::load(&self.laptop.paths)?;
        let name = choose_name(&profiles, self.request)?;
        let known = profiles.get(name.as_str()).map(|(_, known)| known.clone());
        Ok((name, known))
    }

    fn local_programs(&mut self) -> Result<Vec<LocalProgram>, ClientError> {
        let Laptop {
            paths,
            tools,
            program,
            search_path,
        } = self.laptop;
        let programs = local::programs(program, tools)?;
        let placed = local::place(paths, &programs, search_path.as_deref(), tools)?;
        let directory = placed.directory.display();
        let names: Vec<&str> = placed.copied.iter().map(|name| name.as_str()).collect();
        match names.is_empty() {
            true => self.done(format!("Programs here: {directory}")),
            false => self.changed(format!("Copied {} to {directory}", names.join(", "))),
        }
        if !placed.is_in_path {
            let text = format!("{directory} is not in PATH: put it there, in ~/.profile");
            (self.tell)(Event::Warning(text));
        }
        for name in ProgramName::ALL {
            if !programs.iter().any(|program| program.name == name) {
                let text = format!(
                    "{} is not beside this program, so it was not copied",
                    name.as_str()
                );
                (self.tell)(Event::Warning(text));
            }
        }
        Ok(programs)
    }

    fn key(&mut self, known: Option<&Profile>) -> Result<Key, ClientError> {
        let earlier = known.and_then(|profile| profile.identity.as_deref());
        let identity = self.request.identity.as_deref().or(earlier);
        let Laptop { paths, tools, .. } = self.laptop;
        let key = key::prepare(paths, tools, identity, &local::hostname())?;
        let path = key.path.display();
        match key.is_new {
            true => self.changed(format!("Made a key: {path}")),
            false => self.done(format!("Key: {path}")),
        }
        Ok(key)
    }

    /// Until the key alone opens the server.
    fn access(&mut self, server: &Server<'_>, key: &Key) -> Result<ServerFacts, ClientError> {
        let destination = server.destination;
        let why = match server.probe(Some(&key.public))? {
            // With a key of `~/.ssh/config`, which ssh offers too.
            Access::Open(facts) if key.is_ours && facts.authorized == Authorized::No => {
                return self.authorize(server, key, None);
            }
            Access::Open(facts) => {
                self.done(format!("{destination} takes the key"));
                return Ok(*facts);
            }
            Access::KeyRefused => "it does not take the key yet",
            Access::HostUnknown => "it was not known before",
        };
        if !self.request.may_ask {
            return Err(ClientError::Unreachable {
                destination: destination.to_string(),
                problem: format!("{why}, and ssh may not ask"),
            });
        }
        let text = format!("ssh asks for what it needs to log in to {destination}: {why}");
        (self.tell)(Event::Note(text));
        let usual = USUAL_KEYS.map(|name| self.laptop.paths.home().join(".ssh").join(name));
        let others: Vec<PathBuf> = usual.into_iter().filter(|path| path.exists()).collect();
        self.authorize(server, key, Some(&others))
    }

    fn authorize(
        &mut self,
        server: &Server<'_>,
        key: &Key,
        others: Option<&[PathBuf]>,
    ) -> Result<ServerFacts, ClientError> {
        let destination = server.destination;
        let restrict = self.request.restrict_key;
        let line = key.public.line(&local::hostname(), restrict);
        let added = server.authorize(&key.public, &line, others)?;
        if added.is_new {
            self.changed(format!("Added the key to {destination}"));
        }
        match server.probe(Some(&key.public))? {
            Access::Open(facts) => {
                self.done(format!("{destination} takes the key"));
                Ok(*facts)
            }
            _ => Err(self.still_refused(server, key, added.home_is_writable)),
        }
    }

    fn still_refused(&self, server: &Server<'_>, key: &Key, home_is_writable: bool) -> ClientError {
        let problem = if key::needs_passphrase(&key.path, &self.laptop.tools) {
            let path = key.path.display();
            format!("the key {path} has a passphrase, and no agent holds it: ssh-add {path}")
        } else if home_is_writable {
            "others may write in the home there, so sshd takes no key from it: chmod go-w ~"
                .to_owned()
        } else {
            "the key is in ~/.ssh/authorized_keys there, and sshd does not take it: its log says why"
                .to_owned()
        };
        ClientError::Unreachable {
            destination: server.destination.to_string(),
            problem,
        }
    }

    fn server(&mut self, facts: &ServerFacts) {
        let Platform { system, machine } = &facts.platform;
        let distribution = facts.distribution_name.as_deref();
        let distribution = distribution.map_or_else(String::new, |name| format!(", {name}"));
        self.done(format!("Server: {system} {machine}{distribution}"));
        if system != "Linux" {
            self.miss(format!(
                "{system} has no FUSE of Linux: live sessions need a server with Linux"
            ));
        }
    }

    /// Saves the profile; whether it is the default.
    fn record(
        &mut self,
        name: &AccountName,
        known: Option<Profile>,
        key: &Key,
        facts: &ServerFacts,
        programs: &[LocalProgram],
        decisions: &BTreeMap<ProgramName, Decision>,
    ) -> Result<bool, ClientError> {
        let own_path = facts.own_path(ProgramName::Share);
        let share = decisions.get(&ProgramName::Share);
        let program = share.and_then(|decision| plan::place(decision, ProgramName::Share, facts));
        let before = known.clone();
        let made = made(known.as_ref(), key, facts, programs, decisions);
        let profile = Profile {
            destination: self.request.destination.clone(),
            identity: Some(key.path.clone()),
            program: program.unwrap_or(own_path),
            added_at: known
                .as_ref()
                .map_or(self.request.now, |known| known.added_at),
            made,
            // Only what was asked about this very server.
            commands_agreed_at: known
                .as_ref()
                .filter(|known| known.destination == self.request.destination)
                .and_then(|known| known.commands_agreed_at),
            other: known.map_or_else(Map::new, |known| known.other),
        };
        let is_same = before.as_ref() == Some(&profile);
        let (is_default, was_default) = Profiles::change(&self.laptop.paths, |profiles| {
            let was_default = profiles.is_default(name.as_str());
            profiles.insert(name, profile);
            if self.request.make_default {
                profiles.set_default(name.as_str());
            }
            (profiles.is_default(name.as_str()), was_default)
        })?;
        let suffix = if is_default { " (default)" } else { "" };
        match is_same && is_default == was_default {
            true => self.done(format!("Profile: {name}{suffix}")),
            false => self.changed(format!("Saved the profile {name}{suffix}")),
        }
        Ok(is_default)
    }
}

fn decisions(programs: &[LocalProgram], facts: &ServerFacts) -> BTreeMap<ProgramName, Decision> {
    let own = local::platform();
    let decide = |program: &LocalProgram| {
        let remote = &facts.programs[&program.name];
        (program.name, plan::decide(program, &own, facts, remote))
    };
    programs.iter().map(decide).collect()
}

/// What was made up to now, and what is about to be.
fn made(
    known: Option<&Profile>,
    key: &Key,
    facts: &ServerFacts,
    programs: &[LocalProgram],
    decisions: &BTreeMap<ProgramName, Decision>,
) -> Made {
    let mut copied = known.map_or_else(Vec::new, |known| known.made.programs.clone());
    for program in programs {
        if matches!(decisions[&program.name], Decision::Copy(_)) {
            let path = facts.own_path(program.name);
            copied.retain(|one| one.path != path);
            let sha256 = program.sha256.clone();
            copied.push(Copied { path, sha256 });
        }
    }
    let is_authorized = facts.authorized == Authorized::Ours;
    Made {
        key: key.is_ours,
        authorized: is_authorized.then(|| key.public.kind_and_key().to_owned()),
        programs: copied,
    }
}

/// A profile looked at again.
///
/// # Errors
/// If the server cannot be reached, or does not take the key any more.
pub fn check(profile: &Profile, laptop: &Laptop) -> Result<ServerFacts, ClientError> {
    let server = Server {
        tools: &laptop.tools,
        destination: &profile.destination,
        identity: profile.identity.as_deref(),
    };
    let refused = |problem: &str| ClientError::Unreachable {
        destination: profile.destination.to_string(),
        problem: problem.to_owned(),
    };
    match server.probe(None)? {
        Access::Open(facts) => Ok(*facts),
        Access::KeyRefused => Err(refused("it does not take the key")),
        Access::HostUnknown => Err(refused("its own key is not known any more")),
    }
}
