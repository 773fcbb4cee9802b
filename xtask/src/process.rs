//! Running other programs, their output kept in a file.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How often a running program's log is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Whether a program's output is shown while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// As it comes.
    Live,
    /// Not by [`run`]; the caller shows it when it matters.
    Silent,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Whether it was started and exited with status 0.
    pub(crate) succeeded: bool,
    /// Its standard output and standard error in the order in which they were written.
    pub(crate) output: String,
}

impl Finished {
    /// The last line that says something, for a reason of one line.
    ///
    /// A line that speaks of an error or a failure is preferred: what follows it is often advice.
    pub(crate) fn reason(&self) -> String {
        let lines = || {
            self.output
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
        };
        let telling = |line: &&str| {
            let line = line.to_lowercase();
            ["error", "fatal", "fail", "err!"]
                .iter()
                .any(|word| line.contains(word))
        };
        let line = lines().rfind(telling).or_else(|| lines().next_back());
        line.unwrap_or("no output").to_owned()
    }
}

/// The cargo that started this program, or else the first in PATH.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `command` with the least claim to processor time.
pub(crate) fn nice(command: &Command) -> Command {
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"]).arg(command.get_program());
    nice.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nice.env(name, value),
            None => nice.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        nice.current_dir(directory);
    }
    nice
}

/// Runs `command` without standard input and with its output in the file `log`, and waits for it.
///
/// The output goes to a file and not through a pipe: a process that outlives the program would hold the pipe open,
/// and reading it to its end would then wait for that process too.
pub(crate) fn run(command: &mut Command, log: &Path, echo: Echo) -> Finished {
    match run_logged(command, log, echo) {
        Ok(finished) => finished,
        Err(error) => Finished {
            succeeded: false,
            output: format!(
                "{} could not be run: {error}\n",
                command.get_program().display()
            ),
        },
    }
}

fn run_logged(command: &mut Command, log: &Path, echo: Echo) -> Result<Finished> {
    if let Some(directory) = log.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let file = File::create(log)?;
    let mut reader = File::open(log)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    let mut output = Vec::new();
    loop {
        let ended = child.try_wait()?;
        let start = output.len();
        reader.read_to_end(&mut output)?;
        if echo == Echo::Live && output.len() > start {
            let mut screen = std::io::stdout().lock();
            screen.write_all(&output[start..])?;
            screen.flush()?;
        }
        if let Some(status) = ended {
            return Ok(Finished {
                succeeded: status.success(),
                output: String::from_utf8_lossy(&output).into_owned(),
            });
        }
        std::thread::sleep(POLL);
    }
}

/// Whether `command` can be started and succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `command`, its messages going to the caller, and returns its standard output; a failure is an error.
pub(crate) fn must(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let program = command.get_program().display();
    Err(format!(
        "`{program} {}` failed: {}",
        arguments.join(" "),
        output.status
    )
    .into())
}

/// Where `program` is in PATH, or among the system's own programs, which are not in everybody's.
pub(crate) fn which(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let system = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Runs `work` and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(output: &str) -> Finished {
        Finished {
            succeeded: false,
            output: output.to_owned(),
        }
    }

    #[test]
    fn a_reason_is_the_line_that_speaks_of_the_failure() {
        assert_eq!(
            finished("Cloning\nfatal: no host\n\nsee the log\n").reason(),
            "fatal: no host"
        );
        assert_eq!(finished("one\ntwo\n").reason(), "two");
        assert_eq!(finished("").reason(), "no output");
    }

    #[test]
    fn both_streams_are_kept_and_a_process_left_behind_is_not_waited_for() {
        let log = std::env::temp_dir().join(format!("xtask-process-{}.log", std::process::id()));
        let script = "echo one; echo two >&2; sleep 30 & echo $! ; exit 3";
        let (finished, elapsed) =
            timed(|| run(Command::new("sh").args(["-c", script]), &log, Echo::Silent));
        let left_behind = finished.output.lines().last().unwrap().to_owned();
        assert!(succeeds(Command::new("kill").arg(left_behind)));
        assert!(finished.output.starts_with("one\ntwo\n"));
        assert!(!finished.succeeded);
        assert!(elapsed < Duration::from_secs(20));
        std::fs::remove_file(log).unwrap();
    }
}
