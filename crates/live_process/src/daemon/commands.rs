//! The commands that are typed on the server and run here: which, how, and what is written down of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use live::control::Failure;
use live_session::laptop::{self, CommandLine, CommandOptions, Outcome, Publisher};
use proxy::{Name, NameError, Names};
use runner::{Limits, Sandbox};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::asking::Asking;
use super::{Daemon, DaemonError, RUNNER};
use crate::agent::PATIENCE;
use crate::client::Record;
use crate::command_log::{CommandLog, CommandOutcome, LoggedCommand, cut};
use crate::local::{CommandStatus, FromDaemon, LARGEST, LocalPath, OngoingCommand};
use crate::{Places, SessionName, text};

/// How much is said at once of commands that run, in bytes…
const MOST_SAID: usize = LARGEST / 2;
/// …and what a command or a word takes of that, beside its own bytes.
const OVERHEAD: usize = 64;

/// This program, to be started anew by this process: also if another one has taken its place on the disk meanwhile.
const ITSELF: &str = "/proc/self/exe";

/// What a daemon is told of commands, beside what is in the session's record.
#[derive(Clone, Serialize, Deserialize)]
pub struct CommandsOptions {
    /// What the user's settings add to the list.
    pub(crate) added: Vec<String>,
    /// What they remove from it.
    pub(crate) removed: Vec<String>,
    /// Of whoever started the session: what commands find here, as far as it is for them.
    #[serde(with = "text::environment")]
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl CommandsOptions {
    /// The most that it takes as JSON, in bytes, beside what little everything takes.
    pub(crate) fn room(&self) -> usize {
        /// A control character is `\u0000`, and what is no UTF-8 a number and a comma.
        const OF_A_BYTE: usize = 6;
        /// Brackets, quotes and commas of a pair.
        const OF_A_PAIR: usize = 16;
        let pairs = self.environment.iter();
        let environment =
            pairs.map(|(name, value)| (name.len() + value.len()) * OF_A_BYTE + OF_A_PAIR);
        let names = self.added.iter().chain(&self.removed);
        let names = names.map(|name| name.len() * OF_A_BYTE + OF_A_PAIR);
        environment.chain(names).sum()
    }
}

/// Values may be secrets: only how many there are is shown.
impl fmt::Debug for CommandsOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CommandsOptions")
            .field("added", &self.added)
            .field("removed", &self.removed)
            .field("environment", &self.environment.len())
            .finish()
    }
}

/// What of the environment says where tools keep what they fetch and build, and what of that is written in a sandbox, too:
/// all (an empty name), or the parts that name no program which the next build runs outside.
const CACHES: [(&str, &[&str]); 18] = [
    ("BUN_INSTALL_CACHE_DIR", &[""]),
    ("CARGO_HOME", &["git", "registry"]),
    ("CARGO_TARGET_DIR", &[""]),
    ("CCACHE_DIR", &[""]),
    ("DENO_DIR", &[""]),
    ("GOCACHE", &[""]),
    ("GOMODCACHE", &[""]),
    ("GOPATH", &["pkg"]),
    (
        "GRADLE_USER_HOME",
        &["caches", "daemon", "native", "workers"],
    ),
    ("NPM_CONFIG_CACHE", &[""]),
    ("NUGET_PACKAGES", &[""]),
    ("PIP_CACHE_DIR", &[""]),
    ("POETRY_CACHE_DIR", &[""]),
    ("SCCACHE_DIR", &[""]),
    ("TMPDIR", &[""]),
    ("UV_CACHE_DIR", &[""]),
    ("YARN_CACHE_FOLDER", &[""]),
    ("npm_config_cache", &[""]),
];

/// See the head of this file.
pub(super) struct Commands {
    settings: Mutex<Settings>,
    log: Arc<CommandLog>,
}

