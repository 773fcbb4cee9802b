use live_process::client::Session;
use serde_json::{Value, json};

use super::context::Context;
use super::{sessions, summary};
use crate::error::CliError;
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
    let all = sessions::sessions(context)?.list()?;
    context.wait_for(async {
        if args.json {
            let mut rows = Vec::new();
            for session in &all {
                rows.push(row_json(session).await);
            }
            return context.output.json(&Value::Array(rows));
        }
        if all.is_empty() {
            return context
                .output
                .note("no live session is running; start one in your project: cs live");
        }
        let mut table = Table::new(&["session", "server", "directory", "started", "connection"]);
        for session in &all {
            table.push(row(session).await);
        }
        context.output.text(&table.render(context.output.width()))
    })
}

async fn row(session: &Session) -> [String; 5] {
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
        connection(session).await,
    ]
}

async fn connection(session: &Session) -> String {
    if !session.is_running() {
        return "left behind; clean up: cs stop".to_owned();
    }
    match sessions::status_of(session).await {
        Ok(status) => summary::link(&status.link),
        Err(error) => error.to_string(),
    }
}

async fn row_json(session: &Session) -> Value {
    if session.is_running()
        && let Ok(status) = sessions::status_of(session).await
    {
        let mut row = summary::json(&status);
        row["running"] = true.into();
        return row;
    }
    let record = session.record();
    json!({
        "session": record.session,
        "server": record.server.destination,
        "running": session.is_running(),
    })
}
