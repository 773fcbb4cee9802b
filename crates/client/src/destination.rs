//! Which server is meant: `USER@HOST[:PORT]`, or a name of `~/.ssh/config`.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest text that is taken, in bytes: a name of the DNS has 253, a user's 32.
const LIMIT: usize = 512;

/// A server, as `ssh` is to be told of it. Neither part can be taken for an option or a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// Why a text names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// There is no host in it.
    #[error("the server has no name; give USER@HOST[:PORT]")]
    NoHost,
    /// `@` with nothing before it.
    #[error("there is no user before the “@”")]
    NoUser,
    /// It would be taken for an option.
    #[error("the name of a user or a server cannot begin with “-”")]
    Dash,
    /// What stands behind the colon is no port.
    #[error("{0:?} is no port; give a number from 1 to 65535")]
    Port(String),
    /// More than one colon, outside of brackets.
    #[error("an IPv6 address stands in brackets: USER@[{0}]")]
    Brackets(String),
    /// The brackets are not closed, or hold something else than an address.
    #[error("what is in the brackets is no IPv6 address")]
    Address,
    /// A character that no such name has.
    #[error("the name of a user or a server cannot contain {0:?}")]
    Character(char),
    /// Longer than any name.
    #[error("it has more than {LIMIT} bytes")]
    TooLong,
}

impl Destination {
    /// Reads `USER@HOST`, `USER@HOST:PORT`, `USER@[ADDRESS]:PORT`, each also without the user.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        if text.len() > LIMIT {
            return Err(DestinationError::TooLong);
        }
        // The last one, as ssh has it: users of some directories have an `@` in their names.
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(checked_user(user)?), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => in_brackets(rest)?,
            None => in_the_open(rest)?,
        };
        let port = port.map(parse_port).transpose()?;
        Ok(Self { user, host, port })
    }

    /// Who logs in; `None`: as ssh's configuration has it.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; `None`: as ssh's configuration has it.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// `USER@HOST` for the command line of `ssh`, which takes the port as an option and no brackets.
    #[must_use]
    pub fn without_port(&self) -> OsString {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host).into(),
            None => self.host.clone().into(),
        }
    }
}

fn checked_user(user: &str) -> Result<String, DestinationError> {
    if user.is_empty() {
        return Err(DestinationError::NoUser);
    }
    refuse_dash(user)?;
    // What ssh itself refuses in a user's name, and what would show as something else.
    let wrong = |character: &char| {
        character.is_control()
            || character.is_whitespace()
            || "'`\"$\\;&<>|(){}:%".contains(*character)
    };
    match user.chars().find(wrong) {
        Some(character) => Err(DestinationError::Character(character)),
        None => Ok(user.to_owned()),
    }
}

fn in_brackets(rest: &str) -> Result<(String, Option<&str>), DestinationError> {
    let (address, after) = rest.split_once(']').ok_or(DestinationError::Address)?;
    let (number, zone) = address.split_once('%').unwrap_or((address, "0"));
    let is_zone = !zone.is_empty() && zone.chars().all(of_host);
    if std::net::Ipv6Addr::from_str(number).is_err() || !is_zone {
        return Err(DestinationError::Address);
    }
    let port = match after {
        "" => None,
        after => Some(after.strip_prefix(':').ok_or(DestinationError::Address)?),
    };
    Ok((address.to_owned(), port))
}

fn in_the_open(rest: &str) -> Result<(String, Option<&str>), DestinationError> {
    let (host, port) = match rest.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            return Err(DestinationError::Brackets(rest.to_owned()));
        }
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    if host.is_empty() {
        return Err(DestinationError::NoHost);
    }
    refuse_dash(host)?;
    match host.chars().find(|&character| !of_host(character)) {
        Some(character) => Err(DestinationError::Character(character)),
        None => Ok((host.to_owned(), port)),
    }
}

fn refuse_dash(name: &str) -> Result<(), DestinationError> {
    match name.starts_with('-') {
        true => Err(DestinationError::Dash),
        false => Ok(()),
    }
}

/// Names of the DNS, addresses, and what people call hosts in `~/.ssh/config`.
fn of_host(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '+')
}

fn parse_port(text: &str) -> Result<u16, DestinationError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| text.parse().ok()).flatten();
    port.filter(|&port| port > 0)
        .ok_or_else(|| DestinationError::Port(text.to_owned()))
}

impl fmt::Display for Destination {
    /// As it is parsed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(formatter, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(formatter, "[{}]", self.host)?,
            false => formatter.write_str(&self.host)?,
        }
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, DestinationError> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_can_be_told_is_taken_and_shown_as_it_came() {
        for (text, user, host, port) in [
            ("st@43.162.99.88", Some("st"), "43.162.99.88", None),
            ("st@example.com:2222", Some("st"), "example.com", Some(2222)),
            ("work", None, "work", None),
            ("work:22", None, "work", Some(22)),
            ("a@b@host", Some("a@b"), "host", None),
            ("u@[::1]", Some("u"), "::1", None),
            (
                "u@[fe80::1%eth0]:2200",
                Some("u"),
                "fe80::1%eth0",
                Some(2200),
            ),
            ("serveur-été_2", None, "serveur-été_2", None),
        ] {
            let parsed = Destination::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (parsed.user(), parsed.host(), parsed.port()),
                (user, host, port)
            );
            assert_eq!(parsed.to_string(), text);
        }
        let six = Destination::parse("u@[::1]:22").unwrap();
        assert_eq!(six.without_port(), "u@::1");
    }

    #[test]
    fn what_would_be_an_option_or_a_command_is_refused() {
        use DestinationError as Wrong;
        for (text, why) in [
            ("", Wrong::NoHost),
            ("st@", Wrong::NoHost),
            ("@host", Wrong::NoUser),
            ("-oProxyCommand=x", Wrong::Dash),
            ("st@-v", Wrong::Dash),
            ("-l@host", Wrong::Dash),
            ("st@host:", Wrong::Port(String::new())),
            ("st@host:0", Wrong::Port("0".into())),
            ("st@host:+22", Wrong::Port("+22".into())),
            ("st@host:65536", Wrong::Port("65536".into())),
            ("st@::1", Wrong::Brackets("::1".into())),
            ("st@[::1", Wrong::Address),
            ("st@[::1]22", Wrong::Address),
            ("st@[host]", Wrong::Address),
            ("st@[fe80::1%]", Wrong::Address),
            ("st@ho st", Wrong::Character(' ')),
            ("st@host\n", Wrong::Character('\n')),
            ("s$t@host", Wrong::Character('$')),
            ("st@h%h", Wrong::Character('%')),
        ] {
            assert_eq!(Destination::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(Destination::parse(&"a".repeat(600)), Err(Wrong::TooLong));
    }
}
