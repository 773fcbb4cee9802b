//! A private home for one test: nothing of the machine's user is read or written.

use crate::{documents, programs, stand_in};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const KEEPER_PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any limit of the programs' own, which are to be seen.
const RUN_PATIENCE: Duration = Duration::from_secs(150);
/// Unix socket paths end at 108 bytes: what the programs put below a home has to fit as well.
const LONGEST_ROOT: usize = 40;

/// A private tree with all directories that the programs use. Removed when dropped.
pub struct TestHome {
    root: TempDir,
    variables: Vec<(OsString, OsString)>,
    at_drop: Vec<Box<dyn FnOnce() + Send>>,
}

/// What a program printed and how it ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, with what is not UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// One start of the stand-in client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCall {
    /// The arguments with the program's name.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Its process id.
    pub pid: u32,
    /// The parent's process id.
    pub ppid: u32,
}

impl TestHome {
    /// Makes the tree, all directories with mode 0700.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn new() -> TestHome {
        let usual = std::env::temp_dir();
        let parent = if usual.as_os_str().len() <= LONGEST_ROOT {
            usual.as_path()
        } else {
            Path::new("/tmp")
        };
        let root = TempDir::with_prefix_in("ca", parent).expect("a temporary directory");
        for name in [
            "home", "tmp", "runtime", "config", "state", "data", "cache", "bin",
        ] {
            DirBuilder::new()
                .mode(0o700)
                .create(root.path().join(name))
                .expect("a new directory");
        }
        TestHome {
            root,
            variables: Vec::new(),
            at_drop: Vec::new(),
        }
    }

    /// The directory that holds all others.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// `HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// `XDG_RUNTIME_DIR`.
    #[must_use]
    pub fn runtime(&self) -> PathBuf {
        self.root().join("runtime")
    }

    /// The first directory of `PATH`.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.root().join("bin")
    }

    /// `~/.claude`; not made.
    #[must_use]
    pub fn claude_dir(&self) -> PathBuf {
        self.home().join(".claude")
    }

    /// `~/.claude-accounts`; not made.
    #[must_use]
    pub fn vault_dir(&self) -> PathBuf {
        self.home().join(".claude-accounts")
    }

    /// Sets a variable for all later commands.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.variables
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
    }

    /// Does `action` when the home is dropped, before anything is removed; the last registered comes first.
    pub fn on_drop(&mut self, action: impl FnOnce() + Send + 'static) {
        self.at_drop.push(Box::new(action));
    }

    /// A command in this home, with an environment of its own and no standard input.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.bin().display());
        command
            .env_clear()
            .stdin(Stdio::null())
            .current_dir(self.home());
        command
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC");
        for (name, directory) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(name, self.root().join(directory));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A command that runs the built `claude-accounts`.
    ///
    /// # Panics
    /// When it has not been built.
    #[must_use]
    pub fn claude_accounts_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(programs::path("claude-accounts"));
        command.args(arguments);
        command
    }

    /// Runs the built `claude-accounts` to its end.
    #[must_use = "check .success() or .code(n)"]
    pub fn claude_accounts(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.claude_accounts_command(arguments))
    }

    /// The same with `input` on its standard input.
    #[must_use = "check .success() or .code(n)"]
    pub fn claude_accounts_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        Ran::with_input(self.claude_accounts_command(arguments), input)
    }

    /// Puts the stand-in client into `PATH` as `claude` and gives its path.
    /// It is a hard link where it can be: replace it by a rename, never write into it.
    ///
    /// # Panics
    /// When it has not been built.
    pub fn install_stand_in_client(&self) -> PathBuf {
        let (built, installed) = (programs::path("stand-in-claude"), self.bin().join("claude"));
        if fs::hard_link(&built, &installed).is_err() {
            // By a child: a file that this process had open for writing could not be started while another thread forks.
            let copied = Command::new("cp")
                .args([&built, &installed])
                .status()
                .expect("cp");
            assert!(
                copied.success(),
                "cp {} {}",
                built.display(),
                installed.display()
            );
        }
        installed
    }

    /// Writes the stand-in client's settings, beside it; see [`stand_in`] for the keys.
    pub fn configure_stand_in_client(&self, settings: &Value) {
        documents::write_private(
            &self.bin().join(stand_in::SETTINGS_NAME),
            settings.to_string(),
        );
    }

    /// Every start of the stand-in client so far, when its settings have `record` on.
    ///
    /// # Panics
    /// When the record is not what the stand-in client writes.
    #[must_use]
    pub fn client_calls(&self) -> Vec<ClientCall> {
        let Ok(text) = fs::read_to_string(self.bin().join(stand_in::CALLS_NAME)) else {
            return Vec::new();
        };
        text.lines()
            .map(|line| ClientCall::parse(&serde_json::from_str(line).expect("a recorded call")))
            .collect()
    }

    /// Asks the keeper of this home to end, and waits for 10 seconds at most. A failure is ignored.
    pub fn stop_keeper(&self) {
        let Some(program) = programs::find("claude-accounts") else {
            return;
        };
        let mut command = self.command(program);
        command
            .args(["keeper", "stop"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Ok(mut child) = command.spawn() {
            end_within(&mut child, KEEPER_PATIENCE);
        }
    }

    /// The keepers of this home that run now, by what the system says of all processes: also one that answers nobody
    /// yet, or no more.
    #[must_use]
    pub fn keeper_processes(&self) -> Vec<u32> {
        let ours = format!("{}/", self.root().display());
        let is_keeper = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            let words: Vec<&str> = line.split('\0').collect();
            words.contains(&"keeper") && words.iter().any(|word| word.starts_with(&ours))
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(is_keeper).collect()
    }

    /// Until no keeper is left. One that is still starting up does not answer yet, so it is asked again.
    fn stop_keepers(&self) {
        let deadline = Instant::now() + KEEPER_PATIENCE;
        while !self.keeper_processes().is_empty() {
            if Instant::now() > deadline {
                eprintln!("a keeper of {} is left running", self.root().display());
                return;
            }
            self.stop_keeper();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Default for TestHome {
    fn default() -> TestHome {
        TestHome::new()
    }
}

impl Drop for TestHome {
    fn drop(&mut self) {
        while let Some(action) = self.at_drop.pop() {
            action();
        }
        self.stop_keepers();
    }
}

fn end_within(child: &mut Child, limit: Duration) {
    let deadline = Instant::now() + limit;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            drop(child.kill());
            drop(child.wait());
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A program that hangs is a failure that names it, not a test that never ends.
fn run_to_end(mut command: Command, input: Option<&[u8]>) -> Ran {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) = thread::scope(|scope| {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            scope.spawn(move || drop(stdin.write_all(input)));
        }
        let stdout = scope.spawn(|| read_all(stdout));
        let stderr = scope.spawn(|| read_all(stderr));
        let status = end_by(&mut child, RUN_PATIENCE);
        (status, stdout.join(), stderr.join())
    });
    let (stdout, stderr) = (stdout.expect("a reader"), stderr.expect("a reader"));
    let Some(status) = status else {
        panic!(
            "{command:?} had not ended after {RUN_PATIENCE:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
    };
    Ran {
        status,
        stdout,
        stderr,
    }
}

fn read_all(source: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    source
        .expect("just piped")
        .read_to_end(&mut bytes)
        .expect("the output of a child");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How `child` ended; `None` if it had to be killed.
fn end_by(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // Without pidfd (Linux before 5.3) there is no limit but the runner's.
    if let Some(ended) = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
        let limit = Timespec::try_from(limit).expect("minutes");
        let mut wanted = [PollFd::new(&ended, PollFlags::IN)];
        if rustix::io::retry_on_intr(|| poll(&mut wanted, Some(&limit))) == Ok(0) {
            drop(child.kill());
            drop(child.wait());
            return None;
        }
    }
    Some(child.wait().expect("a child to wait for"))
}

impl Ran {
    /// Runs `command` to its end.
    ///
    /// # Panics
    /// When it cannot be started, or has not ended after 150 seconds; then it is killed.
    #[must_use = "check .success() or .code(n)"]
    pub fn of(command: Command) -> Ran {
        run_to_end(command, None)
    }

    /// The same with `input` on its standard input, which may end before it has read everything.
    ///
    /// # Panics
    /// As [`Ran::of`].
    #[must_use = "check .success() or .code(n)"]
    pub fn with_input(mut command: Command, input: &[u8]) -> Ran {
        command.stdin(Stdio::piped());
        run_to_end(command, Some(input))
    }

    /// Itself, when it ended with 0.
    ///
    /// # Panics
    /// With all output otherwise.
    #[track_caller]
    pub fn success(self) -> Ran {
        self.code(0)
    }

    /// Itself, when it ended with `code`.
    ///
    /// # Panics
    /// With all output otherwise.
    #[track_caller]
    pub fn code(self, code: i32) -> Ran {
        let Ran {
            status,
            stdout,
            stderr,
        } = &self;
        assert!(
            status.code() == Some(code),
            "ended with {status}, not with {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// With all output, when it is not.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:#?}"))
    }
}

impl ClientCall {
    fn parse(call: &Value) -> ClientCall {
        let number = |name: &str| {
            u32::try_from(call[name].as_u64().expect("a process id")).expect("a process id")
        };
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        ClientCall {
            argv: call["argv"]
                .as_array()
                .expect("the arguments")
                .iter()
                .map(text)
                .collect(),
            env: call["env"]
                .as_object()
                .expect("the environment")
                .iter()
                .map(|(k, v)| (k.clone(), text(v)))
                .collect(),
            cwd: text(&call["cwd"]).into(),
            pid: number("pid"),
            ppid: number("ppid"),
        }
    }
}
