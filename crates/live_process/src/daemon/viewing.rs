//! A connection on the laptop that is a viewer's.

use std::pin::pin;
use std::time::Duration;

use live::control::Failure;
use live::programs::{Directory, Input, Program, Size};
use live_session::laptop::{Typing, Viewing, Watching};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Daemon;
use super::link_state::LinkTeller;
use super::serving::{Reader, Writer};
use crate::local::{FromDaemon, LocalError, MOST_TYPED, Run, ToDaemon};

/// How long a viewer has to hang up when its program has ended.
const PARTING: Duration = Duration::from_secs(10);

/// A program, and who looks at it.
pub(super) struct Attached {
    program: Program,
    viewing: Viewing,
    link: LinkTeller,
}

impl Daemon {
    /// Starts a program, once the directory that it is to start in is mounted and the account that it is to have is there.
    pub(super) async fn run_program(&self, run: Run) -> Result<Attached, Failure> {
        if let Directory::Mount(root, _) = run.directory {
            self.directories.mounted(root).await?;
        }
        if let Some(account) = &self.account {
            account.is_there().await?;
        }
        let Run {
            what,
            directory,
            environment,
            size,
            is_main,
        } = run;
        let started = self.programs.start(what, directory, environment, size);
        let (program, viewing) = started.await?;
        if is_main {
            *self.main() = Some(program);
        }
        let viewing = match viewing {
            Some(viewing) => viewing,
            None => self.programs.attach(program, size, false).await?,
        };
        Ok(Attached {
            program,
            viewing,
            link: self.link.clone(),
        })
    }

    pub(super) async fn attach(
        &self,
        program: Option<Program>,
        size: Option<Size>,
        read_only: bool,
    ) -> Result<Attached, Failure> {
        let program = program.or(*self.main()).ok_or_else(|| Failure {
            message: "no program was started in this session".to_owned(),
            hint: "Start one with `cs run`.".to_owned(),
        })?;
        let viewing = self.programs.attach(program, size, read_only).await?;
        Ok(Attached {
            program,
            viewing,
            link: self.link.clone(),
        })
    }
}

/// Is the way between a program and its viewer, who has said `early`, until either has ended. A viewer that reads nothing
/// has only itself held up: what it has not seen is not sent from the server.
pub(super) async fn view(
    attached: Attached,
    early: Option<ToDaemon>,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), LocalError> {
    let Viewing { input, output } = attached.viewing;
    writer.send(&FromDaemon::Attached(attached.program)).await?;
    let (saw, seen) = watch::channel(0);
    let (pass, passed) = watch::channel(0);
    let mut typing = pin!(take(input, saw, pass, early, reader));
    tokio::select! {
        shown = show(output, seen, passed, attached.link, writer) => shown?,
        typed = &mut typing => return typed,
    }
    // Whoever says something while the end is on its way to him is not hung up on before he has read that.
    timeout(PARTING, typing).await.unwrap_or(Ok(()))
}

/// Gives the viewer what the program says, and how it is with the connection.
async fn show(
    mut output: Watching,
    mut seen: watch::Receiver<u64>,
    mut passed: watch::Receiver<u64>,
    mut link: LinkTeller,
    mut writer: Writer,
) -> Result<(), LocalError> {
    writer.send(&FromDaemon::Link(link.now())).await?;
    loop {
        tokio::select! {
            Ok(()) = seen.changed() => output.seen(*seen.borrow_and_update()),
            Ok(()) = passed.changed() => {
                let passed = *passed.borrow_and_update();
                writer.send(&FromDaemon::Passed(passed)).await?;
            }
            state = link.changed() => writer.send(&FromDaemon::Link(state)).await?,
            said = output.next() => match said {
                Some(said) => writer.send(&FromDaemon::Output(said)).await?,
                None => return Ok(()),
            },
        }
    }
}

/// Gives the program what the viewer says. What is typed waits for the program to read; nothing else waits for that, since the
/// program may wait for it.
async fn take(
    input: Typing,
    saw: watch::Sender<u64>,
    pass: watch::Sender<u64>,
    early: Option<ToDaemon>,
    reader: Reader,
) -> Result<(), LocalError> {
    let (typed, waiting) = unbounded_channel();
    let mut passing = pin!(pass_on(&input, waiting, &pass));
    let heard = {
        let hearing = hear(&input, saw, (typed, &pass), early, reader);
        tokio::select! {
            heard = hearing => heard,
            // Never: there is something to pass on as long as somebody hears.
            () = &mut passing => Ok(()),
        }
    };
    // What was typed before somebody has left is typed all the same, if the program reads it.
    timeout(PARTING, passing).await.ok();
    heard
}

/// Takes what the viewer says, until it says no more.
async fn hear(
    input: &Typing,
    saw: watch::Sender<u64>,
    (typed, passed): (UnboundedSender<Input>, &watch::Sender<u64>),
    mut early: Option<ToDaemon>,
    mut reader: Reader,
) -> Result<(), LocalError> {
    let mut so_far: u64 = 0;
    loop {
        let said = match early.take() {
            Some(said) => said,
            None => reader.next().await?,
        };
        match said {
            ToDaemon::Input(Input::Seen(after)) => drop(saw.send_replace(after)),
            ToDaemon::Input(said @ (Input::Typed(_) | Input::InputEnded)) => {
                so_far = so_far.saturating_add(length(&said));
                if so_far - *passed.borrow() > MOST_TYPED as u64 {
                    return Err(LocalError::Unintelligible);
                }
                // There is a receiver as long as this is asked.
                drop(typed.send(said));
            }
            // Fails for a program that has ended: what is still to be shown is shown, and `show` ends then.
            ToDaemon::Input(said) => input.send(said).await.unwrap_or(()),
            _ => return Err(LocalError::Unintelligible),
        }
    }
}

/// Passes on what is typed, and tells how much it was.
async fn pass_on(
    input: &Typing,
    mut waiting: UnboundedReceiver<Input>,
    passed: &watch::Sender<u64>,
) {
    while let Some(said) = waiting.recv().await {
        let more = length(&said);
        // As above.
        input.send(said).await.unwrap_or(());
        passed.send_modify(|passed| *passed = passed.saturating_add(more));
    }
}

/// How much is typed, in bytes.
fn length(said: &Input) -> u64 {
    match said {
        Input::Typed(bytes) => bytes.len() as u64,
        _ => 0,
    }
}
