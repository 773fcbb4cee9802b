use std::process::ExitCode;

use share::ServerState;
use share::status::{self, Report};

use super::context::Context;
use super::status_text::{Surroundings, text};
use crate::error::{CliError, Kind};
use crate::time;

/// Exit code of `status` where something needs care, as documented for this program.
const NEEDS_CARE: u8 = 1;

/// Show what every user has, how his credential reaches him, and how the keeper and the logins are
///
/// Changes nothing. Ends with exit code 1 if anything needs care, so that cron can tell.
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Look at this user alone: a managed one or the source user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<ExitCode, CliError> {
    context.require_root()?;
    let state = context.state()?;
    let only = args.user.as_deref();
    refuse_unknown(&state, only)?;
    let program = context.program()?;
    let report = status::read(&context.paths, &state, context.itself(), &program, only)?;
    match args.json {
        true => {
            let value = serde_json::to_value(&report).expect("plain data with string keys");
            context.output.json(&value)?;
        }
        false => print(context, &state, &report)?,
    }
    Ok(match report.needs_care {
        true => ExitCode::from(NEEDS_CARE),
        false => ExitCode::SUCCESS,
    })
}

fn refuse_unknown(state: &ServerState, only: Option<&str>) -> Result<(), CliError> {
    let Some(name) = only else { return Ok(()) };
    let is_source = state.source.is_some() && name == state.settings.source_user;
    if is_source || state.users.contains_key(name) {
        return Ok(());
    }
    Err(CliError::new(
        Kind::NotFound,
        format!("{name:?} is no managed user of this server"),
        "`claude-share server status` shows them; `claude-share server add-user NAME` adds one.",
    ))
}

fn print(context: &Context, state: &ServerState, report: &Report) -> Result<(), CliError> {
    let surroundings = Surroundings {
        now: time::now(),
        has_unit: state.made.unit,
        vault: context.paths.vault().directory().to_owned(),
    };
    context.output.text(&text(report, &surroundings))?;
    if report.needs_care {
        context.output.hint(
            "`claude-share server sync` puts right what it can; what is left says what to do.",
        );
    }
    Ok(())
}