/// What the user's settings say, and this session besides.
struct Settings {
    added: Vec<Name>,
    removed: BTreeSet<Name>,
    session: Vec<Name>,
}

impl Settings {
    fn new(added: &[String], removed: &[String], session: &[String]) -> Result<Self, NameError> {
        Ok(Self {
            added: names(added)?,
            removed: names(removed)?.into_iter().collect(),
            session: names(session)?,
        })
    }

    fn names(&self) -> Names {
        Names::new(&self.added, &self.removed, &self.session)
    }
}

fn names(texts: &[String]) -> Result<Vec<Name>, NameError> {
    texts.iter().map(|text| Name::new(text)).collect()
}

impl Commands {
    /// Has `publisher` run commands from now on, as `options` and the session's `record` say it, each within `limits`.
    pub(super) fn begin(
        options: CommandsOptions,
        record: &Record,
        limits: Limits,
        places: &Places,
        publisher: &Arc<Publisher>,
        asking: Option<&Asking>,
    ) -> Result<Self, DaemonError> {
        let CommandsOptions {
            added,
            removed,
            environment,
        } = options;
        let session = record.commands.clone().unwrap_or_default();
        let settings = Settings::new(&added, &removed, &session.names)?;
        let directory = places.session(&SessionName::new(&record.session)?);
        let log = Arc::new(CommandLog::open(&directory)?);
        publisher.proxy(CommandOptions {
            names: settings.names(),
            runner: (PathBuf::from(ITSELF), vec![RUNNER.into()]),
            limits,
            sandbox: session.sandbox.then(|| sandbox(&environment, places)),
            map_output: session.map_output,
            patience: PATIENCE,
            approval: asking.map(|asking| Arc::new(asking.clone()) as Arc<dyn laptop::Approval>),
            log: Arc::clone(&log) as Arc<dyn laptop::CommandLog>,
            environment,
        });
        Ok(Self {
            settings: Mutex::new(settings),
            log,
        })
    }

