//! What the commands that change the machine have in common: read facts, make a plan, show it or
//! carry it out.

use std::path::PathBuf;

use share::home_processes::HomeProcesses;
use share::server::apply::Event;
use share::server::facts::Reader;
use share::server::{
    ApplyError, CommandLock, Facts, KeeperStart, Machine, Plan, Questions, Refusal, RefusalKind,
    apply, has_to_log_in_again,
};
use share::user_tools::Tools;

use super::context::Context;
use crate::environment::Variable;
use crate::error::{CliError, Kind};
use crate::program;

/// What plans are made from and carried out with.
pub(super) struct Server<'a> {
    context: &'a Context,
    program: PathBuf,
    processes: HomeProcesses,
    tools: Tools,
    stamp: String,
    /// Other commands wait as long as this value lives. Whoever only looks keeps nobody waiting.
    _lock: Option<CommandLock>,
}

impl<'a> Server<'a> {
    /// Waits for other commands, unless nothing is to be changed.
    ///
    /// # Errors
    /// If this is not root, or the machine cannot be worked on.
    pub(super) fn open(context: &'a Context, dry_run: bool) -> Result<Self, CliError> {
        context.require_root()?;
        let lock = match dry_run {
            true => None,
            false => Some(CommandLock::take(&context.paths)?),
        };
        Ok(Self {
            context,
            program: context.program()?,
            processes: HomeProcesses::start(context.itself())?,
            tools: Tools::find()?,
            stamp: share::stamp::now(),
            _lock: lock,
        })
    }

    pub(super) fn facts(&self, asked: &Questions) -> Result<Facts, CliError> {
        let reader = Reader {
            paths: &self.context.paths,
            processes: &self.processes,
            program: &self.program,
            stamp: &self.stamp,
        };
        Ok(reader.read(asked)?)
    }

    /// Shows a plan (`dry_run`) or carries it out; `false` if there was nothing to do.
    ///
    /// # Errors
    /// What failed, what was undone and what is left.
    pub(super) fn carry_out(
        &self,
        facts: &Facts,
        plan: &Plan,
        dry_run: bool,
    ) -> Result<bool, CliError> {
        let output = &self.context.output;
        if plan.steps.is_empty() {
            output.say("Nothing to do.")?;
            return Ok(false);
        }
        if dry_run {
            for step in &plan.steps {
                output.text(&format!(
                    "would {}; undone by: {}",
                    step.describe(),
                    step.undo()
                ))?;
            }
            return Ok(false);
        }
        let keeper = self.keeper_start();
        let machine = Machine {
            paths: &self.context.paths,
            program: &self.program,
            processes: &self.processes,
            tools: &self.tools,
            keeper: &keeper,
            stamp: &self.stamp,
        };
        // A terminal that has gone is no reason to stop half-way.
        apply(plan, &machine, &mut |event| match event {
            Event::Done(line) => drop(output.say(&format!("✓ {line}"))),
            Event::Note(line) => drop(output.say(&format!("  {line}"))),
            Event::Failed(line) => output.warning(&line),
        })
        .map_err(failure)?;
        for user in has_to_log_in_again(facts, plan) {
            output.warning(&format!(
                "{user} is logged in: the group counts for {user} only after logging out and in again"
            ));
        }
        Ok(true)
    }

    fn keeper_start(&self) -> KeeperStart {
        let ours = [Variable::Path, Variable::TokenUrl, Variable::TimeZone];
        KeeperStart {
            program: self.program.clone(),
            arguments: vec!["server".into(), "keeper".into()],
            environment: program::background_environment(&self.context.environment, &ours),
        }
    }
}

/// Refusals as they are shown.
pub(super) fn refused(refusal: Refusal) -> CliError {
    let kind = match refusal.kind {
        RefusalKind::NotFound => Kind::NotFound,
        RefusalKind::Conflict => Kind::Conflict,
        RefusalKind::Input => Kind::Input,
    };
    CliError::new(kind, refusal.message, refusal.hint)
}

fn failure(error: ApplyError) -> CliError {
    let ApplyError {
        steps,
        cause,
        undone,
        left,
    } = error;
    let CliError {
        kind,
        message,
        hint,
    } = CliError::from(*cause);
    let mut message = match steps.as_slice() {
        [] => message,
        [step] => format!("could not {step}: {message}"),
        steps => format!("{} steps failed; the first of them: {message}", steps.len()),
    };
    if !undone.is_empty() {
        message.push_str(&format!(". Undone: {}", undone.join("; ")));
    }
    match left.as_slice() {
        [] if undone.is_empty() => {}
        [] => message.push_str(". Nothing is left of it"),
        left => message.push_str(&format!(". Left as it is: {}", left.join("; "))),
    }
    CliError::new(kind, message, hint)
}

/// Says that a keeper has to be started at boot where nobody does it.
pub(super) fn say_who_starts_the_keeper(context: &Context, facts: &Facts) -> Result<(), CliError> {
    if facts.keeper.has_systemd {
        return Ok(());
    }
    context.output.say(
        "No systemd here: have this machine's supervisor start `claude-share server keeper` as root at every boot",
    )
}
