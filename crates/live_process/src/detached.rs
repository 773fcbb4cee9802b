//! How a process that outlives its parent is started, and tells that it works or why not.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use model::printable;
use rustix::fs::OFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What one that works says on its standard output.
const READY: &str = "ready";
/// How much is heard of one that does not, in bytes.
const LONGEST: u64 = 4 << 10;

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
    /// What it said instead, in words that can be shown.
    pub(crate) fn start(&self) -> io::Result<()> {
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
        let mut words = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout.take(LONGEST)).read_until(b'\n', &mut words)?;
        }
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

/// Makes this process one that no terminal and no login takes along: a session of its own. It has as many descriptors as it
/// may have: each file that is open on the other host is one.
pub(crate) fn detach() {
    // Fails for one that has a session of its own already.
    rustix::process::setsid().ok();
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Then it has to do with fewer.
    setrlimit(Resource::Nofile, raised).ok();
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