    /// Everything that has run is written down; what ends from now on is not.
    pub(super) fn end(&self) {
        self.log.close();
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Daemon {
    pub(super) fn command_status(&self) -> Option<CommandStatus> {
        let commands = self.commands.as_ref()?;
        let names = commands.settings().names().iter().count();
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Some(CommandStatus {
            names: count(names),
            running: count(self.publisher.running_commands()),
        })
    }

    /// Those that have not ended.
    pub(super) fn ongoing_commands(&self) -> FromDaemon {
        let ongoing = self.publisher.ongoing_commands();
        said(ongoing.into_iter().map(ongoing_command))
    }

    /// What runs for each name of the list.
    pub(super) async fn find_commands(&self) -> Vec<(String, Option<LocalPath>)> {
        let publisher = Arc::clone(&self.publisher);
        // Fails if that has panicked, and then nothing is known.
        let found = spawn_blocking(move || publisher.find_commands()).await;
        let found = found.unwrap_or_default().into_iter();
        let said = |program: Option<PathBuf>| program.as_deref().map(LocalPath::new);
        found
            .map(|(name, program)| (name.to_string(), said(program)))
            .collect()
    }

    /// Has the list be what the settings say now. The session loses the names of its own that are `dropped`.
    pub(super) fn change_commands(
        &self,
        added: &[String],
        removed: &[String],
        dropped: &[String],
    ) -> Result<(), Failure> {
        let Some(commands) = &self.commands else {
            return Ok(());
        };
        let told = Settings::new(added, removed, &[]).map_err(|error| Failure {
            message: error.to_string(),
            hint: String::new(),
        })?;
        let session = {
            let mut settings = commands.settings();
            let mut session = std::mem::take(&mut settings.session);
            session.retain(|name| !dropped.iter().any(|dropped| dropped == name.as_str()));
            *settings = Settings { session, ..told };
            // Still locked: of two changes at a time, the later one is the one that lasts.
            self.publisher.set_names(settings.names());
            settings.session.iter().map(ToString::to_string).collect()
        };
        if let Some(commands) = &mut self.record().commands {
            commands.names = session;
        }
        self.write_record();
        Ok(())
    }
}

/// What a command may touch, but for what is published.
fn sandbox(environment: &[(OsString, OsString)], places: &Places) -> Sandbox {
    let home = places.home();
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let parts = |(name, path): &(OsString, OsString)| {
        let known = CACHES.iter().find(|(known, _)| name == known);
        let parts = known.map_or(&[][..], |(_, parts)| parts);
        let path = PathBuf::from(path);
        parts.iter().map(move |part| path.join(part))
    };
    let caches = environment.iter().flat_map(parts);
    Sandbox {
        home: bytes(places.home()),
        published: Vec::new(),
        caches: caches.filter_map(|path| resolved(&path, &home)).collect(),
        private: places.private().iter().map(|path| bytes(path)).collect(),
    }
}

/// A directory without links on the way; `None` if there is none yet, or a link leads to another place in the home: a command
/// of a session before could have made it.
fn resolved(path: &Path, home: &Path) -> Option<Bytes> {
    let absolute = path.is_absolute().then_some(path)?;
    let found = absolute.canonicalize().ok()?;
    let is_elsewhere = || !found.starts_with(home) && !home.starts_with(&found);
    (found == absolute || is_elsewhere()).then(|| bytes(&found))
}

fn bytes(path: &Path) -> Bytes {
    Bytes::copy_from_slice(path.as_os_str().as_bytes())
}

impl laptop::CommandLog for CommandLog {
    fn ended(&self, record: laptop::Record) {
        self.write(logged(record));
    }
}

/// As many of them as fit in a message.
fn said(all: impl Iterator<Item = OngoingCommand>) -> FromDaemon {
    let (mut commands, mut more, mut room) = (Vec::new(), 0, MOST_SAID);
    for command in all {
        let words = command.words.iter().map(|word| word.len() + OVERHEAD);
        let takes = words.sum::<usize>() + command.directory.length() + OVERHEAD;
        match room.checked_sub(takes) {
            Some(left) => {
                room = left;
                commands.push(command);
            }
            None => more += 1,
        }
    }
    FromDaemon::Commands { commands, more }
}

fn ongoing_command(ongoing: laptop::OngoingCommand) -> OngoingCommand {
    let laptop::OngoingCommand {
        line,
        began,
        took,
        output,
    } = ongoing;
    let (directory, mut words) = (LocalPath::new(&line.directory), words(line));
    OngoingCommand {
        at: milliseconds(began),
        directory,
        is_cut: cut(&mut words),
        words,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        output,
    }
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Its name and its arguments.
fn words(line: CommandLine) -> Vec<String> {
    let arguments = line.arguments.iter();
    let arguments = arguments.map(|word| String::from_utf8_lossy(word).into_owned());
    std::iter::once(line.name).chain(arguments).collect()
}

fn logged(record: laptop::Record) -> LoggedCommand {
    let laptop::Record {
        line,
        began,
        took,
        outcome,
        input,
        output,
    } = record;
    LoggedCommand {
        at: milliseconds(began),
        directory: line.directory.clone(),
        words: words(line),
        is_cut: false,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        outcome: match outcome {
            Outcome::Refused(why) => CommandOutcome::Refused(why),
            Outcome::Ended {
                code: Some(code), ..
            } => CommandOutcome::Exited(code),
            Outcome::Ended { signal, .. } => CommandOutcome::Killed(signal.unwrap_or_default()),
        },
        input,
        output,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn options() -> CommandsOptions {
        CommandsOptions {
            added: vec!["just".to_owned()],
            removed: vec!["docker".to_owned()],
            environment: [("PATH", "/bin\n\x01"), ("A_TOKEN", "secret")]
                .map(|(name, value)| (name.into(), value.into()))
                .to_vec(),
        }
    }

    #[test]
    fn no_value_of_the_environment_is_shown_and_all_of_it_has_room() {
        let options = options();
        let shown = format!("{options:?}");
        assert!(
            shown.contains("environment: 2") && !shown.contains("secret"),
            "{shown}"
        );
        let json = serde_json::to_vec(&options).unwrap();
        assert!(json.len() < options.room() + 128, "{}", json.len());
        let read: CommandsOptions = serde_json::from_slice(&json).unwrap();
        assert_eq!(read.environment, options.environment);
    }

    #[test]
    fn a_session_has_its_own_names_besides_those_of_the_settings() {
        let options = options();
        let own = ["docker".to_owned(), "hugo".to_owned()];
        let settings = Settings::new(&options.added, &options.removed, &own).unwrap();
        let names = settings.names();
        for name in ["just", "docker", "hugo", "npm"] {
            assert!(names.find(name.as_bytes()).is_some(), "{name}");
        }
        assert!(Settings::new(&["/bin/sh".to_owned()], &[], &[]).is_err());
    }

    #[test]
    fn what_has_run_is_written_down_as_it_was_told() {
        let record = laptop::Record {
            line: CommandLine {
                name: "npm".to_owned(),
                arguments: vec![Bytes::from_static(b"a\xff")],
                directory: "/p".into(),
            },
            began: SystemTime::UNIX_EPOCH + Duration::from_millis(7),
            took: Duration::from_millis(3),
            outcome: Outcome::Ended {
                code: None,
                signal: Some(15),
            },
            input: 1,
            output: 2,
        };
        let logged = logged(record);
        assert_eq!((logged.at, logged.duration_ms), (7, 3));
        assert_eq!(logged.words, ["npm", "a\u{fffd}"]);
        assert_eq!(logged.outcome, CommandOutcome::Killed(15));
    }

    #[test]
    fn of_many_that_run_as_many_are_said_as_fit() {
        let ongoing = |length| laptop::OngoingCommand {
            line: CommandLine {
                name: "npm".to_owned(),
                arguments: vec![Bytes::from(vec![b'x'; length])],
                directory: "/p".into(),
            },
            began: SystemTime::UNIX_EPOCH + Duration::from_millis(7),
            took: Duration::from_millis(3),
            output: 2,
        };
        let one = ongoing_command(ongoing(1));
        assert_eq!((one.at, one.duration_ms, one.output), (7, 3, 2));
        assert!(one.words == ["npm", "x"] && !one.is_cut);
        assert!(ongoing_command(ongoing(1 << 16)).is_cut);
        let all = (0..512).map(|_| ongoing_command(ongoing(1 << 16)));
        let message = said(all);
        let length = postcard::to_stdvec(&message).unwrap().len();
        let FromDaemon::Commands { commands, more } = message else {
            panic!("something else was said");
        };
        assert_eq!(commands.len() + more as usize, 512);
        assert!(more > 0 && length < LARGEST, "{more} more, {length} bytes");
    }

    #[test]
    fn a_sandbox_has_the_caches_that_the_environment_names() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let cache = home.join("cargo");
        std::fs::create_dir_all(cache.join("registry")).unwrap();
        let places = Places::told(home.clone(), home.join("run"));
        let places = places.with_private(vec![home.join("vault")]);
        let environment: Vec<(OsString, OsString)> = vec![
            ("CARGO_HOME".into(), cache.clone().into()),
            ("GOPATH".into(), "relative".into()),
            ("GOCACHE".into(), home.join("none").into()),
            ("OTHER".into(), home.clone().into()),
        ];
        let sandbox = sandbox(&environment, &places);
        assert_eq!(sandbox.home, bytes(&home));
        assert_eq!(sandbox.caches, [bytes(&cache.join("registry"))]);
        assert_eq!(sandbox.private, [bytes(&home.join("vault"))]);
    }
}
