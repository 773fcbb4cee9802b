use std::time::Duration;

use live_process::SessionName;
use live_process::agent::control::{
    AgentConnection, AgentDirectory, AgentStatus, ControlError, FromAgent, ToAgent,
};
use live_process::agent::{self, LivingAgent};
use live_process::local::{LocalPath, Status};
use model::Timestamp;
use serde_json::{Value, json};

use super::tunnel_error::no_session;
use crate::cs::context::Context;
use crate::cs::{self, sessions, summary};
use crate::error::{CliError, Kind};
use crate::{table, time};

/// Show the live sessions that have an end on this machine: the laptop's, or the server's
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// This session; all of them if not given
    #[arg(long, value_name = "NAME", value_parser = SessionName::new)]
    session: Option<SessionName>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    let (mut here, mut served) = context.wait_for(async {
        let here = sessions::all_statuses(context).await?;
        Ok((here, agents(context).await?))
    })?;
    if let Some(session) = &args.session {
        let names = names(&here, &served);
        here.retain(|status| status.session == session.as_str());
        served.retain(|status| status.session == session.as_str());
        if here.is_empty() && served.is_empty() {
            return Err(no_session(session.as_str(), &names));
        }
    }
    if args.json {
        return context.output.json(&json!({
            "laptop": here.iter().map(|status| cs::status::session_json(status, context)).collect::<Vec<_>>(),
            "server": served.iter().map(agent_json).collect::<Vec<_>>(),
        }));
    }
    if here.is_empty() && served.is_empty() {
        return context.output.note("no live session has an end here");
    }
    let laptop = here.iter().map(|status| {
        let text = cs::status::session(status, context);
        format!("the laptop's end\n{text}")
    });
    let server = served.iter().map(agent_text);
    let all: Vec<String> = laptop.chain(server).collect();
    context.output.text(&all.join("\n"))
}

/// How it is with the agents of this user; one that ends meanwhile is left out.
async fn agents(context: &Context) -> Result<Vec<AgentStatus>, CliError> {
    let places = sessions::places(context)?;
    let mut statuses = Vec::new();
    for LivingAgent { session, .. } in agent::list(&places)? {
        let Ok(session) = SessionName::new(&session) else {
            continue;
        };
        let asked = async {
            let mut connection = AgentConnection::connect(&places, &session).await?;
            connection.ask(&ToAgent::Status).await
        };
        match asked.await.map_err(CliError::from) {
            Ok(FromAgent::Status(status)) => statuses.push(status),
            Ok(_) => return Err(ControlError::Senseless.into()),
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Network) => {
                context.output.warning(&format!("{session}: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(statuses)
}

/// Of all sessions, each once.
fn names(here: &[Status], served: &[AgentStatus]) -> Vec<String> {
    let here = here.iter().map(|status| status.session.clone());
    let served = served.iter().map(|status| status.session.clone());
    let mut names: Vec<String> = here.chain(served).collect();
    names.sort();
    names.dedup();
    names
}

fn agent_text(status: &AgentStatus) -> String {
    let mut rows = vec![("session", status.session.clone())];
    rows.extend(status.directories.iter().map(directory_row));
    if let Some(environment) = &status.environment {
        rows.push(("environment", summary::path(&environment.to_path())));
    }
    let started_at = Timestamp::from_millis(status.started_at.saturating_mul(1000));
    rows.extend([
        ("started", time::age(started_at, time::now())),
        ("connection", connection(status)),
        ("programs", status.programs.to_string()),
        ("process", status.agent.to_string()),
    ]);
    let details = table::details(&rows);
    let lines = details.lines().map(|line| format!("  {line}\n"));
    format!("the server's end\n{}", lines.collect::<String>())
}

fn directory_row(directory: &AgentDirectory) -> (&'static str, String) {
    let word = if directory.is_main { "main" } else { "extra" };
    let note = match directory.read_only {
        true => " (read-only)",
        false => "",
    };
    let name = model::printable(&directory.name);
    let state = match (&directory.place, &directory.failure) {
        (Some(place), _) => summary::path(&place.to_path()),
        (None, Some(failure)) => {
            format!("{name} not mounted: {}", model::printable(failure))
        }
        (None, None) if directory.when_asked => format!("{name} not mounted: tunnel mount"),
        (None, None) => format!("{name} not mounted yet"),
    };
    (word, state + note)
}

fn connection(status: &AgentStatus) -> String {
    let word = if status.is_connected { "up" } else { "down" };
    let since = time::duration(Duration::from_millis(status.since_ms));
    format!("{word} for {since}")
}

/// For programs: see `docs/live.md` for what the fields mean.
fn agent_json(status: &AgentStatus) -> Value {
    let text = |path: &LocalPath| path.to_path().to_string_lossy().into_owned();
    let started_at = Timestamp::from_millis(status.started_at.saturating_mul(1000));
    let directories = status.directories.iter().map(|directory| {
        json!({
            "kind": if directory.is_main { "main" } else { "extra" },
            "name": directory.name,
            "remote": directory.place.as_ref().map(text),
            "read_only": directory.read_only,
            "when_asked": directory.when_asked,
            "failure": directory.failure,
        })
    });
    json!({
        "session": status.session,
        "agent": status.agent,
        "started_at": time::rfc3339(started_at),
        "connected": status.is_connected,
        "since_ms": status.since_ms,
        "directories": directories.collect::<Vec<_>>(),
        "programs": status.programs,
        "environment": status.environment.as_ref().map(text),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn status() -> AgentStatus {
        let directory = |name: &str, is_main| AgentDirectory {
            name: name.to_owned(),
            is_main,
            read_only: !is_main,
            when_asked: true,
            place: is_main.then(|| LocalPath::new(Path::new("/home/st/.claude-share/mounts/p"))),
            failure: None,
        };
        AgentStatus {
            session: "p-20260419-001500".to_owned(),
            agent: 4711,
            started_at: 1_776_557_700,
            is_connected: true,
            since_ms: 72_000,
            directories: vec![directory("p", true), directory("1-data", false)],
            programs: 2,
            environment: Some(LocalPath::new(Path::new("/home/st/env.sh"))),
        }
    }

    #[test]
    fn the_servers_end_is_told_in_words_and_for_programs() {
        let text = agent_text(&status());
        for line in [
            "the server's end\n  session      p-20260419-001500\n",
            "  main         /home/st/.claude-share/mounts/p\n",
            "  extra        1-data not mounted: tunnel mount (read-only)\n",
            "  environment  /home/st/env.sh\n",
            "  connection   up for 1m12s\n  programs     2\n  process      4711\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let value = agent_json(&status());
        assert_eq!(value["directories"][0]["kind"], "main");
        assert_eq!(value["directories"][1]["remote"], Value::Null);
        assert_eq!(value["started_at"], "2026-04-19T00:15:00Z");
        assert_eq!(value["connected"], true);
    }

    #[test]
    fn what_a_laptop_says_does_nothing_to_the_terminal() {
        let mut status = status();
        status.directories[1].name = "no\x1b[2J".to_owned();
        status.directories[1].failure = Some("no\x1b]0;x\x07".to_owned());
        let text = agent_text(&status);
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
    }

    #[test]
    fn a_session_with_both_ends_here_is_one() {
        let mut here = crate::cs::summary::tests::status();
        here.session = status().session;
        assert_eq!(names(&[here], &[status()]), [status().session]);
    }
}
