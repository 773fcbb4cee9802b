//! The programs that run here. They outlive every connection, and end with the session.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connection::Connection;
use live::control::Failure;
use live::files::Root;
use live::message::ToLaptop;
use live::programs::{Directory, Input, Program, Report, Size, Start, Viewer};
use rustix::process::{Signal, getuid};
use tokio::time::timeout;

mod command;
mod piped;
mod process;
mod running;
mod sizes;
mod surroundings;
mod telling;
mod typed;
mod viewing;

use super::account::AccountEnvironment;
use crate::failure;
use command::command;
use running::{Running, Started};
use sizes::Wish;
pub(super) use surroundings::Inside;
use surroundings::Surroundings;
pub use surroundings::{GIT_SETTINGS, path_with};
use telling::Telling;
use viewing::Viewing;

/// How many run at once at most, and the reports of how many that have ended are kept.
const MOST_PROGRAMS: usize = 64;
/// How many look at them at once at most.
const MOST_VIEWERS: usize = 256;
/// How long the report of one that has ended is kept.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// How long the end of all is waited for. They are killed long before; what is left cannot be.
const LONGEST_END: Duration = Duration::from_secs(10);

/// See the head of this file. Clones are the same.
#[derive(Clone)]
pub(super) struct Programs {
    shared: Arc<Shared>,
}

struct Shared {
    surroundings: Surroundings,
    /// How a program finds the commands that run on the laptop.
    inside: Option<Inside>,
    telling: Telling,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    programs: BTreeMap<Program, Entry>,
    viewers: HashMap<Viewer, Viewing>,
    /// Some commands run on the laptop.
    is_proxied: bool,
    is_over: bool,
}

struct Entry {
    what: live::programs::What,
    /// Milliseconds since 1970.
    since: u64,
    running: Running,
}

impl Programs {
    pub(super) fn new(
        connection: Connection<ToLaptop>,
        environment: Vec<(OsString, OsString)>,
        inside: Option<Inside>,
    ) -> Self {
        // Without it, the shell is what the environment says.
        let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
        let surroundings = Surroundings::new(environment, &passwd, getuid().as_raw());
        let shared = Shared {
            surroundings,
            inside,
            telling: Telling::new(connection),
            state: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Starts one. Blocks for the time of a fork, and until its directory is found. `mount` tells where a directory is
    /// mounted, if it is; `account` is what the session brings along. Inside of a tokio runtime, and not while another is started.
    pub(super) fn start(
        &self,
        start: Start,
        account: Option<AccountEnvironment>,
        mount: impl FnOnce(Root) -> Option<PathBuf>,
    ) -> Result<(), Failure> {
        let is_proxied = {
            let mut state = self.state();
            state.admit(&start)?;
            state.is_proxied
        };
        let surroundings = &self.shared.surroundings;
        let inside = self.shared.inside.as_ref().filter(|_| is_proxied);
        let started = Started {
            command: command(&start.what, &surroundings.shell, inside)?,
            environment: surroundings.environment(account, &start.environment, inside)?,
            directory: self.directory(start.directory, mount)?,
        };
        let viewer = start.viewer;
        let (running, viewing) = match start.size {
            Some(size) => (started.on_terminal(size)?, None),
            None => {
                let telling = self.shared.telling.clone();
                let (piped, typed) = started.on_pipes(viewer, telling, self.forgetting(viewer))?;
                let viewing = Viewing::of_pipes(start.program, &piped, typed);
                (Running::Piped(piped), Some(viewing))
            }
        };
        let mut state = self.state();
        if state.is_over {
            running.end();
            return Err(failure("the session has ended", ""));
        }
        if let Some(viewing) = viewing.filter(|_| running.ended().is_none()) {
            state.viewers.insert(viewer, viewing);
        }
        let entry = Entry {
            what: start.what.title(),
            since: milliseconds(now()),
            running,
        };
        state.programs.insert(start.program, entry);
        Ok(())
    }

    /// Whether programs that are started from now on find commands that run on the laptop.
    pub(super) fn set_proxied(&self, is_proxied: bool) {
        self.state().is_proxied = is_proxied;
    }

    fn directory(
        &self,
        directory: Directory,
        mount: impl FnOnce(Root) -> Option<PathBuf>,
    ) -> Result<PathBuf, Failure> {
        let (root, path) = match directory {
            Directory::Home => return Ok(self.shared.surroundings.home().to_owned()),
            Directory::Mount(root, path) => (root, path),
        };
        let Some(point) = mount(root) else {
            return Err(failure(
                "the directory to start in is not mounted on the server",
                "Add it to the session first, and see whether its mount failed.",
            ));
        };
        let directory = match path.is_root() {
            true => point,
            false => point.join(path.as_os_str()),
        };
        let told = |why: &str| {
            let message = format!("cannot start in {}: {why}", directory.display());
            failure(&message, "Name a directory that is there.")
        };
        match std::fs::metadata(&directory) {
            Ok(metadata) if metadata.is_dir() => Ok(directory),
            Ok(_) => Err(told("it is no directory")),
            Err(error) => Err(told(&error.to_string())),
        }
    }

    /// Lets somebody look. Inside of a tokio runtime.
    pub(super) fn attach(
        &self,
        program: Program,
        viewer: Viewer,
        size: Option<Size>,
        read_only: bool,
    ) -> Result<(), Failure> {
        let mut state = self.state();
        state.admit_viewer()?;
        let terminal = match &state.entry(program)?.running {
            Running::Terminal(terminal) => terminal.clone(),
            Running::Piped(_) => {
                return Err(failure(
                    "the program has no terminal to look at",
                    "Start it with one next time.",
                ));
            }
        };
        let telling = self.shared.telling.clone();
        let wish = Wish { size, read_only };
        let after = self.forgetting(viewer);
        let viewing = Viewing::of_terminal(program, viewer, wish, &terminal, telling, after);
        // Under the lock, so that it is there before it is forgotten.
        state.viewers.insert(viewer, viewing);
        state.fit(program);
        Ok(())
    }

    /// What is to be done when a viewer was told of the end.
    fn forgetting(&self, viewer: Viewer) -> impl FnOnce() + Send + 'static {
        let shared = Arc::downgrade(&self.shared);
        move || {
            if let Some(shared) = shared.upgrade() {
                shared.state().viewers.remove(&viewer);
            }
        }
    }

    pub(super) fn detach(&self, viewer: Viewer) {
        let mut state = self.state();
        if let Some(viewing) = state.viewers.remove(&viewer) {
            state.fit(viewing.program);
        }
    }

    /// The laptop was started anew: nobody looks.
    pub(super) fn detach_all(&self) {
        self.state().viewers.clear();
    }

    /// What a viewer says. One that is not known has gone.
    pub(super) fn said(&self, viewer: Viewer, input: Input) {
        let mut state = self.state();
        let Some(viewing) = state.viewers.get_mut(&viewer) else {
            return;
        };
        match input {
            Input::Typed(bytes) => viewing.typed(bytes),
            Input::InputEnded => viewing.input_ended(),
            Input::Seen(after) => viewing.seen(after),
            Input::Signal(signal) => {
                // Another number is none that a program could be sent by name.
                if let Some(signal) = Signal::from_named_raw(signal) {
                    viewing.signal(signal);
                }
            }
            Input::Resize(size) => {
                viewing.resize(size);
                let program = viewing.program;
                state.fit(program);
            }
        }
    }

    /// Has one end; forgets one that has.
    pub(super) fn end(&self, program: Program) -> Result<(), Failure> {
        let mut state = self.state();
        let running = &state.entry(program)?.running;
        if running.ended().is_none() {
            running.end();
        } else {
            state.programs.remove(&program);
        }
        Ok(())
    }

    pub(super) fn list(&self) -> Vec<Report> {
        let mut state = self.state();
        state.forget();
        let entries = state.programs.iter();
        let reports = entries.map(|(program, entry)| Report {
            program: *program,
            what: entry.what.clone(),
            since: entry.since,
            size: entry.running.size(),
            viewers: state.viewers_of(*program),
            ended: entry.running.ended(),
        });
        reports.collect()
    }

    /// Ends all, and none comes after that. Waits until they are gone.
    pub(super) async fn end_all(&self) {
        let running = self.shared.end_all();
        let gone = async {
            for running in running {
                running.wait().await;
            }
        };
        // What cannot be killed waits for the kernel.
        drop(timeout(LONGEST_END, gone).await);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_all(&self) -> Vec<Running> {
        let mut state = self.state();
        state.is_over = true;
        state.viewers.clear();
        let programs = std::mem::take(&mut state.programs);
        let running: Vec<_> = programs.into_values().map(|entry| entry.running).collect();
        running.iter().for_each(Running::end);
        running
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.end_all());
    }
}

impl State {
    /// Whether one more can be.
    fn admit(&mut self, start: &Start) -> Result<(), Failure> {
        self.forget();
        if self.programs.contains_key(&start.program) {
            return Err(failure("another program has that number", ""));
        }
        let running = |entry: &&Entry| entry.running.ended().is_none();
        if self.programs.values().filter(running).count() >= MOST_PROGRAMS {
            return Err(failure(
                &format!("{MOST_PROGRAMS} programs run already, which are the most"),
                "End some of them.",
            ));
        }
        match start.size {
            Some(_) => Ok(()),
            None => self.admit_viewer(),
        }
    }

