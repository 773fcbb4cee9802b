//! The environment of a session: the account's credential and nothing that would beat it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use model::{Secret, printable};

use crate::{LaunchError, Shell};

/// Tells programs inside a session which account it runs with.
pub const ACCOUNT_VARIABLE: &str = "CLAUDE_ACCOUNTS_ACCOUNT";

/// Names the directory of a view to the client: it has its `.credentials.json` there, and everything else elsewhere.
pub const SECURE_STORAGE_VARIABLE: &str = "CLAUDE_SECURESTORAGE_CONFIG_DIR";

/// Variables that beat the account's credential, join it, or send the session to another provider.
///
/// The first group and the provider switches were measured on Claude Code 2.1.330 by its own
/// `auth status`. The others are read by that version as credentials or as the place of one, and
/// are removed to be sure. `ANTHROPIC_BASE_URL` and `ANTHROPIC_CUSTOM_HEADERS` are no credentials
/// and stay: whoever sets them chooses where the client sends its credential.
pub const RIVAL_VARIABLES: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_SCOPES",
    SECURE_STORAGE_VARIABLE,
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    // Provider switches, and the credentials of those providers.
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    // Set for the client by programs that it runs inside of.
    "ANTHROPIC_UNIX_SOCKET",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "ANTHROPIC_PROFILE",
    "CLAUDE_CODE_HOST_AUTH_ENV_VAR",
    "CLAUDE_CODE_HOST_CREDS_FILE",
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
];

/// What is for us alone: a session has no business with it.
const INTERNAL_VARIABLES: &[&str] = &["CLAUDE_ACCOUNTS_PASSPHRASE_FD", "CLAUDE_ACCOUNTS_KEY_FD"];

/// How a session gets the account's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Injection {
    /// A key, as `ANTHROPIC_API_KEY`.
    ApiKey(Secret),
    /// An access token, as `CLAUDE_CODE_OAUTH_TOKEN`: such a session ends with the token.
    Token(Secret),
    /// The directory of a view, as `CLAUDE_SECURESTORAGE_CONFIG_DIR`.
    SecureStorage(PathBuf),
    /// A directory of links around a view, as `CLAUDE_CONFIG_DIR`.
    ConfigDirectory(PathBuf),
    /// The account's own variables are all there is.
    Nothing,
}

impl Injection {
    /// The variable that carries the credential.
    fn variable(&self) -> Option<(&'static str, Carried<'_>)> {
        match self {
            Self::ApiKey(key) => Some(("ANTHROPIC_API_KEY", Carried::Secret(key))),
            Self::Token(token) => Some(("CLAUDE_CODE_OAUTH_TOKEN", Carried::Secret(token))),
            Self::SecureStorage(path) => Some((SECURE_STORAGE_VARIABLE, Carried::Path(path))),
            Self::ConfigDirectory(path) => Some(("CLAUDE_CONFIG_DIR", Carried::Path(path))),
            Self::Nothing => None,
        }
    }
}

/// What an injected variable is set to.
enum Carried<'a> {
    Secret(&'a Secret),
    Path(&'a Path),
}

impl Carried<'_> {
    fn as_os_str(&self) -> &OsStr {
        match self {
            Self::Secret(secret) => OsStr::new(secret.expose()),
            Self::Path(path) => path.as_os_str(),
        }
    }

    fn as_text(&self) -> Result<&str, LaunchError> {
        match self {
            Self::Secret(secret) => Ok(secret.expose()),
            Self::Path(path) => path.to_str().ok_or_else(|| LaunchError::Path {
                path: (*path).to_owned(),
                problem: "is not UTF-8",
            }),
        }
    }
}

/// The environment that a session starts with.
///
/// Rivals and our own internals are taken out of `inherited`, then `injection` is put in, then
/// `own`, the account's variables. Those win over everything: an account with a key may have
/// an `ANTHROPIC_AUTH_TOKEN` of its own for a gateway, and one for Bedrock the switch for it.
/// [`ACCOUNT_VARIABLE`] is `account`, whatever `own` says. The values are copies outside
/// [`Secret`]: make them last, and become the client at once.
///
/// # Errors
/// If a variable of `own` cannot be set ([`check_variable`]).
pub fn session_environment(
    inherited: Vec<(OsString, OsString)>,
    injection: &Injection,
    own: &[(String, Secret)],
    account: &str,
) -> Result<Vec<(OsString, OsString)>, LaunchError> {
    let mut environment = inherited;
    environment
        .retain(|(name, _)| !is_in(RIVAL_VARIABLES, name) && !is_in(INTERNAL_VARIABLES, name));
    if let Some((name, value)) = injection.variable() {
        set(&mut environment, name, value.as_os_str());
    }
    for (name, value) in own {
        check_variable(name, value)?;
        set(&mut environment, name, OsStr::new(value.expose()));
    }
    set(&mut environment, ACCOUNT_VARIABLE, OsStr::new(account));
    Ok(environment)
}

