//! What is done for a program on the laptop that has connected.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use live::control::Failure;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::account::SessionAccount;
use super::asking::{self, Asking};
use super::stopping::StopRequest;
use super::viewing::{Attached, view};
use super::{Daemon, detached};
use crate::local::{
    FromDaemon, LinkState, LocalError, LocalPath, MessageReader, MessageWriter, Status, ToDaemon,
};

/// How long one that has connected may take to say which version it is of.
const GREETING: Duration = Duration::from_secs(10);

pub(super) type Reader = MessageReader<OwnedReadHalf, ToDaemon>;
pub(super) type Writer = MessageWriter<OwnedWriteHalf, FromDaemon>;

/// What comes of a request.
enum Answer {
    Message(FromDaemon),
    /// The connection is a viewer's from here on.
    Viewer(Attached),
    /// It holds the session from here on.
    Holder,
    /// It answers from here on what is asked before commands run.
    Answering(Asking),
}

impl Daemon {
    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: UnixStream) {
        if is_command(&stream) {
            detached::log(
                "a command of the server wanted to speak for the user, and was hung up on",
            );
            return;
        }
        match self.talk(stream).await {
            Ok(()) | Err(LocalError::Closed) => {}
            Err(error) => detached::log(&format!("a program here was hung up on: {error}")),
        }
    }

    async fn talk(self: &Arc<Self>, stream: UnixStream) -> Result<(), LocalError> {
        let (reads, writes) = stream.into_split();
        // Before anything is read: one of another version learns which this is.
        let mut writer = Writer::begin(writes).await?;
        let Ok(reader) = timeout(GREETING, Reader::begin(reads)).await else {
            return Ok(());
        };
        let mut reader = reader?;
        let mut early = None;
        loop {
            let request = match early.take() {
                Some(request) => request,
                None => reader.next().await?,
            };
            match self.answer_to(request, &mut reader, &mut early).await? {
                Answer::Message(message) => writer.send(&message).await?,
                Answer::Viewer(attached) => return view(attached, early, reader, writer).await,
                Answer::Holder => return self.hold(early, reader, writer).await,
                Answer::Answering(asking) => {
                    return asking.answer_here(early, reader, writer).await;
                }
            }
        }
    }

    /// That who asks has hung up ends the waiting, unless he has said something more, which is then in `early`.
    async fn answer_to(
        self: &Arc<Self>,
        request: ToDaemon,
        reader: &mut Reader,
        early: &mut Option<ToDaemon>,
    ) -> Result<Answer, LocalError> {
        let mut answer = pin!(self.answer(request));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                said = reader.next(), if early.is_none() => *early = Some(said?),
            }
        }
    }

    async fn answer(self: &Arc<Self>, request: ToDaemon) -> Answer {
        let done = |result: Result<(), Failure>| result.map(|()| FromDaemon::Done);
        let answered = match request {
            ToDaemon::Status => Ok(FromDaemon::Status(Box::new(self.status()))),
            ToDaemon::Add {
                directory,
                read_only,
            } => {
                self.hurry();
                let place = self.add(&directory.to_path(), read_only).await;
                place.map(|place| match place {
                    Some(place) => FromDaemon::Mounted(LocalPath::new(&place)),
                    None => FromDaemon::Done,
                })
            }
            ToDaemon::Remove { directory } => {
                self.hurry();
                let removed = self.remove(&directory.to_path()).await;
                removed.map(|is_confirmed| FromDaemon::Removed { is_confirmed })
            }
            ToDaemon::Stop { limit_ms } => Ok(self.stop(Duration::from_millis(limit_ms)).await),
            ToDaemon::Wake => {
                self.keeper.wake();
                Ok(FromDaemon::Done)
            }
            ToDaemon::Run(run) => {
                self.hurry();
                return attached(self.run_program(run).await);
            }
            ToDaemon::Attach {
                program,
                size,
                read_only,
            } => {
                self.hurry();
                return attached(self.attach(program, size, read_only).await);
            }
            ToDaemon::Programs => self.programs.list().await.map(FromDaemon::Programs),
            ToDaemon::End(program) => done(self.programs.end(program).await),
            ToDaemon::Proxy {
                added,
                removed,
                dropped,
            } => done(self.change_commands(&added, &removed, &dropped)),
            ToDaemon::Commands => Ok(self.ongoing_commands()),
            ToDaemon::Find => Ok(FromDaemon::Found(self.find_commands().await)),
            ToDaemon::Hold => return Answer::Holder,
            ToDaemon::Questions => match &self.asking {
                Some(asking) => return Answer::Answering(asking.clone()),
                None => Err(asking::nothing_is_asked()),
            },
            ToDaemon::Version(_) | ToDaemon::Input(_) | ToDaemon::Answer { .. } => Err(Failure {
                message: "that has no place here".to_owned(),
                hint: String::new(),
            }),
        };
        Answer::Message(answered.unwrap_or_else(FromDaemon::Refused))
    }

    /// Somebody waits for the server: the next attempt to connect is made now. One that is under way goes on.
    fn hurry(&self) {
        if let LinkState::Down { .. } = self.link.now() {
            self.keeper.wake();
        }
    }

    fn status(&self) -> Status {
        let record = self.record().clone();
        Status {
            session: record.session,
            server: record.server.destination,
            daemon: record.pid,
            started_at: record.started_at,
            directories: self.directories.status(),
            adapter: record.adapter,
            link: self.link.now(),
            bytes_sent: self.counters.sent.load(Ordering::Relaxed),
            bytes_received: self.counters.received.load(Ordering::Relaxed),
            main: *self.main(),
            account: self.account.as_ref().map(SessionAccount::status),
            commands: self.command_status(),
        }
    }

    pub(super) async fn stop(&self, limit: Duration) -> FromDaemon {
        // Full if somebody has asked already: one end is enough.
        self.stops.try_send(StopRequest { limit }).ok();
        let mut stopped = self.stopped.subscribe();
        let told = stopped.wait_for(Option::is_some).await;
        let note = told
            .ok()
            .and_then(|told| told.clone())
            .and_then(|told| told.note);
        FromDaemon::Stopped { note }
    }
}

/// Whether a command that this process runs for the server has connected: it would answer its own questions, and publish
/// what it likes.
fn is_command(stream: &UnixStream) -> bool {
    let process = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let process = process.and_then(|process| u32::try_from(process).ok());
    // 0: it is outside of this process's PID namespace, and no command is.
    process.is_some_and(|process| process > 0 && runner::is_descendant(process))
}

fn attached(result: Result<Attached, Failure>) -> Answer {
    match result {
        Ok(attached) => Answer::Viewer(attached),
        Err(failure) => Answer::Message(FromDaemon::Refused(failure)),
    }
}
