use live_process::client::{Session, Sessions};
use live_process::local::Status;
use serde_json::{Value, json};

use super::context::Context;
use super::{sessions, summary};
use crate::error::{CliError, Kind};
use crate::table::Table;
use crate::time;

/// Show the live sessions of this machine
#[derive(clap::Args)]
pub(crate) struct ListSessionsArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListSessionsArgs, context: &Context) -> Result<(), CliError> {
    let all = context.wait_for(look(&sessions::sessions(context)?))?;
    if args.json {
        let rows = all.iter().map(|(session, state)| row_json(session, state));
        return context.output.json(&Value::Array(rows.collect()));
    }
    if all.is_empty() {
        return context
            .output
            .note("no live session is running; start one in your project: cs live");
    }
    let mut table = Table::new(&["session", "server", "directory", "started", "connection"]);
    for (session, state) in &all {
        table.push(row(session, state));
    }
    context.output.text(&table.render(context.output.width()))
}

/// How it is with a session.
enum State {
    Running(Box<Status>),
    /// Its daemon was killed.
    LeftBehind,
    /// It does not say.
    Unknown(CliError),
}

/// All sessions but those that end meanwhile.
async fn look(sessions: &Sessions) -> Result<Vec<(Session, State)>, CliError> {
    let mut all = Vec::new();
    for session in sessions.list()? {
        let state = match session.is_running() {
            true => match sessions::status_of(&session).await {
                Ok(status) => State::Running(Box::new(status)),
                Err(error) if error.kind != Kind::NotFound => State::Unknown(error),
                Err(_) if sessions.find(session.name()).is_err() => continue,
                Err(_) => State::LeftBehind,
            },
            false => State::LeftBehind,
        };
        all.push((session, state));
    }
    Ok(all)
}

fn row(session: &Session, state: &State) -> [String; 5] {
    let record = session.record();
    let directory = record
        .directories
        .first()
        .map_or_else(String::new, |main| main.path.to_string_lossy().into_owned());
    let started_at = model::Timestamp::from_millis(record.started_at);
    [
        session.name().to_string(),
        record.server.destination.clone(),
        directory,
        time::age(started_at, time::now()),
        connection(state),
    ]
}

fn connection(state: &State) -> String {
    match state {
        State::Running(status) => summary::link(&status.link),
        State::LeftBehind => "left behind; clean up: cs stop".to_owned(),
        State::Unknown(error) => error.to_string(),
    }
}

fn row_json(session: &Session, state: &State) -> Value {
    if let State::Running(status) = state {
        let mut row = summary::json(status);
        row["running"] = true.into();
        return row;
    }
    let record = session.record();
    json!({
        "session": record.session,
        "server": record.server.destination,
        "running": matches!(state, State::Unknown(_)),
    })
}
