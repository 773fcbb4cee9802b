use std::path::{Path, PathBuf};
use std::time::Duration;

use client::{Destination, Profile, Profiles};
use live::control::Adapter;
use live_process::SessionName;
use live_process::client::{
    Held, HeldSession, Server, Session, StartCommands, StartDirectory, StartSession,
};
use live_process::local::{LinkState, Status};

use crate::cs::agreement::{self, Asked, CommandArgs};
use crate::cs::context::{self, Context};
use crate::cs::live_error::of_settings;
use crate::cs::signals::{Came, Signals};
use crate::cs::{daemon, sessions, starting, stop, summary};
use crate::error::{CliError, Kind};
use crate::program;

/// How long the server is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where programs are that everybody's shell finds.
const EVERYBODYS: [&str; 3] = ["/usr/local/bin/", "/usr/bin/", "/bin/"];

/// On the laptop: offer a directory to a server, where `tunnel mount` mounts it
///
/// Runs until Ctrl-C or `cs stop`; the session ends with it.
#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// The directory
    #[arg(long, value_name = "DIR")]
    workspace: PathBuf,
    /// The server, or the name of its profile; the default profile's if not given
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    server: Option<String>,
    /// What the session is called; after the directory and the time if not given
    #[arg(long, value_name = "NAME", value_parser = SessionName::new)]
    session: Option<SessionName>,
    /// The private key to log in with
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Let the server change nothing in the directory
    #[arg(long)]
    read_only: bool,
    /// `claude-share` on the server; looked for there if no profile says it
    #[arg(long, value_name = "PATH")]
    remote_program: Option<String>,
    #[command(flatten)]
    commands: CommandArgs,
}

pub(crate) fn run(args: &ServeArgs, may_ask: bool, context: &Context) -> Result<(), CliError> {
    let profiles = Profiles::load(&context.paths()?).map_err(of_settings)?;
    let known = known(args.server.as_deref(), &profiles)?;
    let asked = Asked {
        profile: known.profile.as_deref(),
        server: &known.name,
        may_ask,
    };
    let commands = agreement::commands(&args.commands, &asked, context)?;
    context.wait_for(async {
        let mut signals = Signals::catch()?;
        let server = tokio::select! {
            server = server(args, known, context) => server?,
            () = ending(&mut signals) => return Err(CliError::stopped()),
        };
        let wanted = wanted(args, server, commands)?;
        let (session, status) = starting::begin(&wanted, context, &mut signals).await?;
        let held = match session.hold().await {
            Ok(held) => held,
            Err(error) => {
                starting::give_up(&session, &sessions::sessions(context)?).await;
                return Err(error.into());
            }
        };
        let told = instructions(&status, &wanted.server.remote_program);
        context.output.text(&told)?;
        serve(held, &session, &mut signals, context).await
    })
}

/// Waits for a signal that ends this program.
async fn ending(signals: &mut Signals) {
    while !matches!(signals.next().await, Came::Ending(_)) {}
}

/// Stays until the session has ended, or is to.
async fn serve(
    mut held: HeldSession,
    session: &Session,
    signals: &mut Signals,
    context: &Context,
) -> Result<(), CliError> {
    let mut is_up = true;
    let mut is_ending = false;
    let mut lost = None;
    loop {
        let next = tokio::select! {
            next = held.next() => next?,
            () = ending(signals) => {
                if is_ending {
                    // What is left ends without being waited for.
                    return Err(CliError::stopped().hinted("The session ends by itself: cs list-sessions"));
                }
                is_ending = true;
                held.stop(PATIENCE).await?;
                continue;
            }
        };
        match next {
            Held::Link(LinkState::Ended { reason }) if !is_ending => {
                lost = Some(reason);
                is_ending = true;
                held.stop(PATIENCE).await?;
            }
            Held::Link(link) => tell(&link, &mut is_up, context),
            Held::Ended { note } => {
                stop::tell(session, note, context)?;
                return lost.map_or(Ok(()), |reason| Err(lost_session(session, &reason)));
            }
        }
    }
}

