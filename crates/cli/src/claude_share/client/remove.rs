use std::path::Path;
use std::process::ExitCode;

use client::setup::{self, Laptop, RemoveRequest};
use client::{Profile, Profiles};
use live_process::Places;
use live_process::client::{Server, Sessions};

use super::super::context::Context;
use crate::environment::Variable;
use crate::error::{CliError, Kind};

/// Forget a server, and remove the key that was made for it
///
/// A key that another profile uses, or that you made yourself, stays. A server that has a live session is not forgotten.
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// The profile; the default one if not given
    name: Option<String>,
    /// Remove from the server too what `client init` put there: the key's line and the programs
    #[arg(long)]
    from_server: bool,
}

pub(crate) fn run(args: &RemoveArgs, context: &Context) -> Result<ExitCode, CliError> {
    let request = RemoveRequest {
        name: args.name.clone(),
        from_server: args.from_server,
    };
    let laptop = super::laptop(context)?;
    refuse_if_used(args.name.as_deref(), &laptop, context)?;
    let removed = setup::remove(&request, &laptop, &mut |event| {
        super::tell(&context.output, event);
    });
    let removed = removed.map_err(|error| match CliError::from(error) {
        refused if args.from_server && refused.kind == Kind::Network => refused.hinted(
            "Try again later, or forget it without touching the server: leave --from-server out.",
        ),
        refused => refused,
    })?;
    if let Some(default) = removed.default {
        context.output.say(&format!("The default is {default}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Its sessions would never connect again, and those whose process was killed could not be cleaned up after on the server.
/// One that begins at this moment is not seen: it fails like with any server that takes the key no more.
fn refuse_if_used(name: Option<&str>, laptop: &Laptop, context: &Context) -> Result<(), CliError> {
    let profiles = Profiles::load(&laptop.paths)?;
    let (name, profile) = profiles.choose(name)?;
    let mut others = profiles.iter().filter(|(other, _)| *other != name);
    if others.any(|(_, other)| key_and_place(other) == key_and_place(profile)) {
        return Ok(());
    }
    let runtime = context.environment.get(Variable::RuntimeDirectory);
    let places = Places::new(laptop.paths.home().to_owned(), runtime.map(Path::new));
    let sessions = Sessions::new(places, Vec::new()).list()?;
    let using: Vec<String> = sessions
        .iter()
        .filter(|session| is_reached_by(&session.record().server, profile))
        .map(|session| session.name().to_string())
        .collect();
    if using.is_empty() {
        return Ok(());
    }
    let stopping: Vec<String> = using.iter().map(|name| format!("cs stop {name}")).collect();
    Err(CliError::new(
        Kind::Conflict,
        format!("{name} is in use by a live session: {}", using.join(", ")),
        format!("End it first: {}", stopping.join("; ")),
    ))
}

/// What a session of the profile needs to connect.
fn key_and_place(profile: &Profile) -> (&client::Destination, Option<&Path>) {
    (&profile.destination, profile.identity.as_deref())
}

/// Whether a session at `server` was started with `profile`. Its record has what ssh is given, not the profile's name.
fn is_reached_by(server: &Server, profile: &Profile) -> bool {
    let destination = profile.destination.without_port();
    destination.to_str() == Some(server.destination.as_str())
        && profile.destination.port() == server.port
        && profile.identity == server.identity
}
