//! Waiting for conditions, and children that never outlive their test.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `condition` holds.
///
/// # Panics
/// Naming `what`, when it does not within `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "waited {limit:?} in vain for: {what}"
        );
        thread::sleep(PAUSE);
    }
}

/// A child that is killed by its handle and reaped when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Option<Arc<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    state: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Process {
    /// Starts `command` with the standard streams that it names.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(mut command: Command) -> Process {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Process {
            child,
            output: None,
        }
    }

    /// Starts `command` with its standard input open and its standard output collected line by line.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn_talking(mut command: Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(command);
        let lines = Arc::new(Lines::default());
        let stdout = process.child.stdout.take().expect("just piped");
        let collected = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                collected
                    .state
                    .lock()
                    .unwrap()
                    .0
                    .push(String::from_utf8_lossy(&line).into_owned());
                collected.changed.notify_all();
            }
            collected.state.lock().unwrap().1 = true;
            collected.changed.notify_all();
        });
        process.output = Some(lines);
        process
    }

    /// The child's process id. It stays the child's until this value is dropped or waited for.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for what is not wrapped here.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The child's standard input, to write to; dropping it closes it.
    ///
    /// # Panics
    /// When it was taken before or never piped.
    #[must_use]
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child
            .stdin
            .take()
            .expect("a piped standard input, not taken before")
    }

    /// The lines of standard output so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.output
            .as_ref()
            .map(|lines| lines.state.lock().unwrap().0.clone())
            .unwrap_or_default()
    }

    /// Waits until line `number` (from 0) of standard output is there and gives it.
    ///
    /// # Panics
    /// When output ends or `limit` passes before.
    #[must_use]
    #[track_caller]
    pub fn wait_for_line(&self, number: usize, limit: Duration) -> String {
        let lines = self.output.as_ref().expect("made by spawn_talking");
        let state = lines.state.lock().unwrap();
        let waiting = |state: &mut (Vec<String>, bool)| state.0.len() <= number && !state.1;
        let (state, _) = lines
            .changed
            .wait_timeout_while(state, limit, waiting)
            .unwrap();
        let ended = if state.1 {
            "output ended"
        } else {
            "still running"
        };
        state
            .0
            .get(number)
            .unwrap_or_else(|| panic!("no line {number} ({ended}); so far: {:#?}", state.0))
            .clone()
    }

    /// Sends `signal` to the child.
    ///
    /// # Panics
    /// When the child has been waited for already.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, signal).expect("a child that has not been waited for");
    }

    /// Waits for the child to end.
    ///
    /// # Panics
    /// When it has not within `limit`.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let mut ended = None;
        let what = format!("the end of process {}", self.child.id());
        wait_until(&what, limit, || {
            ended = self.child.try_wait().expect("a child to wait for");
            ended.is_some()
        });
        ended.expect("waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended and been reaped already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
