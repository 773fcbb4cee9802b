//! How a process that outlives its parent is started, and tells that it works or why not.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use model::printable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// What one that works says on its standard output.
const READY: &str = "ready";
/// How much is heard of one that does not, in bytes.
const LONGEST: usize = 4 << 10;
/// How long one may take to say something. It holds up whoever else begins or cleans up meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// One that is to be.
pub(crate) struct Starting<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// Its whole environment; `None`: that of this process.
    pub(crate) environment: Option<Vec<(OsString, OsString)>>,
    /// What it reads on its standard input.
    pub(crate) input: &'a [u8],
    /// Where its standard error goes.
    pub(crate) log: PathBuf,
}

impl Starting<'_> {
    /// Starts it, and waits until it says that it works. It goes on when this process ends.
    ///
    /// # Errors
    /// What it said instead, in words that can be shown; or that it says nothing: then it may be there all the same.
    pub(crate) fn start(&self) -> io::Result<()> {
        self.start_within(PATIENCE)
    }

    fn start_within(&self, patience: Duration) -> io::Result<()> {
        let (mut command, ends_at_once) = apart(self.program);
        command.args(&self.arguments).current_dir("/");
        if let Some(environment) = &self.environment {
            let pairs = environment.iter().map(|(name, value)| (name, value));
            command.env_clear().envs(pairs);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(open_log(&self.log)?);
        let mut child = command.spawn().map_err(|error| {
            let what = format!("cannot start {}: {error}", self.program.display());
            io::Error::new(error.kind(), what)
        })?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that ended before it has read everything says why.
            stdin.write_all(self.input).ok();
        }
        let words = match child.stdout.take() {
            Some(stdout) => heard(stdout, patience)?,
            None => Vec::new(),
        };
        let words = String::from_utf8_lossy(&words);
        let is_ready = words.trim_end() == READY;
        // One that does not work has closed its standard output, so it ends.
        if ends_at_once || !is_ready {
            child.wait()?;
        }
        if is_ready {
            return Ok(());
        }
        Err(io::Error::other(match words.trim_end() {
            "" => format!("it ended without a word: see {}", self.log.display()),
            words => printable(words),
        }))
    }
}

/// What it says up to the end of a line, or its own.
fn heard(mut stdout: ChildStdout, patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut words = Vec::new();
    let mut piece = [0; 256];
    while words.len() < LONGEST && !words.contains(&b'\n') {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], limit.as_ref()) {
            Ok(0) => {
                let what = "it does not begin: something that it needs does not answer";
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            Ok(_) => match stdout.read(&mut piece)? {
                0 => break,
                length => words.extend_from_slice(&piece[..length]),
            },
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(words)
}

/// What starts `program` where no Ctrl-C of this terminal reaches it, from its first moment on; and whether that ends when
/// it has: `setsid`, as it leads a group, leaves the session of its own to another process.
fn apart(program: &Path) -> (Command, bool) {
    let setsid = Path::new("/usr/bin/setsid");
    let has_setsid = setsid.exists();
    let mut command = Command::new(if has_setsid { setsid } else { program });
    if has_setsid {
        command.arg(program);
    }
    command.process_group(0);
    (command, has_setsid)
}

fn open_log(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.custom_flags(flags).open(path)
}

/// Makes this process one that no terminal and no login takes along: a session of its own.
pub(crate) fn detach() {
    // Fails for one that has a session of its own already.
    rustix::process::setsid().ok();
}

/// Lets this process have as many descriptors as it may. What it starts has that limit too: nothing for one that starts
/// programs of the user's, of which some close as many as there may be, and some cannot count beyond 1024 (`select(2)`).
pub(crate) fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Then it has to do with fewer.
    setrlimit(Resource::Nofile, raised).ok();
}

/// Has writing beyond the largest size of a file (`ulimit -f`) be an error from now on, and not the end of this process. What
/// it starts has the signal as it was. Inside of a tokio runtime.
pub(crate) fn survive_large_files() -> io::Result<()> {
    // The runtime's handler stays when this is dropped.
    let number = rustix::process::Signal::XFSZ.as_raw();
    signal(SignalKind::from_raw(number)).map(drop)
}

/// Tells whoever started this process that it works, and lets go of the standard input and output.
pub(crate) fn tell_ready() -> io::Result<()> {
    // Fails if nobody waits for it any more, which is no reason to end.
    writeln!(io::stdout(), "{READY}").ok();
    let nothing = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(rustix::stdio::dup2_stdout(&nothing)?)
}

/// Tells whoever started this process why it ends.
pub(crate) fn tell_failure(error: &impl std::fmt::Display) {
    let words = error.to_string().replace('\n', " ");
    // Fails if nobody waits for it any more.
    writeln!(io::stdout(), "{words}").ok();
}

/// A line for the log, which is the standard error.
pub(crate) fn log(words: &str) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    // There is nobody to tell that it could not be written.
    writeln!(io::stderr(), "{now} {}", printable(words)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, patience: Duration) -> io::Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let starting = Starting {
            program: Path::new("/bin/sh"),
            arguments: ["-c", script].map(Into::into).to_vec(),
            environment: None,
            input: b"",
            log: directory.path().join("log"),
        };
        starting.start_within(patience)
    }

    #[test]
    fn who_starts_one_hears_that_it_works_or_why_not() {
        start("echo ready", PATIENCE).unwrap();
        let refused = start("echo it will not", PATIENCE).unwrap_err();
        assert_eq!(refused.to_string(), "it will not");
        let silent = start("exit 3", PATIENCE).unwrap_err();
        assert!(silent.to_string().contains("without a word"), "{silent}");
    }

    #[test]
    fn one_that_never_begins_is_not_waited_for() {
        // It ends when nobody hears it any more.
        let script = "while printf .; do sleep 0.02; done 2> /dev/null";
        let late = start(script, Duration::from_millis(200)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}
