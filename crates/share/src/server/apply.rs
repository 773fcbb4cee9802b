//! Carrying a plan out: step by step, each told as it is done; after a failure, back.

mod carry_out;
mod in_homes;
mod record;
mod roll_back;

use super::machine::Machine;
use super::plan::{OnFailure, Plan};
use super::step::{Change, Step};
use crate::ShareError;
use crate::name::UserName;
use carry_out::Work;

/// What is told while a plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step is done: its line.
    Done(String),
    /// Something to be known besides.
    Note(String),
    /// A step failed, and the others go on.
    Failed(String),
}

/// Why a plan was not carried out to its end.
#[derive(Debug)]
pub struct ApplyError {
    /// The step that failed, as it is described; several if the others went on.
    pub steps: Vec<String>,
    /// Why.
    pub cause: Box<ShareError>,
    /// What was undone, in one line each.
    pub undone: Vec<String>,
    /// What is left as the command made it.
    pub left: Vec<String>,
}

/// Carries a plan out.
///
/// # Errors
/// [`ApplyError`], which says what was undone and what is left.
pub fn apply(
    plan: &Plan,
    machine: &Machine<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<(), ApplyError> {
    let mut work = Work::begin(machine).map_err(|cause| ApplyError {
        steps: Vec::new(),
        cause: Box::new(cause),
        undone: Vec::new(),
        left: Vec::new(),
    })?;
    let mut failures: Vec<(String, ShareError)> = Vec::new();
    let mut not_taken_back: Vec<UserName> = Vec::new();
    for step in &plan.steps {
        if !failures.is_empty() && step.needs_all_before(&not_taken_back) {
            tell(Event::Failed(format!(
                "not done, since something before it failed: {}",
                step.describe()
            )));
            continue;
        }
        let done = work.carry_out(step);
        match done {
            Ok(()) => {
                if let Some(line) = step.done() {
                    tell(Event::Done(line));
                }
                work.tell_notes(tell);
            }
            Err(cause) if plan.on_failure == OnFailure::GoOn && step.is_in_a_home() => {
                tell(Event::Failed(format!("{}: {cause}", step.describe())));
                if let Step::TakeBackHome(user) = step {
                    not_taken_back.push(user.clone());
                }
                failures.push((step.describe(), cause));
            }
            Err(cause) => return Err(failed(plan, step, cause, work, tell)),
        }
    }
    match failures.into_iter().fold(None, gather) {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

fn gather(error: Option<ApplyError>, (step, cause): (String, ShareError)) -> Option<ApplyError> {
    let Some(mut error) = error else {
        return Some(ApplyError {
            steps: vec![step],
            cause: Box::new(cause),
            undone: Vec::new(),
            left: Vec::new(),
        });
    };
    error.steps.push(step);
    Some(error)
}

fn failed(
    plan: &Plan,
    step: &Step,
    cause: ShareError,
    work: Work<'_>,
    tell: &mut dyn FnMut(Event),
) -> ApplyError {
    let steps = vec![step.describe()];
    match plan.on_failure {
        OnFailure::RollBack => {
            let (undone, left) = work.roll_back(tell);
            ApplyError {
                steps,
                cause: Box::new(cause),
                undone,
                left,
            }
        }
        OnFailure::Stop | OnFailure::GoOn => ApplyError {
            steps,
            cause: Box::new(cause),
            undone: Vec::new(),
            left: work.done_so_far(),
        },
    }
}

impl Step {
    /// Whether it destroys what is needed to try again what failed before it.
    fn needs_all_before(&self, not_taken_back: &[UserName]) -> bool {
        match self {
            Self::DeleteVault(_) | Self::RemoveState(_) => true,
            Self::Record(Change::Forget(user)) => not_taken_back.contains(user),
            _ => false,
        }
    }

    /// Whether it concerns one home alone, so that the others' can go on.
    fn is_in_a_home(&self) -> bool {
        matches!(
            self,
            Self::SetUpHome { .. }
                | Self::SetUpSource { .. }
                | Self::TakeBackHome(_)
                | Self::GiveBackLogin(_)
                | Self::AuthorizeKey { .. }
        )
    }
}
