use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use bytes::Bytes;
use live_process::client::{ClientError, LocalConnection};
use live_process::local::{FromDaemon, LocalError, Question, QuestionAnswer, ToDaemon};
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::mpsc;

use super::context::Context;
use super::{sessions, typed};
use crate::error::{CliError, Kind};
use crate::output::Output;

/// The longest line that is read as one, in bytes.
const LONGEST: usize = 256;
/// What is typed sooner was not meant for the question that is shown.
const READING: Duration = Duration::from_millis(300);

/// Answer in this terminal what a session with --ask asks before it runs commands here
#[derive(clap::Args)]
pub(crate) struct AnswerArgs {
    /// The session; the one of the current directory, or the newest, if not given
    session: Option<String>,
}

pub(super) fn run(args: &AnswerArgs, context: &Context) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::new(
            Kind::Input,
            "questions are answered by hand: standard input is no terminal",
            "Run it in a terminal.",
        ));
    }
    let session = sessions::meant(context, args.session.as_deref())?;
    let typed = typed::read_stdin(LONGEST).map_err(ClientError::from)?;
    let name = session.name();
    context.wait_for(async {
        let mut connection = session.connect().await?;
        let asked = connection.send(&ToDaemon::Questions).await;
        asked.map_err(ClientError::from)?;
        context
            .output
            .say(&format!("{name}: waiting for questions"))?;
        let answering = Answering {
            connection,
            typed,
            waiting: VecDeque::new(),
            shown: None,
            output: &context.output,
        };
        answering.run().await
    })
}

struct Answering<'a> {
    connection: LocalConnection,
    typed: mpsc::Receiver<Bytes>,
    /// The first of them is shown.
    waiting: VecDeque<Question>,
    /// Which is shown, and since when.
    shown: Option<(u64, Instant)>,
    output: &'a Output,
}

impl Answering<'_> {
    /// Until whoever answers leaves, or the session has ended.
    async fn run(mut self) -> Result<(), CliError> {
        loop {
            self.show()?;
            tokio::select! {
                said = self.connection.next() => match said {
                    Ok(said) => self.hear(said)?,
                    Err(LocalError::Closed) => return self.output.say("the session has ended"),
                    Err(error) => return Err(ClientError::from(error).into()),
                },
                line = self.typed.recv() => match line {
                    Some(line) if line.trim_ascii() != b"q" => self.answer(&line).await?,
                    _ => return Ok(()),
                },
            }
        }
    }

    fn hear(&mut self, said: FromDaemon) -> Result<(), CliError> {
        match said {
            FromDaemon::Question(question) => self.waiting.push_back(question),
            FromDaemon::Settled(number) => {
                self.waiting.retain(|question| question.number != number);
                if self.shown.take_if(|(shown, _)| *shown == number).is_some() {
                    self.output
                        .text("\nanswered elsewhere, or not asked any more")?;
                }
            }
            FromDaemon::Refused(failure) => return Err(ClientError::Refused(failure).into()),
            _ => return Err(ClientError::from(LocalError::Unintelligible).into()),
        }
        Ok(())
    }

    /// Shows the next question, if none is shown. What was typed before that is no answer to it.
    fn show(&mut self) -> Result<(), CliError> {
        let (None, Some(question)) = (self.shown, self.waiting.front()) else {
            return Ok(());
        };
        let Question {
            number,
            directory,
            line,
        } = question;
        self.output.text(&format!("\n{line}\nin {directory}"))?;
        // Fails if the terminal is gone, and then nothing is typed either.
        tcflush(io::stdin(), QueueSelector::IFlush).ok();
        while self.typed.try_recv().is_ok() {}
        self.shown = Some((*number, Instant::now()));
        self.prompt()
    }

    fn prompt(&self) -> Result<(), CliError> {
        let prompt =
            "run it on this machine? y: once, a: always in this session, n: no, q: leave: ";
        self.output.bytes(prompt.as_bytes())
    }

    async fn answer(&mut self, line: &[u8]) -> Result<(), CliError> {
        let Some((question, since)) = self.shown else {
            return Ok(());
        };
        let answer = match line.trim_ascii() {
            _ if since.elapsed() < READING => return self.prompt(),
            b"y" => QuestionAnswer::Once,
            b"a" => QuestionAnswer::Always,
            b"n" => QuestionAnswer::No,
            _ => return self.prompt(),
        };
        self.shown = None;
        self.waiting.retain(|waiting| waiting.number != question);
        let told = ToDaemon::Answer { question, answer };
        let told = self.connection.send(&told).await;
        Ok(told.map_err(ClientError::from)?)
    }
}