/// Lines that give the running shell the same variables as a session, for `eval` or `source`.
///
/// A view that they name lives only as long as something keeps it; that is the caller's to say.
///
/// # Errors
/// If a variable of `own` cannot be set, or a directory to be named is not UTF-8.
pub fn export_lines(
    shell: Shell,
    injection: &Injection,
    own: &[(String, Secret)],
    account: &str,
) -> Result<Secret, LaunchError> {
    // Grown once: a String that moves while it grows leaves unwiped copies behind.
    let room: usize = own
        .iter()
        .map(|(_, value)| value.expose().len() * 4 + 256)
        .sum();
    let mut lines = String::with_capacity(16 * 1024 + room);
    push_unset(&mut lines, shell);
    if let Some((name, value)) = injection.variable() {
        push_export(&mut lines, shell, name, value.as_text()?);
    }
    for (name, value) in own {
        check_variable(name, value)?;
        push_export(&mut lines, shell, name, value.expose());
    }
    push_export(&mut lines, shell, ACCOUNT_VARIABLE, account);
    Ok(Secret::new(lines))
}

/// Which of the [`RIVAL_VARIABLES`] are set to something, in the order of that list.
#[must_use]
pub fn rivals_present(inherited: &[(OsString, OsString)]) -> Vec<String> {
    let is_set = |rival: &&&str| {
        inherited
            .iter()
            .any(|(name, value)| name == **rival && !value.is_empty())
    };
    RIVAL_VARIABLES
        .iter()
        .filter(is_set)
        .map(|rival| (*rival).to_owned())
        .collect()
}

/// Whether a variable can be in an environment and in a shell's script: a name of ASCII letters,
/// digits and `_` that starts with no digit, a value without NUL.
///
/// # Errors
/// Says what is wrong, without the value.
pub fn check_variable(name: &str, value: &Secret) -> Result<(), LaunchError> {
    let refuse = |problem| {
        Err(LaunchError::Variable {
            name: printable(name),
            problem,
        })
    };
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return refuse("has no name that a variable can have");
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return refuse("has no name that a variable can have");
    }
    if value.expose().contains('\0') {
        return refuse("has a NUL in its value");
    }
    Ok(())
}

fn is_in(list: &[&str], name: &OsStr) -> bool {
    list.iter().any(|listed| name == *listed)
}

fn set(environment: &mut Vec<(OsString, OsString)>, name: &str, value: &OsStr) {
    environment.retain(|(present, _)| present != name);
    environment.push((name.into(), value.to_owned()));
}

fn push_unset(lines: &mut String, shell: Shell) {
    match shell {
        Shell::Bash | Shell::Zsh => {
            lines.push_str("unset -v ");
            lines.push_str(&RIVAL_VARIABLES.join(" "));
            lines.push('\n');
        }
        // Fish users commonly keep a key in a universal variable, which shows once the global one
        // of the same name is gone. To erase it would be for good and for all their shells, and a
        // global one that is not exported does not hide it from children. An empty one does, and
        // the client takes it for unset.
        Shell::Fish => {
            for rival in RIVAL_VARIABLES {
                lines.push_str("set -e -g ");
                lines.push_str(rival);
                lines.push_str("; set -q -U ");
                lines.push_str(rival);
                lines.push_str("; and set -g -x ");
                lines.push_str(rival);
                lines.push_str(" ''\n");
            }
        }
    }
}

fn push_export(lines: &mut String, shell: Shell, name: &str, value: &str) {
    match shell {
        Shell::Bash | Shell::Zsh => {
            lines.push_str("export ");
            lines.push_str(name);
            lines.push('=');
        }
        Shell::Fish => {
            lines.push_str("set -g -x ");
            lines.push_str(name);
            lines.push(' ');
        }
    }
    shell.quote_into(value, lines);
    lines.push('\n');
}
