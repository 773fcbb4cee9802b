use client::{ClientPaths, Profile, Profiles};
use live::control::Adapter;
use live_process::local::Status;
use serde_json::{Value, json};

use super::chosen::Otherwise;
use super::context::Context;
use super::live_error::of_settings;
use super::{account, sessions, summary};
use crate::error::CliError;
use crate::table;
use crate::time;

/// Show the server that sessions are started on, and how it is with those that run
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    let profile = default_profile(&context.paths()?)?;
    let statuses = context.wait_for(sessions::all_statuses(context))?;
    if args.json {
        let value = json!({
            "profile": profile.as_ref().map(|(name, profile)| profile_json(name, profile)),
            "active_session": active(context)?,
            "sessions": statuses.iter().map(|status| session_json(status, context)).collect::<Vec<_>>(),
        });
        return context.output.json(&value);
    }
    let mut text = match &profile {
        Some((name, profile)) => table::details(&[
            ("profile", name.clone()),
            ("server", profile.destination.to_string()),
        ]),
        None => "no server is set up yet: claude-share client init USER@HOST\n".to_owned(),
    };
    if statuses.is_empty() {
        text.push_str("\nno live session is running\n");
    }
    for status in &statuses {
        text.push('\n');
        text.push_str(&session(status, context));
    }
    context.output.text(&text)
}

/// What `cs where` and the like take where no session is named; `None` if that is not clear.
fn active(context: &Context) -> Result<Option<String>, CliError> {
    let all = sessions::running(context)?;
    let place = sessions::place_of(&all, None, Otherwise::Newest).ok();
    Ok(place.map(|place| all[place].name().to_string()))
}

fn default_profile(paths: &ClientPaths) -> Result<Option<(String, Profile)>, CliError> {
    let profiles = Profiles::load(paths).map_err(of_settings)?;
    let default = profiles.default_profile();
    Ok(default.map(|(name, profile)| (name.to_owned(), profile.clone())))
}

fn profile_json(name: &str, profile: &Profile) -> Value {
    json!({
        "name": name,
        "destination": profile.destination.to_string(),
        "identity": profile.identity.as_ref().map(|path| path.to_string_lossy().into_owned()),
        "program": profile.program,
    })
}

/// One session for programs.
pub(crate) fn session_json(status: &Status, context: &Context) -> Value {
    let mut value = summary::json(status);
    if let Some(account) = &status.account {
        value["account"] = account::told_with_vault(account, context).json();
    }
    value
}

/// One session in words.
pub(crate) fn session(status: &Status, context: &Context) -> String {
    let (sent, received) = (
        summary::bytes(status.bytes_sent),
        summary::bytes(status.bytes_received),
    );
    let mut details = vec![
        (
            "started",
            time::age(summary::started_at(status), time::now()),
        ),
        ("connection", summary::link(&status.link)),
        ("transferred", format!("{sent} sent, {received} received")),
        ("process", status.daemon.to_string()),
    ];
    if status.adapter == Adapter::Sshfs {
        details.insert(0, ("mount", summary::adapter(status.adapter).to_owned()));
    }
    if let Some(account) = &status.account {
        let words = account::told_with_vault(account, context).words();
        details.insert(0, ("account", words));
    }
    if let Some(commands) = &status.commands {
        details.push(("commands", summary::commands(commands)));
    }
    let details = table::details(&details);
    let details = details.lines().map(|line| format!("  {line}\n"));
    summary::mount_paths(status) + &details.collect::<String>()
}