/// A terminal that is gone is no reason to end.
fn tell(link: &LinkState, is_up: &mut bool, context: &Context) {
    match link {
        LinkState::Up { .. } if !*is_up => {
            *is_up = true;
            drop(context.output.say("connected again"));
        }
        LinkState::Down { .. } if *is_up => {
            *is_up = false;
            drop(
                context
                    .output
                    .say(&format!("connection {}", summary::link(link))),
            );
        }
        _ => {}
    }
}

fn lost_session(session: &Session, reason: &str) -> CliError {
    CliError::new(
        Kind::Network,
        format!("the session {} has ended: {reason}", session.name()),
        "Start it anew: claude-share tunnel serve",
    )
}

fn wanted(
    args: &ServeArgs,
    server: Server,
    commands: Option<StartCommands>,
) -> Result<StartSession, CliError> {
    Ok(StartSession {
        program: program::own_path()?,
        arguments: ["tunnel", daemon::NAME].map(Into::into).to_vec(),
        server,
        directories: vec![StartDirectory {
            path: context::directory(&args.workspace)?,
            read_only: args.read_only,
        }],
        adapter: Adapter::Native,
        when_asked: true,
        account: None,
        commands,
        name: args.session.clone(),
        local_time: jiff::Zoned::now().datetime(),
    })
}

/// The server of a profile, or one that nobody has set up.
async fn server(args: &ServeArgs, known: Known, context: &Context) -> Result<Server, CliError> {
    let has_program = known.profile.is_some();
    let mut server = known.server;
    if let Some(identity) = &args.identity {
        server.identity = Some(key(identity)?);
    }
    if let Some(program) = &args.remote_program {
        server.remote_program.clone_from(program);
    } else if !has_program {
        server.remote_program = find_program(&server, context).await?;
    }
    Ok(server)
}

/// What is known of a server beforehand.
struct Known {
    server: Server,
    /// As people call it.
    name: String,
    /// Its profile, which also says where `claude-share` is there.
    profile: Option<String>,
}

fn known(named: Option<&str>, profiles: &Profiles) -> Result<Known, CliError> {
    let of_profile = |(name, profile): (&str, &Profile)| Known {
        server: starting::server(profile),
        name: profile.destination.to_string(),
        profile: Some(name.to_owned()),
    };
    let error = match profiles.choose(named) {
        Ok(found) => return Ok(of_profile(found)),
        Err(error) => error,
    };
    // Without a user it is a name that is mistyped, more likely than a host.
    let Some(named) = named.filter(|named| named.contains('@')) else {
        return Err(of_settings(error));
    };
    let destination = Destination::parse(named)?;
    let mut profiles = profiles.iter();
    if let Some(found) = profiles.find(|(_, profile)| profile.destination == destination) {
        return Ok(of_profile(found));
    }
    Ok(Known {
        server: Server {
            destination: destination.without_port().to_string_lossy().into_owned(),
            port: destination.port(),
            identity: None,
            remote_program: String::new(),
            ssh_program: "ssh".into(),
        },
        name: destination.to_string(),
        profile: None,
    })
}

/// A private key by its whole path: the session's process works elsewhere.
fn key(given: &Path) -> Result<PathBuf, CliError> {
    given.canonicalize().map_err(|error| {
        CliError::new(
            Kind::Input,
            format!("{}: {error}", given.display()),
            "Name the file of a private key.",
        )
    })
}

async fn find_program(server: &Server, context: &Context) -> Result<String, CliError> {
    let destination = model::printable(&server.destination);
    let found = server.find_program(&context.environment.inherited()).await;
    let found = found.map_err(|error| {
        CliError::new(
            Kind::Network,
            format!("{destination} cannot be reached: {error}"),
            "Try it by itself: ssh, with the same name; or set it up: claude-share client init",
        )
    })?;
    found.ok_or_else(|| {
        CliError::new(
            Kind::Server,
            format!("{destination} has no claude-share in its PATH or in ~/.local/bin"),
            "Set it up: claude-share client init; or say where it is: --remote-program PATH",
        )
    })
}

