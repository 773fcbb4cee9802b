//! A command that runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use live::commands::{Command, News, WINDOW};
use proxy::Paths;
use runner::{Report, Runner};
use rustix::process::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::fate::{Fate, Status};
use super::handle::{Do, Handle};
use super::input::{Next, Sink};
use super::list::Listed;
use super::options::{CommandLog, Outcome, Record};
use super::output::{Output, Piece, Source};
use super::streams::{Descriptor, resize};
use super::telling::largest_piece;
use super::{Running, Shared};

/// After how much input the server is told that it was taken, in bytes, while more comes: telling takes all processes on the
/// way back…
const TAKEN_AFTER: u64 = WINDOW / 8;
/// …and after how long without more. Whoever types may be waiting for that.
const TAKEN_LATER: Duration = Duration::from_millis(5);

/// A command that runs.
pub(super) struct Life {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Arc<Handle>,
    pub(super) runner: Runner,
    pub(super) to_do: mpsc::Receiver<Do>,
    pub(super) terminal: Option<Descriptor>,
    pub(super) log: Arc<dyn CommandLog>,
    pub(super) since: Instant,
    pub(super) record: Record,
    pub(super) listed: Listed,
}

/// How it fares.
struct Faring {
    fate: watch::Sender<Fate>,
    /// The signal that has stopped it, if it is stopped.
    stopped: watch::Sender<Option<i32>>,
}

/// What is told of it.
struct Told {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
}

impl Life {
    /// Until nothing of it runs and all is told.
    pub(super) async fn live(
        self,
        sink: Sink,
        sources: Vec<Source>,
        mapped: Option<&Paths>,
        running: Running,
    ) {
        let (fate, fated) = watch::channel(Fate::Runs);
        let (stopped, told_of_stop) = watch::channel(None);
        let faring = Faring { fate, stopped };
        let faring_so_far = (fated.clone(), told_of_stop, self.handle.unread());
        let output = Output::new(sources, mapped, faring_so_far);
        let told = Told {
            shared: self.shared,
            handle: Arc::clone(&self.handle),
        };
        let supervising = async {
            supervise(
                self.runner,
                &self.handle,
                self.to_do,
                self.terminal,
                &faring,
            )
            .await;
            drop(running);
        };
        let speaking = async {
            let mut record = self.record;
            let note = |outcome, [input, output]: [u64; 2]| {
                record.took = self.since.elapsed();
                (record.outcome, record.input, record.output) = (outcome, input, output);
                self.log.ended(record);
                drop(self.listed);
            };
            told.speak(output, sink, fated.clone(), note).await;
        };
        let settling = async {
            status(fated.clone()).await;
            told.settle().await;
        };
        tokio::join!(supervising, speaking, settling);
    }
}

/// Waits until it has ended: how it has.
async fn status(mut fate: watch::Receiver<Fate>) -> Status {
    let ended = fate.wait_for(|fate| fate.has_ended()).await;
    let status = ended.ok().and_then(|fate| fate.status());
    status.unwrap_or(KILLED)
}

/// What has become of one whose runner was killed.
const KILLED: Status = Status {
    code: None,
    signal: Some(Signal::KILL.as_raw()),
};

/// Does what is to be done to it, and tells how it fares, until nothing of it runs.
async fn supervise(
    mut runner: Runner,
    handle: &Handle,
    mut to_do: mpsc::Receiver<Do>,
    terminal: Option<Descriptor>,
    faring: &Faring,
) {
    let mut is_ending = false;
    loop {
        tokio::select! {
            report = runner.next() => match report {
                Ok(Some(report)) => faring.reported(&report),
                Ok(None) | Err(_) => break,
            },
            Some(what) = to_do.recv() => match (what, &terminal) {
                // Fails if it is gone.
                (Do::Signal(signal), _) => drop(runner.signal(signal).await),
                (Do::Resize(size), Some(terminal)) => resize(terminal, size),
                (Do::Resize(_), None) => {}
            },
            () = handle.ending(), if !is_ending => {
                is_ending = true;
                // Fails if it is gone.
                runner.hang_up().ok();
            }
        }
    }
    drop(runner);
    faring.gone();
}

