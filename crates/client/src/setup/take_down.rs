//! A profile is removed, and what was made for it.

use super::{Event, Laptop};
use crate::key;
use crate::profiles::{Copied, Profile, Profiles};
use crate::remote::Server;
use crate::{ClientError, Destination};

/// What is to be removed.
#[derive(Clone, Debug)]
pub struct RemoveRequest {
    /// The profile; if not told, the default one.
    pub name: Option<String>,
    /// Whether what was put on the server is removed too.
    pub from_server: bool,
}

/// What was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The profile's name.
    pub name: String,
    /// The default one from now on.
    pub default: Option<String>,
}

/// Removes a profile: first what is on the server, then the key, if no other profile has it, then the profile.
///
/// # Errors
/// If there is no such profile, or the server cannot be reached; then the profile stays.
pub fn remove(
    request: &RemoveRequest,
    laptop: &Laptop,
    tell: &mut dyn FnMut(Event),
) -> Result<Removed, ClientError> {
    let profiles = Profiles::load(&laptop.paths)?;
    let (name, profile) = profiles.choose(request.name.as_deref())?;
    let others: Vec<&Profile> = profiles
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(_, profile)| profile)
        .collect();
    if request.from_server {
        take_back(profile, &others, laptop, tell)?;
    }
    let default = Profiles::change(&laptop.paths, |profiles| {
        profiles.remove(name);
        profiles.default_profile().map(|(name, _)| name.to_owned())
    })?;
    tell(Event::Done(format!("Removed the profile {name}")));
    remove_key(request, profile, &others, tell)?;
    Ok(Removed {
        name: name.to_owned(),
        default,
    })
}

fn take_back(
    profile: &Profile,
    others: &[&Profile],
    laptop: &Laptop,
    tell: &mut dyn FnMut(Event),
) -> Result<(), ClientError> {
    let account = |destination: &Destination| {
        let (user, host) = (destination.user(), destination.host());
        (user.map(str::to_owned), host.to_owned(), destination.port())
    };
    let here = account(&profile.destination);
    let mut sharing = others
        .iter()
        .filter(|other| account(&other.destination) == here);
    if sharing.next().is_some() {
        tell(Event::Note(
            "Another profile is for the same user there: key and programs stay".to_owned(),
        ));
        return Ok(());
    }
    let server = Server {
        tools: &laptop.tools,
        destination: &profile.destination,
        identity: profile.identity.as_deref(),
    };
    let programs: &[Copied] = &profile.made.programs;
    let taken = server.take_back(profile.made.authorized.as_deref(), programs)?;
    for path in &taken.removed {
        tell(Event::Done(format!("Removed {path} from the server")));
    }
    for path in &taken.kept {
        tell(Event::Note(format!(
            "{path} stays on the server: it is another file than was put there"
        )));
    }
    if taken.key {
        tell(Event::Done("Removed the key from the server".to_owned()));
    }
    Ok(())
}

/// Only one that was made for profiles, and once none has it any more.
fn remove_key(
    request: &RemoveRequest,
    profile: &Profile,
    others: &[&Profile],
    tell: &mut dyn FnMut(Event),
) -> Result<(), ClientError> {
    let Some(path) = profile.identity.as_deref().filter(|_| profile.made.key) else {
        return Ok(());
    };
    let has_it = |other: &&Profile| other.identity.as_deref() == Some(path);
    if others.iter().any(has_it) {
        return Ok(());
    }
    if profile.made.authorized.is_some() && !request.from_server {
        tell(Event::Note(format!(
            "The server still takes the key that was at {}, which nobody has any more",
            path.display()
        )));
    }
    key::remove(path)?;
    tell(Event::Done(format!("Removed the key {}", path.display())));
    Ok(())
}