/// What there is, and what to type on the server.
fn instructions(status: &Status, remote_program: &str) -> String {
    let session = model::printable(&status.session);
    let local = status.directories.iter().find(|found| found.is_main);
    let local = local.map_or_else(String::new, |found| summary::path(&found.local.to_path()));
    let program = model::printable(typed(remote_program));
    let commands = status.commands.as_ref();
    let commands = commands.map_or_else(String::new, summary::commands_run_here);
    format!(
        "[claude-share] {local} is offered to {}
  session {session}
{commands}Type there:
  {program} tunnel mount --session {session}
  . ~/.claude-share/remote/{session}/env.sh
  cd ~/.claude-share/mounts/{session}
  claude
Ctrl-C ends it.
",
        model::printable(&status.server)
    )
}

/// How a program is called in a shell there, which may not find it by its name.
fn typed(program: &str) -> &str {
    let name = EVERYBODYS
        .iter()
        .find_map(|directory| program.strip_prefix(directory));
    name.unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles() -> Profiles {
        let home = tempfile::tempdir().unwrap();
        let paths = client::ClientPaths::new(home.path());
        std::fs::create_dir(paths.directory()).unwrap();
        let profile = |destination: &str| {
            serde_json::json!({
                "destination": destination, "identity": "/k", "program": "/p/claude-share", "added_at": 0,
            })
        };
        let text = serde_json::json!({
            "format": 1, "default": "one",
            "profiles": {"one": profile("a@one"), "two": profile("a@two:22")},
        });
        vault::durable::write(
            &paths.profiles(),
            text.to_string().as_bytes(),
            0o600,
            vault::durable::Placing::Replace,
        )
        .unwrap();
        Profiles::load(&paths).unwrap()
    }

    #[test]
    fn a_server_is_a_profile_or_anything_that_has_a_user() {
        let profiles = profiles();
        for (named, destination, port, has_program) in [
            (None, "a@one", None, true),
            (Some("two"), "a@two", Some(22), true),
            (Some("a@two:22"), "a@two", Some(22), true),
            (Some("a@two"), "a@two", None, false),
            (Some("b@three:2222"), "b@three", Some(2222), false),
        ] {
            let known = known(named, &profiles).unwrap();
            assert_eq!(known.server.destination, destination);
            let is_profile = known.profile.is_some();
            assert_eq!((known.server.port, is_profile), (port, has_program));
            assert_eq!(known.server.identity.is_some(), has_program);
        }
        let kind = |named| known(Some(named), &profiles).err().unwrap().kind;
        assert_eq!(kind("three"), Kind::NotFound);
        assert_eq!(kind("@three"), Kind::Input);
        assert_eq!(kind("a@-oProxyCommand=x"), Kind::Input);
    }

    #[test]
    fn it_is_said_what_to_type() {
        let mut status = crate::cs::summary::tests::status();
        status.session = "p-1".to_owned();
        let expected = "[claude-share] /Users/me/work/myproj is offered to st@43.162.99.88
  session p-1
Type there:
  claude-share tunnel mount --session p-1
  . ~/.claude-share/remote/p-1/env.sh
  cd ~/.claude-share/mounts/p-1
  claude
Ctrl-C ends it.
";
        assert_eq!(
            instructions(&status, "/usr/local/bin/claude-share"),
            expected
        );
        let elsewhere = instructions(&status, "/home/st/.local/bin/claude-share");
        assert!(
            elsewhere.contains("\n  /home/st/.local/bin/claude-share tunnel mount --session p-1\n"),
            "{elsewhere}"
        );
    }
}
