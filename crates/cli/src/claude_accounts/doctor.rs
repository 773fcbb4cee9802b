//! Looks for everything that is known to go wrong, and mends what can be mended safely.

use serde_json::{Value, json};

use super::context::Context;
use crate::error::{CliError, Kind};

mod accounts;
mod client;
mod client_files;
mod modes;
mod sessions;

/// Look for what is wrong, and mend it with --fix
///
/// Modes and owners of the vault's files, locks that a killed client left, variables and settings
/// that beat an account's credential, shared, blanked or outdated credential files, accounts that
/// need care, and which way of launching the installed client supports.
#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended safely
    #[arg(long)]
    fix: bool,
    /// Print a JSON array, for programs
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    Note,
    Problem,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

type Mend<'a> = Box<dyn FnOnce() -> Result<(), CliError> + 'a>;

/// Something that was looked at.
pub(crate) struct Finding<'a> {
    level: Level,
    what: String,
    hint: String,
    mend: Option<Mend<'a>>,
}

impl<'a> Finding<'a> {
    pub(crate) fn good(what: impl Into<String>) -> Self {
        Self {
            level: Level::Good,
            what: what.into(),
            hint: String::new(),
            mend: None,
        }
    }

    pub(crate) fn note(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Note,
            what: what.into(),
            hint: hint.into(),
            mend: None,
        }
    }

    pub(crate) fn problem(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Problem,
            what: what.into(),
            hint: hint.into(),
            mend: None,
        }
    }

    /// What `--fix` does about it.
    pub(crate) fn mended_by(mut self, mend: impl FnOnce() -> Result<(), CliError> + 'a) -> Self {
        self.mend = Some(Box::new(mend));
        self
    }
}

/// A finding after `--fix` has, or has not, done something about it.
struct Outcome {
    level: Level,
    what: String,
    hint: String,
    mended: bool,
}

pub(crate) fn run(args: &DoctorArgs, context: &Context) -> Result<(), CliError> {
    let mut outcomes = Vec::new();
    // One part after the other: what one mends, the next finds mended.
    outcomes.extend(settle(modes::look(context)?, args.fix));
    outcomes.extend(settle(client::look(context, args.fix)?, args.fix));
    outcomes.extend(settle(client_files::look(context)?, args.fix));
    outcomes.extend(settle(accounts::look(context)?, args.fix));
    outcomes.extend(settle(sessions::look(context)?, args.fix));
    if args.json {
        context
            .output
            .json(&Value::Array(outcomes.iter().map(to_json).collect()))?;
    } else {
        for outcome in &outcomes {
            print(context, outcome, args.fix)?;
        }
    }
    let left = outcomes
        .iter()
        .filter(|outcome| outcome.level == Level::Problem && !outcome.mended)
        .count();
    match left {
        0 => Ok(()),
        1 => Err(attention("one problem is left")),
        count => Err(attention(&format!("{count} problems are left"))),
    }
}

fn attention(message: &str) -> CliError {
    CliError::new(
        Kind::Attention,
        message,
        "Each says what to do; `claude-accounts doctor --fix` mends what it safely can.",
    )
}

fn settle(findings: Vec<Finding<'_>>, fix: bool) -> Vec<Outcome> {
    findings
        .into_iter()
        .map(|finding| settle_one(finding, fix))
        .collect()
}

fn settle_one(finding: Finding<'_>, fix: bool) -> Outcome {
    let Finding {
        level,
        what,
        hint,
        mend,
    } = finding;
    match mend.filter(|_| fix).map(|mend| mend()) {
        None => Outcome {
            level,
            what,
            hint,
            mended: false,
        },
        Some(Ok(())) => Outcome {
            level,
            what,
            hint: String::new(),
            mended: true,
        },
        Some(Err(error)) => Outcome {
            level,
            what: format!("{what}; it could not be mended: {error}"),
            hint: error.hint,
            mended: false,
        },
    }
}

fn print(context: &Context, outcome: &Outcome, fix: bool) -> Result<(), CliError> {
    let word = if outcome.mended {
        "mended"
    } else {
        outcome.level.as_str()
    };
    context
        .output
        .text(&format!("{word:8} {}", model::printable(&outcome.what)))?;
    if !outcome.hint.is_empty() && (outcome.level != Level::Good || fix) {
        context
            .output
            .text(&format!("         → {}", model::printable(&outcome.hint)))?;
    }
    Ok(())
}

fn to_json(outcome: &Outcome) -> Value {
    json!({"level": outcome.level.as_str(), "what": outcome.what, "hint": outcome.hint, "mended": outcome.mended})
}
