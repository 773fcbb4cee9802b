//! The agent's side.

use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connection::relay::Socket;
use connection::{Connection, State};
use live::control::Failure;
use live::message::ToLaptop;
use live_session::server::{Agent, Offer};
use model::printable;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::{AgentDirectory, AgentStatus, FromAgent, Refusal, ToAgent};
use crate::agent::environment_file;
use crate::local::{LocalError, LocalPath, MessageReader, MessageWriter};
use crate::{Places, SessionName, detached};

/// How many programs may be connected at once.
const MOST: usize = 16;
/// How long one that has connected may take for each thing that it says.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take to read an answer.
const READING: Duration = Duration::from_secs(10);
/// How long nobody is accepted after that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an answer waits at most for what has been written there to be on the laptop; unmounting goes on.
const UNMOUNTING: Duration = Duration::from_secs(60);

/// What answers programs of this server.
pub(in crate::agent) struct Control {
    agent: Arc<Agent>,
    state: watch::Receiver<State>,
    places: Places,
    session: SessionName,
    /// Seconds since 1970.
    started_at: i64,
    /// Held while something is mounted or unmounted, with the file that says so.
    turn: Mutex<()>,
}

impl Control {
    pub(in crate::agent) fn new(
        agent: Arc<Agent>,
        connection: &Connection<ToLaptop>,
        places: Places,
        session: SessionName,
    ) -> Self {
        Self {
            agent,
            state: connection.state(),
            places,
            session,
            started_at: jiff::Timestamp::now().as_second(),
            turn: Mutex::default(),
        }
    }

    /// Answers whoever connects. Dropping the future hangs up on all of them.
    pub(in crate::agent) async fn serve(self: Arc<Self>, socket: Socket) {
        let mut connected = JoinSet::new();
        loop {
            tokio::select! {
                accepted = socket.accept(), if connected.len() < MOST => match accepted {
                    Ok(stream) => {
                        let control = Arc::clone(&self);
                        connected.spawn(async move { control.answer_all(stream).await });
                    }
                    Err(_) => sleep(PAUSE).await,
                },
                Some(_) = connected.join_next() => {}
            }
        }
    }

    /// Waits until nothing is being mounted, after [`Control::serve`] was dropped: nothing will be any more.
    pub(in crate::agent) async fn is_idle(&self) {
        drop(self.turn.lock().await);
    }

    async fn answer_all(&self, stream: impl AsyncRead + AsyncWrite) {
        match self.talk(stream).await {
            Ok(()) | Err(LocalError::Closed) => {}
            Err(error) => detached::log(&format!("a program here was hung up on: {error}")),
        }
    }

    pub(super) async fn talk(&self, stream: impl AsyncRead + AsyncWrite) -> Result<(), LocalError> {
        let (reads, writes) = split(stream);
        // Before anything is read: one of another version learns which this is.
        let mut writer = in_time(READING, MessageWriter::begin(writes)).await?;
        let mut reader = in_time(PATIENCE, MessageReader::begin(reads)).await?;
        loop {
            let request = in_time(PATIENCE, reader.next()).await?;
            // Not given up when who asks hangs up: a mount and the file that says so come and go together.
            let answer = self.answer(request).await;
            in_time(READING, writer.send(&answer)).await?;
        }
    }

    async fn answer(&self, request: ToAgent) -> FromAgent {
        let answered = match request {
            ToAgent::Mount { limit_ms } => self.mount(Duration::from_millis(limit_ms)).await,
            ToAgent::Unmount { limit_ms } => self.unmount(Duration::from_millis(limit_ms)).await,
            ToAgent::Status => Ok(FromAgent::Status(self.status())),
            ToAgent::Version(_) => Err(failed("that has no place here", "")),
        };
        answered.unwrap_or_else(FromAgent::Refused)
    }

    async fn mount(&self, limit: Duration) -> Result<FromAgent, Refusal> {
        let _turn = self.turn.lock().await;
        self.wait_for_laptop(limit).await?;
        let offers = self.agent.offers();
        let mounted = spawn_blocking(move || offers.mount()).await;
        let main = mounted
            .map_err(of_bug)?
            .map_err(|failure| of_failure(&failure))?;
        let written = environment_file::write(&self.places, &self.session, &main);
        let environment = written.map_err(|error| of_file(&error))?;
        detached::log(&format!("mounted at {}: asked for", main.display()));
        Ok(FromAgent::Mounted {
            main: LocalPath::new(&main),
            environment: LocalPath::new(&environment),
        })
    }

