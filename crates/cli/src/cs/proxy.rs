use std::collections::HashMap;
use std::path::{Path, PathBuf};

use client::{Commands, Profile, Profiles};
use live_process::client::Session;
use live_process::local::{FromDaemon, LocalPath, ToDaemon};
use model::Timestamp;
use proxy::{DEFAULTS, Name, Why};
use serde_json::{Value, json};

use super::agreement;
use super::chosen::Otherwise;
use super::context::Context;
use super::live_error::of_settings;
use super::{proxy_answer, sessions, starting, summary};
use crate::environment::Variable;
use crate::error::{CliError, Kind};
use crate::table::{NOTHING, Table};
use crate::time;

/// Show which commands typed on a server run on this machine, and why; change that
///
/// A command that is typed in a session's directory there runs here, if its name is on this list and this machine has such
/// a program. The list is this machine's: nothing on a server or in a project changes it.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ProxyArgs {
    #[command(subcommand)]
    command: Option<ProxyCommand>,
    /// Show the list of this session; of that of the current directory, else the newest, if not given
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum ProxyCommand {
    /// Run these commands on this machine: in sessions to come, and at once in those that run
    Add(NamesArgs),
    /// Run these commands on the server: in sessions to come, and at once in those that run
    Remove(NamesArgs),
    /// Agree that whoever controls a server runs commands of the list on this machine
    Agree(ServerArgs),
    /// Take that back: sessions to come run no commands here
    Disagree(ServerArgs),
    Answer(proxy_answer::AnswerArgs),
}

/// Which commands.
#[derive(clap::Args)]
struct NamesArgs {
    /// The commands, as they are typed
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Which server.
#[derive(clap::Args)]
struct ServerArgs {
    /// The server, by the name of its profile; the default one if not given
    #[arg(long, value_name = "PROFILE")]
    server: Option<String>,
}

pub(crate) fn run(args: &ProxyArgs, context: &Context) -> Result<(), CliError> {
    match &args.command {
        None => show(args, context),
        Some(ProxyCommand::Add(args)) => add(args, context),
        Some(ProxyCommand::Remove(args)) => remove(args, context),
        Some(ProxyCommand::Agree(args)) => agree(args, context),
        Some(ProxyCommand::Disagree(args)) => disagree(args, context),
        Some(ProxyCommand::Answer(args)) => proxy_answer::run(args, context),
    }
}

/// A line of the list.
struct Row {
    name: String,
    /// Why it is on the list; `None`: it was removed.
    why: Option<Why>,
    /// What runs here.
    program: Option<PathBuf>,
}

fn show(args: &ProxyArgs, context: &Context) -> Result<(), CliError> {
    let settings = Commands::load(&context.paths()?).map_err(of_settings)?;
    let profiles = Profiles::load(&context.paths()?).map_err(of_settings)?;
    let session = shown_session(args.session.as_deref(), context)?;
    let found = session
        .as_ref()
        .map_or_else(HashMap::new, |session| found(session, context));
    let rows = rows(&settings, session.as_ref(), &found, context)?;
    if args.json {
        return context
            .output
            .json(&json(&rows, session.as_ref(), &profiles));
    }
    let table = text(&rows, context.output.width());
    let none = session.filter(|session| session.record().commands.is_none());
    let none = none.map(|session| format!("the session {} runs none of them\n", session.name()));
    let below = none.unwrap_or_default() + &servers(&profiles);
    let gap = if below.is_empty() { "" } else { "\n" };
    context.output.text(&[&table, gap, &below].concat())
}

/// The running session whose list is shown, if there is one. One that was named has to be there.
fn shown_session(named: Option<&str>, context: &Context) -> Result<Option<Session>, CliError> {
    let mut all = sessions::running(context)?;
    match sessions::place_of(&all, named, Otherwise::Newest) {
        Ok(place) => Ok(Some(all.swap_remove(place))),
        Err(error) if named.is_some() => Err(error),
        Err(_) => Ok(None),
    }
}

/// What a running session itself finds for the names of its list: it has the `PATH` of whoever started it. Nothing if no
/// commands run here in it, or it does not say.
fn found(session: &Session, context: &Context) -> HashMap<String, Option<PathBuf>> {
    if session.record().commands.is_none() {
        return HashMap::new();
    }
    match context.wait_for(sessions::asked(session, &ToDaemon::Find)) {
        Ok(FromDaemon::Found(found)) => {
            let path = |path: LocalPath| path.to_path();
            let found = found.into_iter();
            found
                .map(|(name, program)| (name, program.map(path)))
                .collect()
        }
        // It has ended meanwhile.
        Err(error) if error.kind == Kind::NotFound => HashMap::new(),
        answered => {
            let error = answered.err().unwrap_or_else(sessions::senseless);
            context.output.warning(&format!(
                "what {} finds is not known, this is what this shell's PATH has: {error}",
                session.name()
            ));
            HashMap::new()
        }
    }
}

/// What was not `found` by a session is looked for here.
fn rows(
    settings: &Commands,
    session: Option<&Session>,
    found: &HashMap<String, Option<PathBuf>>,
    context: &Context,
) -> Result<Vec<Row>, CliError> {
    let record = session.map(Session::record);
    let commands = record.and_then(|record| record.commands.as_ref());
    let own = agreement::names(commands.map_or(&[], |commands| &commands.names))?;
    let published: Vec<&Path> = record
        .into_iter()
        .flat_map(|record| &record.directories)
        .map(|published| published.path.as_path())
        .collect();
    let names = settings.names(&own);
    let listed = names.iter().map(|(name, why)| Row {
        name: name.to_string(),
        why: Some(why),
        program: match found.get(name.as_str()) {
            Some(found) => found.clone(),
            None => program(name, &published, context),
        },
    });
    let is_listed = |name: &Name| names.find(name.as_str().as_bytes()).is_some();
    let removed = settings.removed().iter().filter(|name| !is_listed(name));
    let removed = removed.map(|name| Row {
        name: name.to_string(),
        why: None,
        program: None,
    });
    Ok(listed.chain(removed).collect())
}

fn program(name: &Name, published: &[&Path], context: &Context) -> Option<PathBuf> {
    let path = context.environment.get(Variable::Path)?;
    live_process::find_program(name, path, published)
}

fn text(rows: &[Row], width: Option<usize>) -> String {
    let mut table = Table::new(&["command", "why", "runs here"]);
    for row in rows {
        let runs = match (&row.program, row.why) {
            (Some(program), _) => summary::path(program),
            (None, Some(_)) => "no such program here: the server's own runs".to_owned(),
            (None, None) => NOTHING.to_owned(),
        };
        table.push([row.name.clone(), why(row.why).to_owned(), runs]);
    }
    table.render(width)
}

fn why(why: Option<Why>) -> &'static str {
    match why {
        Some(Why::Default) => "default",
        Some(Why::Added) => "added by you",
        Some(Why::Session) => "for this session",
        None => "removed by you",
    }
}

