//! What a profile is called.

use model::AccountName;

use super::Request;
use crate::ClientError;
use crate::profiles::Profiles;

/// The name that was given; else that under which the server is known; else one made of the server's.
pub(super) fn choose_name(
    profiles: &Profiles,
    request: &Request,
) -> Result<AccountName, ClientError> {
    let destination = &request.destination;
    let is_free = |name: &str| {
        let known = profiles.get(name);
        known.is_none_or(|(_, profile)| profile.destination == *destination)
    };
    if let Some(name) = &request.name {
        return match is_free(name.as_str()) {
            true => Ok(name.clone()),
            false => Err(ClientError::Taken(name.to_string())),
        };
    }
    let mut known = profiles.iter();
    if let Some((name, _)) = known.find(|(_, profile)| profile.destination == *destination) {
        return Ok(AccountName::parse(name)?);
    }
    let host = destination.host();
    let with_user = format!("{}-{host}", destination.user().unwrap_or("user"));
    let with_port = format!("{with_user}-{}", destination.port().unwrap_or(22));
    let candidates = [host, &with_user, &with_port].map(fit_for_a_name);
    match candidates.iter().find(|name| is_free(name)) {
        Some(name) => Ok(AccountName::parse(name)?),
        None => Err(ClientError::Taken(candidates[0].clone())),
    }
}

fn fit_for_a_name(text: &str) -> String {
    let fit = |character: char| {
        let is_fit = character.is_alphanumeric() || matches!(character, '.' | '_' | '-');
        if is_fit { character } else { '-' }
    };
    let name: String = text.chars().map(fit).take(model::NAME_LIMIT).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() {
        "server".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Destination;
    use crate::profiles::{Made, Profile};

    fn request(destination: &str, name: Option<&str>) -> Request {
        Request {
            destination: Destination::parse(destination).unwrap(),
            name: name.map(|name| AccountName::parse(name).unwrap()),
            identity: None,
            restrict_key: false,
            make_default: false,
            may_ask: false,
            now: 0,
        }
    }

    fn add(profiles: &mut Profiles, destination: &str, name: Option<&str>) -> String {
        let request = request(destination, name);
        let name = choose_name(profiles, &request).unwrap();
        let profile = Profile {
            destination: request.destination,
            identity: None,
            program: String::new(),
            added_at: 0,
            made: Made::default(),
            commands_agreed_at: None,
            other: serde_json::Map::new(),
        };
        profiles.insert(&name, profile);
        name.to_string()
    }

    #[test]
    fn every_server_has_a_name_of_its_own_and_keeps_it() {
        let mut profiles = Profiles::default();
        for (destination, name) in [
            ("st@host", "host"),
            ("other@host", "other-host"),
            ("other@host:2200", "other-host-2200"),
            ("u@[::1]", "1"),
            ("u@[::]", "server"),
            ("st@host", "host"),
        ] {
            assert_eq!(add(&mut profiles, destination, None), name, "{destination}");
        }
        assert_eq!(add(&mut profiles, "st@new", Some("work")), "work");
        assert_eq!(add(&mut profiles, "st@new", None), "work");
        let taken = choose_name(&profiles, &request("st@third", Some("WORK")));
        assert!(matches!(taken, Err(ClientError::Taken(_))));
    }
}
