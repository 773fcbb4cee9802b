use std::process::ExitCode;

use client::facts::{ProgramName, RemoteProgram, ServerFacts};
use client::plan::{self, State};
use client::setup::{self, Laptop};
use client::{ClientError, Profile, Profiles};
use model::printable;
use serde_json::{Map, Value, json};

use super::super::context::Context;
use crate::error::{CliError, Kind};
use crate::table::Table;

/// Show the servers that are set up
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Look at each server too; exit code 13 if one is not ready
    #[arg(long)]
    check: bool,
}

/// A profile, and its server if it was looked at.
struct Row<'a> {
    name: &'a str,
    profile: &'a Profile,
    is_default: bool,
    check: Option<Result<ServerFacts, ClientError>>,
}

pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<ExitCode, CliError> {
    let laptop = super::laptop(context)?;
    let profiles = Profiles::load(&laptop.paths)?;
    let rows: Vec<Row<'_>> = profiles
        .iter()
        .map(|(name, profile)| Row {
            name,
            profile,
            is_default: profiles.is_default(name),
            check: args.check.then(|| setup::check(profile, &laptop)),
        })
        .collect();
    match args.json {
        true => context.output.json(&json!({
            "default": profiles.default_profile().map(|(name, _)| name),
            "profiles": rows.iter().map(as_json).collect::<Vec<_>>(),
        }))?,
        false => print(&rows, context, &laptop)?,
    }
    Ok(match rows.iter().all(Row::is_ready) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(Kind::Server.exit_code()),
    })
}

impl Row<'_> {
    /// As far as it was looked at.
    fn is_ready(&self) -> bool {
        match &self.check {
            None => true,
            Some(Err(_)) => false,
            Some(Ok(facts)) => {
                let findings = plan::findings(facts);
                let is_good = findings.iter().all(|found| found.state != State::Missing);
                is_good && version(self.profile, facts).is_some()
            }
        }
    }
}

/// The version of the profile's `claude-share` on the server; `None` if it is not there or does not run.
fn version(profile: &Profile, facts: &ServerFacts) -> Option<String> {
    let share: &RemoteProgram = &facts.programs[&ProgramName::Share];
    let version = match &share.installed {
        Some((path, version)) if *path == profile.program => *version,
        _ => share.own.as_ref()?.version,
    };
    version.map(|version| version.to_string())
}

fn as_json(row: &Row<'_>) -> Value {
    let mut value = json!({
        "name": row.name,
        "is_default": row.is_default,
        "destination": row.profile.destination.to_string(),
        "identity": row.profile.identity.as_ref().map(|path| path.to_string_lossy()),
        "program": row.profile.program,
        "added_at": row.profile.added_at,
    });
    let Some(check) = &row.check else {
        return value;
    };
    let mut checked = Map::new();
    checked.insert("is_ready".to_owned(), row.is_ready().into());
    match check {
        Err(error) => {
            checked.insert("problem".to_owned(), error.to_string().into());
        }
        Ok(facts) => {
            checked.insert("version".to_owned(), version(row.profile, facts).into());
            let findings = plan::findings(facts).into_iter().map(|found| {
                json!({"state": found.state.word(), "text": found.text, "advice": found.advice})
            });
            checked.insert("findings".to_owned(), findings.collect());
        }
    }
    value["check"] = checked.into();
    value
}

fn print(rows: &[Row<'_>], context: &Context, laptop: &Laptop) -> Result<(), CliError> {
    let output = &context.output;
    if rows.is_empty() {
        output.note("No server is set up yet.")?;
        output.hint("Set one up: claude-share client init USER@HOST");
        return Ok(());
    }
    let home = laptop.paths.home();
    let mut table = Table::new(&["", "name", "server", "key", "program there"]);
    for row in rows {
        let mark = if row.is_default { "*" } else { "" };
        let key = row
            .profile
            .identity
            .as_deref()
            .map(|key| match key.strip_prefix(home) {
                Ok(below) => format!("~/{}", below.display()),
                Err(_) => key.display().to_string(),
            });
        let destination = row.profile.destination.to_string();
        let key = key.unwrap_or_default();
        table.push([mark, row.name, &destination, &key, &row.profile.program]);
    }
    output.text(&table.render(output.width()))?;
    for row in rows {
        if let Some(check) = &row.check {
            output.text(&checked(row, check))?;
        }
    }
    Ok(())
}

fn checked(row: &Row<'_>, check: &Result<ServerFacts, ClientError>) -> String {
    let mut text = format!("\n{}\n", printable(row.name));
    let mut line = |mark: char, words: &str, advice: &str| {
        let advice = if advice.is_empty() {
            String::new()
        } else {
            format!(": {advice}")
        };
        text.push_str(&format!(
            "  {mark} {}{}\n",
            printable(words),
            printable(&advice)
        ));
    };
    let facts = match check {
        Ok(facts) => facts,
        Err(error) => {
            line('✗', &error.to_string(), "");
            return text;
        }
    };
    match version(row.profile, facts) {
        Some(version) => line('✓', &format!("claude-share {version}"), ""),
        None => line(
            '✗',
            &format!("claude-share does not run at {}", row.profile.program),
            &format!("claude-share client init {}", row.profile.destination),
        ),
    }
    for found in plan::findings(facts) {
        let mark = match found.state {
            State::Good => '✓',
            State::Optional => '–',
            State::Warning => '!',
            State::Missing => '✗',
        };
        line(mark, &found.text, &found.advice);
    }
    text
}