/// On which servers the list counts.
fn servers(profiles: &Profiles) -> String {
    let line = |(name, profile): (&str, &Profile)| match profile.commands_agreed_at {
        Some(at) => {
            let age = time::age(Timestamp::from_millis(at), time::now());
            format!("agreed for {name}, {age}\n")
        }
        None => {
            let word = client::shell_word(name);
            format!("not agreed for {name}: cs proxy agree --server {word}\n")
        }
    };
    profiles.iter().map(line).collect()
}

fn json(rows: &[Row], session: Option<&Session>, profiles: &Profiles) -> Value {
    let why = |row: &Row| match row.why {
        Some(Why::Default) => "default",
        Some(Why::Added) => "added",
        Some(Why::Session) => "session",
        None => "removed",
    };
    let commands = rows.iter().map(|row| {
        let program = row.program.as_ref();
        json!({
            "name": row.name,
            "why": why(row),
            "program": program.map(|path| path.to_string_lossy().into_owned()),
        })
    });
    let servers = profiles.iter().map(|(name, profile)| {
        let at = profile.commands_agreed_at.map(Timestamp::from_millis);
        json!({"profile": name, "agreed_at": at.and_then(time::rfc3339)})
    });
    json!({
        "session": session.map(|session| session.name().to_string()),
        "in_session": session.map(|session| session.record().commands.is_some()),
        "servers": servers.collect::<Vec<_>>(),
        "commands": commands.collect::<Vec<_>>(),
    })
}

fn add(args: &NamesArgs, context: &Context) -> Result<(), CliError> {
    let names = agreement::names(&args.names)?;
    let new = Commands::add(&context.paths()?, &names).map_err(of_settings)?;
    for name in &names {
        let state = match new.contains(name) {
            true => "runs on this machine from now on",
            false => "runs on this machine already",
        };
        context.output.say(&format!("{name} {state}"))?;
        if program(name, &[], context).is_none() {
            let text =
                format!("this machine has no program {name}: the server's own runs until it has");
            context.output.hint(&text);
        }
    }
    tell_sessions(&[], context)
}

