//! The programs on the server, as the laptop starts and reaches them.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connection::Connection;
use live::Bytes;
use live::control::{Failure, Reply, Request};
use live::message::ToServer;
use live::programs::{Directory, Output, Program, Report, Size, Start, Viewer, What};
use tokio::sync::oneshot;

mod viewing;

use crate::{failure, random};
use viewing::View;
pub use viewing::{Gone, Typing, Viewing, Watching};

/// How often another number is tried for a program, when one has it that an earlier process on this laptop has started.
const TRIES: usize = 3;

type Answer = Result<Reply, Failure>;

/// The programs on the server. Clones are the same.
///
/// While the connection is down, everything here waits; drop it to wait no longer. The words of a [`Failure`] are the
/// server's: make them printable before they are shown.
#[derive(Clone)]
pub struct Programs {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Connection<ToServer>,
    state: Mutex<State>,
}

struct State {
    /// The numbers given last. Those of wishes and viewers begin at random: what was meant for an earlier process may
    /// still come.
    wish: u64,
    viewer: u64,
    program: u32,
    pending: HashMap<u64, oneshot::Sender<Answer>>,
    views: HashMap<Viewer, Arc<View>>,
    /// There has been an agent: one that comes now without knowing of this process is another.
    was_connected: bool,
    is_over: bool,
}

impl Programs {
    pub(super) fn new(connection: Connection<ToServer>) -> io::Result<Self> {
        let state = State {
            wish: random()?,
            viewer: random()?,
            program: 0,
            pending: HashMap::new(),
            views: HashMap::new(),
            was_connected: false,
            is_over: false,
        };
        let shared = Shared {
            connection,
            state: Mutex::new(state),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Starts a program, on a terminal of this size, or on three pipes if there is none: then with their other ends.
    ///
    /// # Errors
    /// If the agent cannot, or was started anew meanwhile. If this is dropped before it is done, the program may run all
    /// the same.
    pub async fn start(
        &self,
        what: What,
        directory: Directory,
        environment: Vec<(Bytes, Bytes)>,
        size: Option<Size>,
    ) -> Result<(Program, Option<Viewing>), Failure> {
        let (viewer, viewing) = self.view();
        let viewing = size.is_none().then_some(viewing);
        let mut start = Start {
            program: self.next_program(),
            viewer,
            what,
            directory,
            environment,
            size,
        };
        for _ in 1..TRIES {
            match self.ask(Request::Start(start.clone())).await {
                Ok(_) => return Ok((start.program, viewing)),
                Err(failure) if !self.is_taken(start.program).await? => return Err(failure),
                Err(_) => start.program = self.next_program(),
            }
        }
        let program = start.program;
        self.ask(Request::Start(start)).await?;
        Ok((program, viewing))
    }

    /// Begins to look at a program that has a terminal; one that has ended shows its last picture, and that it has ended.
    /// The smallest of all viewers that may type and told their size decides how large the terminal is.
    ///
    /// # Errors
    /// If there is no such program, it has no terminal, or too many look.
    pub async fn attach(
        &self,
        program: Program,
        size: Option<Size>,
        read_only: bool,
    ) -> Result<Viewing, Failure> {
        let (viewer, viewing) = self.view();
        let attach = Request::Attach {
            program,
            viewer,
            size,
            read_only,
        };
        self.ask(attach).await.map(|_| viewing)
    }

    /// Has a program end, within some seconds; the report of one that has ended is forgotten.
    ///
    /// # Errors
    /// If there is no such program.
    pub async fn end(&self, program: Program) -> Result<(), Failure> {
        self.ask(Request::End(program)).await.map(drop)
    }

    /// Which programs there are, and of those that have ended the last ones.
    ///
    /// # Errors
    /// If the session has ended, or the agent was started anew meanwhile.
    pub async fn list(&self) -> Result<Vec<Report>, Failure> {
        match self.ask(Request::Programs).await? {
            Reply::Programs(reports) => Ok(reports),
            Reply::Done | Reply::Mounted(_) | Reply::Offered | Reply::SignedIn => Err(failure(
                "the agent on the server answers what it was not asked",
                "",
            )),
        }
    }

    /// Whether another program has this number; the next number is free then.
    async fn is_taken(&self, program: Program) -> Result<bool, Failure> {
        let reports = self.list().await?;
        let is_taken = reports.iter().any(|report| report.program == program);
        if is_taken {
            let numbers = reports.iter().map(|report| report.program.0);
            self.shared.state().program = numbers.max().unwrap_or_default();
        }
        Ok(is_taken)
    }

    fn next_program(&self) -> Program {
        let mut state = self.shared.state();
        state.program = state.program.wrapping_add(1);
        Program(state.program)
    }

    /// Somebody who looks, before the server knows.
    fn view(&self) -> (Viewer, Viewing) {
        let view = Arc::new(View::default());
        let viewer = {
            let mut state = self.shared.state();
            state.viewer = state.viewer.wrapping_add(1);
            let viewer = Viewer(state.viewer);
            state.views.insert(viewer, Arc::clone(&view));
            viewer
        };
        (viewer, Viewing::new(self.clone(), viewer, view))
    }

    async fn ask(&self, request: Request) -> Answer {
        let (answer, answered) = oneshot::channel();
        let wish = {
            let mut state = self.shared.state();
            if state.is_over {
                return Err(over());
            }
            state.wish = state.wish.wrapping_add(1);
            let wish = state.wish;
            state.pending.insert(wish, answer);
            wish
        };
        let _waiting = Waiting {
            shared: &self.shared,
            wish,
        };
        let asked = ToServer::Control(wish, request);
        if let Err(error) = self.shared.connection.send(&asked) {
            return Err(failure(&error.to_string(), ""));
        }
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    pub(super) fn replied(&self, wish: u64, reply: Answer) {
        let waiting = self.shared.state().pending.remove(&wish);
        if let Some(waiting) = waiting {
            // Fails for one that waits no longer.
            drop(waiting.send(reply));
        }
    }

    /// What a program says to a viewer. One that is not known has gone.
    pub(super) fn told(&self, viewer: Viewer, output: Output) {
        let mut state = self.shared.state();
        let Some(view) = state.views.get(&viewer) else {
            return;
        };
        if view.push(output) {
            state.views.remove(&viewer);
        }
    }

    pub(super) fn taken(&self, viewer: Viewer, taken: u64) {
        if let Some(view) = self.shared.state().views.get(&viewer) {
            view.taken(taken);
        }
    }

    /// There is an agent that knows of no program. What was asked for before the first came is asked of that one.
    pub(super) fn begin_anew(&self) {
        if std::mem::replace(&mut self.shared.state().was_connected, true) {
            self.lose_all(&failure(
                "the agent on the server was started anew: its programs are gone",
                "Start them again.",
            ));
        }
    }

    /// The session has ended.
    pub(super) fn end_all(&self) {
        self.shared.state().is_over = true;
        self.lose_all(&over());
    }

    fn lose_all(&self, why: &Failure) {
        let (pending, views) = {
            let mut state = self.shared.state();
            let pending = std::mem::take(&mut state.pending);
            (pending, std::mem::take(&mut state.views))
        };
        for view in views.into_values() {
            view.lose();
        }
        for waiting in pending.into_values() {
            drop(waiting.send(Err(why.clone())));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for an answer, until this is dropped.
struct Waiting<'a> {
    shared: &'a Shared,
    wish: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.state().pending.remove(&self.wish);
    }
}

fn over() -> Failure {
    failure("the session has ended", "")
}