    async fn unmount(&self, limit: Duration) -> Result<FromAgent, Refusal> {
        let _turn = self.turn.lock().await;
        // What was written there could not be brought to it.
        self.wait_for_laptop(limit).await?;
        let offers = self.agent.offers();
        let unmounting = spawn_blocking(move || offers.unmount());
        let unmounted = timeout(UNMOUNTING, unmounting).await;
        let unmounted_in_time = unmounted.is_ok();
        if let Ok(unmounted) = unmounted {
            unmounted
                .map_err(of_bug)?
                .map_err(|failure| of_failure(&failure))?;
        }
        // Nobody is to go there any more, also while it takes its time.
        environment_file::remove(&self.places, &self.session);
        detached::log("unmounted: asked for");
        match unmounted_in_time {
            true => Ok(FromAgent::Done),
            false => Err(failed(
                "the laptop does not take what was written here",
                "It is unmounted when that is done: claude-share tunnel status",
            )),
        }
    }

    async fn wait_for_laptop(&self, limit: Duration) -> Result<(), Refusal> {
        let mut state = self.state.clone();
        let up = state.wait_for(|state| matches!(state, State::Up { .. }));
        let is_up = async {
            if up.await.is_err() {
                // The session has ended.
                pending::<()>().await;
            }
        };
        if timeout(limit, is_up).await.is_ok() {
            return Ok(());
        }
        Err(Refusal::NotConnected {
            since_ms: since_ms(&self.state).1,
        })
    }

    fn status(&self) -> AgentStatus {
        let (is_connected, since_ms) = since_ms(&self.state);
        let environment = self.places.environment_file(&self.session);
        let directories = self.agent.offers().list().into_iter().map(directory);
        let programs = self.agent.running_programs();
        AgentStatus {
            session: self.session.to_string(),
            agent: std::process::id(),
            started_at: self.started_at,
            is_connected,
            since_ms,
            directories: directories.collect(),
            programs: u32::try_from(programs).unwrap_or(u32::MAX),
            environment: is_there(environment).map(|path| LocalPath::new(&path)),
        }
    }
}

/// What is not done within `limit` is as if the other side had hung up.
async fn in_time<T>(
    limit: Duration,
    saying: impl Future<Output = Result<T, LocalError>>,
) -> Result<T, LocalError> {
    timeout(limit, saying)
        .await
        .unwrap_or(Err(LocalError::Closed))
}

/// Whether there is a connection, and for how many milliseconds that has been so.
fn since_ms(state: &watch::Receiver<State>) -> (bool, u64) {
    let (is_connected, since) = match *state.borrow() {
        State::Up { since, .. } => (true, since),
        State::Down { since } => (false, since),
    };
    let since = u64::try_from(since.elapsed().as_millis());
    (is_connected, since.unwrap_or(u64::MAX))
}

fn is_there(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

fn directory(offer: Offer) -> AgentDirectory {
    AgentDirectory {
        name: printable(&offer.name),
        is_main: offer.is_main,
        read_only: offer.read_only,
        when_asked: offer.when_asked,
        place: offer.place.as_deref().map(LocalPath::new),
        failure: offer.failure.map(|failure| printable(&failure.message)),
    }
}

fn failed(message: &str, hint: &str) -> Refusal {
    Refusal::Failed {
        message: printable(message),
        hint: printable(hint),
    }
}

fn of_failure(failure: &Failure) -> Refusal {
    failed(&failure.message, &failure.hint)
}

fn of_bug(_: JoinError) -> Refusal {
    failed(
        "the agent has failed",
        "End the session on the laptop, and start it anew: cs stop",
    )
}

fn of_file(error: &io::Error) -> Refusal {
    failed(
        &format!("it is mounted, but its env.sh cannot be written: {error}"),
        "Check ~/.claude-share/remote and its permissions.",
    )
}