    fn admit_viewer(&self) -> Result<(), Failure> {
        if self.viewers.len() < MOST_VIEWERS {
            return Ok(());
        }
        Err(failure(
            &format!("{MOST_VIEWERS} look at programs already, which are the most"),
            "Detach some of them.",
        ))
    }

    fn entry(&self, program: Program) -> Result<&Entry, Failure> {
        self.programs.get(&program).ok_or_else(|| {
            failure(
                "the agent on the server knows of no such program",
                "It has ended long ago, or the agent was started anew; see which ones there are.",
            )
        })
    }

    /// Has a terminal be as large as its viewers want.
    fn fit(&self, program: Program) {
        let viewers = self.viewers.values();
        let wishes = viewers.filter(|viewing| viewing.program == program);
        let size = sizes::smallest(wishes.map(|viewing| viewing.wish));
        if let (Some(size), Some(entry)) = (size, self.programs.get(&program)) {
            entry.running.resize(size);
        }
    }

    fn viewers_of(&self, program: Program) -> u32 {
        let viewers = self.viewers.values();
        let count = viewers.filter(|viewing| viewing.program == program).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Forgets those that ended long ago, and the oldest of too many.
    fn forget(&mut self) {
        let remembered = u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX);
        let oldest = milliseconds(now()).saturating_sub(remembered);
        let ended = |entry: &Entry| entry.running.ended().map(|ended| ended.at);
        self.programs
            .retain(|_, entry| ended(entry).is_none_or(|at| at >= oldest));
        let all = self.programs.iter();
        let mut last: Vec<(u64, Program)> = all
            .filter_map(|(program, entry)| Some((ended(entry)?, *program)))
            .collect();
        last.sort_unstable();
        let excess = last.len().saturating_sub(MOST_PROGRAMS);
        for (_, program) in &last[..excess] {
            self.programs.remove(program);
        }
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
