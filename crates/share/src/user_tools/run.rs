//! One program of the system, run to its end: found in fixed places, with an environment of its
//! own, never for longer than a limit.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use model::{Secret, printable};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::ShareError;

/// Where the system's programs are.
pub(crate) const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The same for what the programs start themselves.
const SEARCH_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Most that is read of what a program says, in bytes: a group of 100,000 users fits.
const OUTPUT_LIMIT: u64 = 4 * 1024 * 1024;

/// A program and what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Its name, without directory.
    pub(crate) program: &'static str,
    /// Its arguments: everybody on the machine can read them.
    pub(crate) arguments: Vec<String>,
    /// What it reads from its standard input, if anything. A few hundred bytes: they have to fit
    /// into a pipe.
    pub(crate) input: Option<Secret>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How.
    pub(crate) status: ExitStatus,
    /// Its standard output.
    pub(crate) output: Vec<u8>,
    complaint: Vec<u8>,
}

impl Call {
    /// Without anything to read.
    pub(crate) fn new<'a>(
        program: &'static str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            program,
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            input: None,
        }
    }

    /// With something to read that is in no argument, error or log.
    pub(crate) fn with_input(mut self, input: Secret) -> Self {
        self.input = Some(input);
        self
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        let mut shown = self.program.to_owned();
        for argument in &self.arguments {
            shown.push(' ');
            shown.push_str(argument);
        }
        shown
    }

    fn failed(&self, problem: impl Into<String>) -> ShareError {
        ShareError::Program {
            program: self.shown(),
            problem: problem.into(),
        }
    }
}

impl Ended {
    /// What the program complained of last, or how it ended.
    pub(crate) fn error(&self, call: &Call) -> ShareError {
        let complaint = String::from_utf8_lossy(&self.complaint);
        let mut lines = complaint.lines().rev().map(str::trim);
        let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
        let last = last
            .strip_prefix(call.program)
            .map_or(last, |rest| rest.trim_start_matches([':', ' ']));
        let repeats = call
            .input
            .as_ref()
            .is_some_and(|input| repeats(last, input));
        if last.is_empty() || repeats {
            return call.failed(self.status.to_string());
        }
        call.failed(printable(last))
    }

    /// Whether it changed nothing because another program was changing users.
    pub(crate) fn found_a_lock(&self) -> bool {
        let complaint = String::from_utf8_lossy(&self.complaint).to_lowercase();
        [
            "cannot lock /etc/",
            "can't lock",
            "unable to lock",
            "lock busy",
            "try again later",
        ]
        .iter()
        .any(|words| complaint.contains(words))
    }
}

/// Whether a complaint has what was read in it: no program is known to, any PAM module might.
fn repeats(complaint: &str, input: &Secret) -> bool {
    let secret = input.expose().trim_end_matches('\n');
    let secret = secret.split_once(':').map_or(secret, |(_, secret)| secret);
    !secret.is_empty() && complaint.contains(secret)
}

/// A program in the system's directories.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    find_in(&DIRECTORIES, name)
}

/// A program in these directories.
pub(crate) fn find_in(directories: &[impl AsRef<Path>], name: &str) -> Option<PathBuf> {
    let paths = directories
        .iter()
        .map(|directory| directory.as_ref().join(name));
    paths.into_iter().find(|path| path.is_file())
}

/// Runs `program` as `call` says and waits for its end, but no longer than `limit`.
///
/// # Errors
/// If it cannot be started or takes too long; then it and what it started has been ended.
pub(crate) fn run(program: &Path, call: &Call, limit: Duration) -> Result<Ended, ShareError> {
    let started = |error: io::Error| call.failed(format!("it cannot be run: {error}"));
    // Memory, not pipes: a daemon that the program leaves behind may hold them open for ever.
    let output = memory("output").map_err(started)?;
    let complaint = memory("complaint").map_err(started)?;
    let mut child = command(program, call, &output, &complaint)
        .and_then(|mut command| command.spawn())
        .map_err(started)?;
    feed(&mut child, call.input.as_ref());
    let status = wait(&mut child, limit).map_err(started)?;
    let Some(status) = status else {
        end(&mut child);
        let seconds = limit.as_secs_f32();
        return Err(call.failed(format!(
            "it was not done after {seconds} seconds and was ended"
        )));
    };
    Ok(Ended {
        status,
        output: contents(output).map_err(started)?,
        complaint: contents(complaint).map_err(started)?,
    })
}

fn command(program: &Path, call: &Call, output: &File, complaint: &File) -> io::Result<Command> {
    let mut command = Command::new(program);
    command
        .args(call.arguments.iter().map(OsStr::new))
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        // Ctrl-C at our terminal is not to end it between two files.
        .process_group(0)
        .stdin(if call.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(output.try_clone()?)
        .stderr(complaint.try_clone()?);
    Ok(command)
}

/// What is small enough for a pipe is written whether or not anybody reads. That nobody did shows
/// in how the program ends.
fn feed(child: &mut Child, input: Option<&Secret>) {
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        drop(pipe.write_all(input.expose().as_bytes()));
    }
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    const LONGEST_PAUSE: Duration = Duration::from_millis(20);
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// It leads its own group, and is not yet waited for: the number is still its.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if group.is_none_or(|group| kill_process_group(group, Signal::KILL).is_err()) {
        drop(child.kill());
    }
    drop(child.wait());
}

fn memory(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

fn contents(mut file: File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(OUTPUT_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}
