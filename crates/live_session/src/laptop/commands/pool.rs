//! Runners, one of which is always ready: a command that starts waits for no start of this program.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runner::{Descriptors, Runner, Spec};
use tokio::task::spawn_blocking;

pub(super) struct Pool {
    program: PathBuf,
    arguments: Vec<OsString>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ready: Option<Runner>,
    is_closed: bool,
}

impl Pool {
    /// Has one made ready. Inside of a tokio runtime.
    pub(super) fn new((program, arguments): (PathBuf, Vec<OsString>)) -> Arc<Self> {
        let pool = Arc::new(Self {
            program,
            arguments,
            state: Mutex::default(),
        });
        pool.refill();
        pool
    }

    /// A runner that has been told what to run.
    pub(super) async fn start(
        self: &Arc<Self>,
        spec: Spec,
        descriptors: &Descriptors,
    ) -> io::Result<Runner> {
        let ready = self.state().ready.take();
        self.refill();
        if let Some(mut runner) = ready
            && runner.start(spec.clone(), descriptors).await.is_ok()
        {
            return Ok(runner);
        }
        // None was ready, or it was killed meanwhile.
        let pool = Arc::clone(self);
        let prepared = spawn_blocking(move || pool.prepare()).await;
        let mut runner = prepared.map_err(io::Error::other)??;
        runner.start(spec, descriptors).await?;
        Ok(runner)
    }

    /// Keeps none ready any more, and waits until the one that was is gone.
    pub(super) async fn close(&self) {
        let ready = {
            let mut state = self.state();
            state.is_closed = true;
            state.ready.take()
        };
        if let Some(mut runner) = ready {
            // Fails only for one that is gone.
            runner.hang_up().ok();
            while let Ok(Some(_)) = runner.next().await {}
        }
    }

    fn refill(self: &Arc<Self>) {
        let pool = Arc::clone(self);
        spawn_blocking(move || {
            // Where it fails, the next command says why.
            if let Ok(runner) = pool.prepare() {
                let mut state = pool.state();
                if !state.is_closed && state.ready.is_none() {
                    state.ready = Some(runner);
                }
            }
        });
    }

    /// Blocks for the time of a fork.
    fn prepare(&self) -> io::Result<Runner> {
        let mut command = Command::new(&self.program);
        // Whatever the daemon's own has in it is nothing that a command may find in `/proc` of its parent.
        command.args(&self.arguments).env_clear().current_dir("/");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Runner::prepare(command)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