impl Faring {
    fn reported(&self, report: &Report) {
        match *report {
            Report::Stopped(signal) => drop(self.stopped.send_replace(Some(signal))),
            Report::Continued => drop(self.stopped.send_replace(None)),
            Report::Ended { code, signal } => {
                self.fate.send_replace(Fate::Ended(Status { code, signal }));
            }
            Report::Gone => self.gone(),
            // Said before.
            Report::Started | Report::NotStarted(_) | Report::NotSandboxed => {}
        }
    }

    fn gone(&self) {
        self.fate.send_modify(|fate| {
            *fate = Fate::Gone(fate.status().unwrap_or(KILLED));
        });
    }
}

/// How much of its input it has taken, in bytes, and how much of that is told.
#[derive(Default)]
struct Taken {
    taken: u64,
    told: u64,
}

impl Taken {
    fn untold(&self) -> u64 {
        self.taken - self.told
    }
}

impl Told {
    /// Feeds it, tells what it outputs and how it has ended, and lets what it has left running output what it likes. `note`
    /// is told how it has ended, and how much it was fed and has output, in bytes.
    async fn speak(
        &self,
        mut output: Output,
        mut sink: Sink,
        fate: watch::Receiver<Fate>,
        note: impl FnOnce(Outcome, [u64; 2]),
    ) {
        let feeding = async {
            let mut taken = Taken::default();
            let ended = tokio::select! {
                () = self.feed(&mut sink, &mut taken) => KILLED,
                status = status(fate.clone()) => status,
            };
            self.tell_taken(&mut taken).await;
            (ended, sink.read(), sink.written())
        };
        let telling = async {
            tokio::select! {
                () = self.tell_all(&mut output) => {}
                () = self.handle.ending() => {}
            }
            if self.handle.is_ending() {
                // Nobody sees what else it outputs, but it is not to wait for that.
                output.discard().await;
            }
        };
        let (ended, ()) = tokio::join!(feeding, telling);
        let (Status { code, signal }, read, written) = ended;
        let outcome = Outcome::Ended { code, signal };
        note(outcome, [written, self.handle.credit.sent()]);
        drop(sink);
        let discarding = output.discard();
        let telling = self.tell(News::Ended { code, signal, read });
        tokio::join!(discarding, telling);
    }

    /// Writes what comes for it: for ever.
    async fn feed(&self, sink: &mut Sink, taken: &mut Taken) {
        let input = &self.handle.input;
        let mut has_closed = false;
        loop {
            let next = match taken.untold() > 0 {
                true => timeout(TAKEN_LATER, input.next(has_closed)).await.ok(),
                false => Some(input.next(has_closed).await),
            };
            let is_quiet = next.is_none();
            match next {
                Some(Next::Write(bytes)) => {
                    sink.write(&bytes).await;
                    taken.taken += bytes.len() as u64;
                    input.taken(bytes.len());
                }
                Some(Next::Close) => {
                    has_closed = true;
                    sink.close();
                }
                None => {}
            }
            if is_quiet || taken.untold() >= TAKEN_AFTER {
                self.tell_taken(taken).await;
            }
        }
    }

    async fn tell_taken(&self, taken: &mut Taken) {
        if taken.untold() > 0 && !self.handle.is_unheard() {
            let now = taken.taken;
            self.shared.telling.taken(self.command(), now).await;
        }
        taken.told = taken.taken;
    }

    /// Tells all that it outputs, as fast as it is seen.
    async fn tell_all(&self, output: &mut Output) {
        while let Some(piece) = output.next().await {
            match piece {
                Piece::News(news) => self.tell(news).await,
                Piece::Output(stream, mut bytes) => {
                    while !bytes.is_empty() {
                        let most = bytes.len().min(largest_piece(self.command()));
                        let length = self.handle.credit.take(most).await;
                        let bytes = bytes.split_to(length);
                        self.tell(News::Output { stream, bytes }).await;
                    }
                }
            }
        }
    }

    async fn settle(&self) {
        self.shared.settle().await;
        if !self.handle.is_unheard() {
            self.shared.telling.settled(self.command());
        }
    }

    async fn tell(&self, news: News) {
        if !self.handle.is_unheard() {
            self.shared.telling.tell(self.command(), news).await;
        }
    }

    fn command(&self) -> Command {
        self.handle.command
    }
}
