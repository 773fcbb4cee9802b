//! How a command begins to run.

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use live::commands::{News, Start};
use proxy::{Name, Paths};
use runner::{Descriptors, Report, Runner};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;

use super::decision::{Answer, decide};
use super::handle::{Do, Handle};
use super::life::Life;
use super::options::{CommandLine, Outcome, Record};
use super::published::Published;
use super::resolved::{Resolved, resolve};
use super::streams::{Ours, Streams};
use super::waiting::Place;
use super::{Proxying, Running, Shared};

const FULL_HINT: &str = "Wait until some have ended, or end them.";

/// A command that is asked for.
pub(super) struct Starting {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Arc<Handle>,
    pub(super) to_do: mpsc::Receiver<Do>,
    pub(super) start: Arc<Start>,
    pub(super) published: Vec<Published>,
    /// Held until it is answered.
    pub(super) place: Place,
}

/// One that has begun.
struct Begun {
    runner: Runner,
    running: Running,
    /// One of those that may run at once.
    permit: OwnedSemaphorePermit,
    ours: Ours,
    line: CommandLine,
    paths: Paths,
}

impl Starting {
    /// Until it has ended, or does not run.
    pub(super) async fn run(self) {
        let (began, since) = (SystemTime::now(), Instant::now());
        let Some(proxying) = self.shared.proxying() else {
            return self.answer(Answer::Here).await;
        };
        let begun = match self.begin(&proxying).await {
            Ok(begun) => begun,
            Err(answer) => {
                if let Answer::Refused { message, .. } = &answer {
                    let line = typed(&self.start, &self.published);
                    let record = Record::refused(line, began, since.elapsed(), message.clone());
                    proxying.options.log.ended(record);
                }
                return self.answer(answer).await;
            }
        };
        self.handle.set_started();
        let Self {
            shared,
            handle,
            to_do,
            place,
            ..
        } = self;
        if !handle.is_unheard() {
            shared.telling.tell(handle.command, News::Started).await;
        }
        drop(place);
        let line = begun.line.cut();
        let listed = shared
            .list
            .add(line.clone(), began, since, Arc::clone(&handle));
        let mapped = proxying.options.map_output.then_some(begun.paths);
        let record = Record {
            line,
            began,
            took: since.elapsed(),
            outcome: Outcome::Ended {
                code: None,
                signal: None,
            },
            input: 0,
            output: 0,
        };
        let life = Life {
            shared,
            handle,
            runner: begun.runner,
            to_do,
            terminal: begun.ours.terminal,
            log: Arc::clone(&proxying.options.log),
            since,
            record,
            listed,
        };
        life.live(
            begun.ours.sink,
            begun.ours.sources,
            mapped.as_ref(),
            begun.running,
        )
        .await;
        drop(begun.permit);
    }

    async fn answer(&self, answer: Answer) {
        if !self.handle.is_unheard() {
            let news = News::from(answer);
            self.shared.telling.tell(self.handle.command, news).await;
        }
    }

    async fn begin(&self, proxying: &Arc<Proxying>) -> Result<Begun, Answer> {
        let names = self.shared.names();
        let decided = decide(&names, &self.published, self.handle.command, &self.start);
        let (name, _) = decided?;
        let permit = Arc::clone(&proxying.running).try_acquire_owned();
        let permit = permit
            .map_err(|_| Answer::refused("as many commands run on the laptop as may", FULL_HINT))?;
        let mut starting = self.turn(proxying).await?;
        let mut resolved = self.resolve(proxying, name).await?;
        if let Some(approval) = &proxying.options.approval {
            // It may take long: others begin meanwhile.
            drop(starting);
            let asking = approval.ask(resolved.line);
            let is_approved = tokio::select! {
                is_approved = asking => is_approved,
                () = self.handle.ending() => return Err(taken_back()),
            };
            if !is_approved {
                return Err(Answer::refused(
                    "it was not allowed on the laptop",
                    "Allow it there, and run it again.",
                ));
            }
            starting = self.turn(proxying).await?;
            resolved = self.resolve(proxying, name).await?;
        }
        let begun = self.execute(proxying, resolved, permit).await;
        drop(starting);
        begun
    }

    /// Waits until it is among those that may begin.
    async fn turn(&self, proxying: &Proxying) -> Result<OwnedSemaphorePermit, Answer> {
        tokio::select! {
            turn = Arc::clone(&proxying.starting).acquire_owned() => turn.map_err(|_| taken_back()),
            () = self.handle.ending() => Err(taken_back()),
        }
    }

    async fn resolve(&self, proxying: &Arc<Proxying>, name: &Name) -> Result<Resolved, Answer> {
        let (proxying, name) = (Arc::clone(proxying), name.clone());
        let (service, start) = (Arc::clone(&self.shared.service), Arc::clone(&self.start));
        let published = self.published.clone();
        let resolving =
            spawn_blocking(move || resolve(&proxying.options, &service, published, &name, &start));
        resolving.await.unwrap_or_else(|_| Err(taken_back()))
    }

    async fn execute(
        &self,
        proxying: &Arc<Proxying>,
        resolved: Resolved,
        permit: OwnedSemaphorePermit,
    ) -> Result<Begun, Answer> {
        // Before it is looked: whoever ends all waits for those that count.
        let running = self.shared.count();
        if self.handle.is_ending() {
            return Err(taken_back());
        }
        let Resolved {
            spec,
            directory,
            line,
            paths,
        } = resolved;
        let streams = Streams::open(self.start.streams, self.start.size)
            .map_err(|error| not_started(&error))?;
        let descriptors = Descriptors {
            directory,
            streams: streams.theirs,
            terminal: streams.their_terminal,
        };
        let started = proxying.pool.start(spec, &descriptors).await;
        let mut runner = started.map_err(|error| not_started(&error))?;
        match runner.next().await {
            Ok(Some(Report::Started)) => {}
            Ok(Some(Report::NotStarted(number))) => {
                return Err(not_started(&io::Error::from_raw_os_error(number)));
            }
            Ok(Some(Report::NotSandboxed)) => {
                return Err(Answer::refused(
                    "the laptop cannot keep it to the published directories",
                    "Its system has no landlock. On the laptop: cs stop, then cs live without --sandbox, or with --no-proxy.",
                ));
            }
            Ok(_) => return Err(not_started(&io::ErrorKind::BrokenPipe.into())),
            Err(error) => return Err(not_started(&error)),
        }
        Ok(Begun {
            runner,
            running,
            permit,
            ours: streams.ours,
            line,
            paths,
        })
    }
}

/// The command as it was typed.
pub(super) fn typed(start: &Start, published: &[Published]) -> CommandLine {
    let root = published.iter().find(|one| one.root == start.root);
    let root = root.map(|root| root.directory.clone()).unwrap_or_default();
    CommandLine {
        name: String::from_utf8_lossy(&start.name).into_owned(),
        arguments: start.arguments.clone(),
        directory: root.join(start.directory.as_os_str()),
    }
}

fn taken_back() -> Answer {
    Answer::refused("it was ended before it had begun", "")
}

fn not_started(error: &io::Error) -> Answer {
    Answer::refused(
        &format!("it cannot be started on the laptop: {error}"),
        "See whether it starts there, in the same directory.",
    )
}
