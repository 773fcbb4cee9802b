//! A new stream whenever one has ended.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::ssh::SshError;
use crate::{Connection, ConnectionError, Ended, State};

/// So long has a stream to be up for the next attempt to come as soon as if it were the first: two ends that throw each
/// other out do not spin.
const STEADY: Duration = Duration::from_secs(2);

/// Makes streams to the other end.
pub trait Connector: Send {
    /// What it makes.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// Makes one. Dropping the future leaves nothing behind.
    fn connect(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<Function, Connecting, Stream> Connector for Function
where
    Function: FnMut() -> Connecting + Send,
    Connecting: Future<Output = io::Result<Stream>> + Send,
    Stream: AsyncRead + AsyncWrite + Send + 'static,
{
    type Stream = Stream;

    fn connect(&mut self) -> impl Future<Output = io::Result<Stream>> + Send {
        self()
    }
}

/// How long to wait before the next attempt. Each wait is between half and all of its length, at random, so that a
/// server that comes back is not called by everybody at once.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The first time; each time after that twice as long.
    pub shortest: Duration,
    /// At most.
    pub longest: Duration,
    /// While somebody has to do something first ([`SshError::needs_somebody`]): servers count failed sign-ins, and shut
    /// out addresses that have too many (fail2ban: five in ten minutes).
    pub refused: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(200),
            longest: Duration::from_secs(10),
            refused: Duration::from_secs(300),
        }
    }
}

/// How it stands.
#[derive(Clone, Debug)]
pub enum Status {
    /// A stream is being made, or the other end has not said hello on it.
    Connecting {
        /// The number of the attempt since the other end was there for long, from 1.
        attempt: u32,
        /// What came of the last one, or of the last stream.
        error: Option<Arc<ConnectionError>>,
    },
    /// The other end is there.
    Up {
        /// How long the last ping took.
        round_trip: Option<Duration>,
    },
    /// There is no stream.
    Down {
        /// Since when.
        since: Instant,
        /// When the next attempt is made, unless [`Keeper::wake`] comes first.
        retry_at: Instant,
        /// Why.
        error: Arc<ConnectionError>,
    },
    /// There will be none any more.
    Ended {
        /// Why.
        why: Result<Ended, Arc<ConnectionError>>,
    },
}

/// What is known of a [`keep`], and has it try again. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Keeper {
    wakes: watch::Sender<u64>,
    status: watch::Receiver<Status>,
}

impl Keeper {
    /// Makes an attempt at once, unless the other end is there: the network is back, the laptop has woken, somebody looks.
    /// An attempt that is under way is given up for it.
    pub fn wake(&self) {
        self.wakes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How it stands, as it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

/// Runs `connection` over streams of `connector`, one after the other: the future does, when it is polled.
///
/// It ends when either end says goodbye ([`Connection::say_goodbye`]), when another stream takes the connection over, or by
/// an error that is [final](ConnectionError::is_final). Dropping it ends the stream, with nothing said. A goodbye that is to
/// be said while there is no stream waits for the next attempt, unless [`Keeper::wake`] comes first.
pub fn keep<Out, C: Connector>(
    connection: Connection<Out>,
    connector: C,
    options: Options,
) -> (
    Keeper,
    impl Future<Output = Result<Ended, Arc<ConnectionError>>>,
) {
    let first = Status::Connecting {
        attempt: 1,
        error: None,
    };
    let (status, status_receiver) = watch::channel(first);
    let (wakes, woken) = watch::channel(0);
    let keeper = Keeper {
        wakes: wakes.clone(),
        status: status_receiver,
    };
    let keeping = Keeping {
        connection,
        connector,
        options,
        status,
        woken,
        _wakes: wakes,
        up_since: None,
    };
    (keeper, keeping.run())
}

struct Keeping<Out, C> {
    connection: Connection<Out>,
    connector: C,
    options: Options,
    status: watch::Sender<Status>,
    woken: watch::Receiver<u64>,
    /// So that waiting to be woken does not fail when every [`Keeper`] is gone.
    _wakes: watch::Sender<u64>,
    /// When the other end was first there on the present stream.
    up_since: Option<Instant>,
}

/// What came of an attempt.
enum Attempt {
    Ended(Result<Ended, ConnectionError>),
    Woken,
}

impl<Out, C: Connector> Keeping<Out, C> {
    async fn run(mut self) -> Result<Ended, Arc<ConnectionError>> {
        let mut failures = 0;
        let mut error = None;
        let mut down_since = Instant::now();
        let why = loop {
            self.woken.mark_unchanged();
            self.status.send_replace(Status::Connecting {
                attempt: failures + 1,
                error: error.clone(),
            });
            let failure = match self.attempt().await {
                Attempt::Woken => continue,
                Attempt::Ended(Ok(ended)) => break Ok(ended),
                Attempt::Ended(Err(failure)) => Arc::new(failure),
            };
            if failure.is_final() {
                break Err(failure);
            }
            if let Some(up_since) = self.up_since.take() {
                down_since = Instant::now();
                if up_since.elapsed() >= STEADY {
                    failures = 0;
                }
            }
            self.wait(down_since, failures, &failure).await;
            failures = failures.saturating_add(1);
            error = Some(failure);
        };
        self.status.send_replace(Status::Ended { why: why.clone() });
        why
    }

    async fn attempt(&mut self) -> Attempt {
        let woken = self.woken.clone();
        let stream = tokio::select! {
            biased;
            stream = self.connector.connect() => stream,
            () = changed(woken) => return Attempt::Woken,
        };
        match stream {
            Ok(stream) => self.over(stream).await,
            Err(error) => Attempt::Ended(Err(error.into())),
        }
    }

    async fn over(&mut self, stream: C::Stream) -> Attempt {
        let connection = self.connection.clone();
        let mut state = connection.state();
        state.mark_changed();
        let mut ended = pin!(connection.run(stream));
        let mut woken = pin!(changed(self.woken.clone()));
        loop {
            tokio::select! {
                biased;
                ended = &mut ended => return Attempt::Ended(ended),
                () = changed_once(&mut state) => self.tell(*state.borrow_and_update()),
                () = &mut woken, if self.up_since.is_none() => return Attempt::Woken,
            }
        }
    }

    fn tell(&mut self, state: State) {
        if let State::Up { since, round_trip } = state {
            self.up_since = Some(since);
            self.status.send_replace(Status::Up { round_trip });
        }
    }

    async fn wait(&mut self, since: Instant, failures: u32, failure: &Arc<ConnectionError>) {
        let most = match needs_somebody(failure) {
            true => self.options.refused,
            false => longest_wait(self.options, failures),
        };
        let wait = most / 2 + (most / 2).mul_f64(random_share());
        self.status.send_replace(Status::Down {
            since,
            retry_at: Instant::now() + wait,
            error: Arc::clone(failure),
        });
        tokio::select! {
            () = sleep(wait) => {}
            () = changed_once(&mut self.woken) => {}
        }
    }
}

async fn changed<T>(mut receiver: watch::Receiver<T>) {
    changed_once(&mut receiver).await;
}

/// Never returns when nothing can change any more.
async fn changed_once<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn longest_wait(options: Options, failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures);
    options.shortest.saturating_mul(factor).min(options.longest)
}

fn needs_somebody(error: &ConnectionError) -> bool {
    let ConnectionError::Stream(error) = error else {
        return false;
    };
    let inner = error.get_ref();
    inner
        .and_then(|inner| inner.downcast_ref::<SshError>())
        .is_some_and(SshError::needs_somebody)
}

/// Between 0 and 1; 1 if the system gives no random numbers.
fn random_share() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}
