//! Asks somebody here before a command of the server runs: in a dialog on the desktop, where one is there, and at the same
//! time in every terminal with `cs proxy answer`. The first answer counts.

mod dialog;
mod shown;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use live::control::Failure;
use live_session::laptop::{Approval, Approved, CommandLine};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::sleep;

use super::serving::{Reader, Writer};
use crate::local::{FromDaemon, LocalError, Question, QuestionAnswer, ToDaemon};
use dialog::Desktop;

/// How long somebody has to answer. Nobody is a no.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many questions wait for an answer at most; to what comes then the answer is no.
const MOST_WAITING: usize = 16;
/// The longest command line that is asked about, in bytes as it is shown: what cannot be looked through is not run.
const LONGEST: usize = 64 << 10;
/// How many command lines are remembered as always allowed.
const MOST_REMEMBERED: usize = 4096;

/// See the head of this file.
#[derive(Clone)]
pub(super) struct Asking {
    shared: Arc<Shared>,
}

struct Shared {
    patience: Duration,
    state: Mutex<State>,
    /// Questions have come or are settled.
    changed: watch::Sender<()>,
    desktop: Option<Desktop>,
    /// One dialog at a time.
    dialogs: Semaphore,
}

#[derive(Default)]
struct State {
    always: HashSet<Words>,
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

/// A command line, by which it is remembered: its name, its arguments, where.
type Words = (String, Vec<Bytes>, PathBuf);

struct Waiting {
    words: Words,
    question: Question,
    /// For all who ask the same.
    answer: watch::Sender<Option<bool>>,
    /// Dropped with this: that it is settled.
    _settled: oneshot::Sender<()>,
}

/// What a new question begins with.
enum Begun {
    Known(bool),
    Asked(watch::Receiver<Option<bool>>),
}

impl Asking {
    /// One for a session. `environment` is the user's, with the way to his desktop; nothing in `published` directories is
    /// run.
    pub(super) fn new(environment: &[(OsString, OsString)], published: &[PathBuf]) -> Self {
        Self::with(PATIENCE, Desktop::find(environment, published))
    }

    fn with(patience: Duration, desktop: Option<Desktop>) -> Self {
        let shared = Shared {
            patience,
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            desktop,
            dialogs: Semaphore::new(1),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Has a terminal, which has said `early`, answer what is asked, until it hangs up.
    pub(super) async fn answer_here(
        &self,
        mut early: Option<ToDaemon>,
        mut reader: Reader,
        mut writer: Writer,
    ) -> Result<(), LocalError> {
        let mut changed = self.shared.changed.subscribe();
        let mut told = BTreeSet::new();
        loop {
            self.tell(&mut told, &mut writer).await?;
            let said = match early.take() {
                Some(said) => said,
                None => tokio::select! {
                    said = reader.next() => said?,
                    _ = changed.changed() => continue,
                },
            };
            match said {
                ToDaemon::Answer { question, answer } => self.shared.settle(question, answer),
                _ => writer.send(&FromDaemon::Refused(misplaced())).await?,
            }
        }
    }

    /// Says which questions have come and are settled, beside those that were `told`.
    async fn tell(&self, told: &mut BTreeSet<u64>, writer: &mut Writer) -> Result<(), LocalError> {
        let questions = self.shared.questions();
        let numbers: BTreeSet<u64> = questions.iter().map(|question| question.number).collect();
        for settled in told.difference(&numbers) {
            writer.send(&FromDaemon::Settled(*settled)).await?;
        }
        for question in questions {
            if !told.contains(&question.number) {
                writer.send(&FromDaemon::Question(question)).await?;
            }
        }
        *told = numbers;
        Ok(())
    }
}

impl Approval for Asking {
    fn ask(&self, line: CommandLine) -> Approved {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            match shared.begin(line) {
                Begun::Known(answer) => answer,
                Begun::Asked(mut answer) => {
                    let answered = answer.wait_for(Option::is_some).await;
                    answered.is_ok_and(|answer| *answer == Some(true))
                }
            }
        })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn questions(&self) -> Vec<Question> {
        let state = self.state();
        let waiting = state.waiting.values();
        waiting.map(|waiting| waiting.question.clone()).collect()
    }

    fn begin(self: &Arc<Self>, line: CommandLine) -> Begun {
        let shown = shown::line(&line);
        let directory = shown::path(&line.directory);
        let words = (line.name, line.arguments, line.directory);
        let mut state = self.state();
        if state.always.contains(&words) {
            return Begun::Known(true);
        }
        let mut waiting = state.waiting.values();
        if let Some(same) = waiting.find(|waiting| waiting.words == words) {
            return Begun::Asked(same.answer.subscribe());
        }
        if state.waiting.len() >= MOST_WAITING || shown.len() > LONGEST {
            return Begun::Known(false);
        }
        let number = state.next;
        state.next += 1;
        let question = Question {
            number,
            directory,
            line: shown,
        };
        let (answer, answered) = watch::channel(None);
        let (settled, is_settled) = oneshot::channel();
        let waiting = Waiting {
            words,
            question: question.clone(),
            answer: answer.clone(),
            _settled: settled,
        };
        state.waiting.insert(number, waiting);
        drop(state);
        self.changed.send_replace(());
        tokio::spawn(Arc::clone(self).see_through(question, answer, is_settled));
        Begun::Asked(answered)
    }

    /// Until the question is settled, here or by a terminal.
    async fn see_through(
        self: Arc<Self>,
        question: Question,
        answer: watch::Sender<Option<bool>>,
        mut is_settled: oneshot::Receiver<()>,
    ) {
        let late = sleep(self.patience);
        tokio::pin!(late);
        loop {
            tokio::select! {
                _ = &mut is_settled => return,
                () = &mut late => return self.settle(question.number, QuestionAnswer::No),
                answer = self.ask_on_desktop(&question) => {
                    return self.settle(question.number, answer);
                }
                () = answer.closed() => {
                    if self.take_back(question.number) {
                        return;
                    }
                }
            }
        }
    }

    /// Does not end where there is no desktop, or nobody there says anything.
    async fn ask_on_desktop(&self, question: &Question) -> QuestionAnswer {
        if let Some(desktop) = &self.desktop
            && let Ok(_alone) = self.dialogs.acquire().await
            && let Some(answer) = desktop.ask(question).await
        {
            return answer;
        }
        pending().await
    }

    /// Takes back what nobody asks any more; `false` if somebody does again.
    fn take_back(&self, number: u64) -> bool {
        let mut state = self.state();
        let waiting = state.waiting.get(&number);
        if waiting.is_some_and(|waiting| waiting.answer.receiver_count() > 0) {
            return false;
        }
        state.waiting.remove(&number);
        drop(state);
        self.changed.send_replace(());
        true
    }

    /// The first answer: there is no such question for another.
    fn settle(&self, number: u64, answer: QuestionAnswer) {
        let mut state = self.state();
        let Some(waiting) = state.waiting.remove(&number) else {
            return;
        };
        if answer == QuestionAnswer::Always && state.always.len() < MOST_REMEMBERED {
            state.always.insert(waiting.words);
        }
        drop(state);
        let answer = answer != QuestionAnswer::No;
        waiting.answer.send_replace(Some(answer));
        self.changed.send_replace(());
    }
}

pub(super) fn nothing_is_asked() -> Failure {
    Failure {
        message: "this session does not ask before commands run".to_owned(),
        hint: "`cs live --ask` starts one that does".to_owned(),
    }
}

fn misplaced() -> Failure {
    Failure {
        message: "only answers have a place here".to_owned(),
        hint: String::new(),
    }
}

#[cfg(test)]
mod tests;