fn remove(args: &NamesArgs, context: &Context) -> Result<(), CliError> {
    let names = agreement::names(&args.names)?;
    let mut gone = Commands::remove(&context.paths()?, &names).map_err(of_settings)?;
    for session in sessions::running(context)? {
        let own = session.record().commands.iter();
        let own = own.flat_map(|commands| &commands.names);
        gone.extend(own.filter_map(|own| names.iter().find(|name| name.as_str() == own).cloned()));
    }
    // Also where nothing is new: a session may not have heard of the last time.
    tell_sessions(&names, context)?;
    for name in &gone_once(&gone) {
        let text = format!("{name} runs on the server from now on");
        context.output.say(&text)?;
    }
    let missing = names.iter().find(|name| !gone.contains(name));
    missing.map_or(Ok(()), |name| Err(not_listed(name)))
}

fn gone_once(gone: &[Name]) -> Vec<Name> {
    let mut once: Vec<Name> = gone.to_vec();
    once.sort();
    once.dedup();
    once
}

fn not_listed(name: &Name) -> CliError {
    let hint = match DEFAULTS.contains(&name.as_str()) {
        true => "It was removed before.",
        false => "`cs proxy` shows those that are.",
    };
    CliError::new(Kind::NotFound, format!("{name} is not on the list"), hint)
}

/// Has every session that runs know the settings, and lose the names of its own that are `dropped`.
fn tell_sessions(dropped: &[Name], context: &Context) -> Result<(), CliError> {
    let load = || Commands::load(&context.paths()?).map_err(of_settings);
    context.wait_for(async {
        let mut settings = load()?;
        loop {
            let message = ToDaemon::Proxy {
                added: texts(settings.added()),
                removed: texts(settings.removed()),
                dropped: texts(dropped),
            };
            for session in sessions::running(context)? {
                tell_session(&session, &message, context).await;
            }
            // Of two who change them at a time, the one who tells last tells what counts.
            let told = std::mem::replace(&mut settings, load()?);
            if told == settings {
                return Ok(());
            }
        }
    })
}

/// One that cannot be told keeps nobody from telling the others.
async fn tell_session(session: &Session, message: &ToDaemon, context: &Context) {
    let told = async {
        match sessions::ask(&mut session.connect().await?, message).await? {
            FromDaemon::Done => Ok(()),
            _ => Err(sessions::senseless()),
        }
    };
    match told.await {
        // It has ended meanwhile.
        Err(error) if error.kind == Kind::NotFound => {}
        Err(error) => {
            let name = session.name();
            context.output.warning(&format!("{name}: {error}"));
        }
        Ok(()) => {}
    }
}

fn texts<'a>(names: impl IntoIterator<Item = &'a Name>) -> Vec<String> {
    names.into_iter().map(ToString::to_string).collect()
}

fn agree(args: &ServerArgs, context: &Context) -> Result<(), CliError> {
    let (name, profile) = chosen(args, context)?;
    let server = &profile.destination;
    agreement::agree(&name, &context.paths()?)?;
    let output = &context.output;
    output.say(&format!(
        "commands that are typed on {server} run on this machine, in sessions to come"
    ))?;
    output.note("  whoever controls that server can run code here with them; take it back: cs proxy disagree")
}

fn disagree(args: &ServerArgs, context: &Context) -> Result<(), CliError> {
    let (name, profile) = chosen(args, context)?;
    let server = &profile.destination;
    let was_agreed = agreement::disagree(&name, &context.paths()?)?;
    context.output.say(&match was_agreed {
        true => format!("commands that are typed on {server} run there, in sessions to come"),
        false => format!("commands that are typed on {server} run there already"),
    })?;
    for session in sessions::running(context)? {
        let (record, server) = (session.record(), starting::server(&profile));
        let is_there =
            (&record.server.destination, record.server.port) == (&server.destination, server.port);
        if is_there && record.commands.is_some() {
            let name = session.name();
            context.output.warning(&format!(
                "{name} goes on running commands here until it is stopped: cs stop {name}"
            ));
        }
    }
    Ok(())
}

/// The profile that is meant, with its name.
fn chosen(args: &ServerArgs, context: &Context) -> Result<(String, Profile), CliError> {
    let profiles = Profiles::load(&context.paths()?).map_err(of_settings)?;
    let chosen = profiles.choose(args.server.as_deref());
    let (name, profile) = chosen.map_err(of_settings)?;
    Ok((name.to_owned(), profile.clone()))
}
