//! What `launch`, `exec` and `env` have in common: a login that is good, and how the program gets
//! it.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use launch::{
    Injection, ViewSupport, link_config, replace_process, session_environment, settings_files,
    settings_rivals,
};
use model::{Decision, RENEWAL_MARGIN, Timestamp, decide};
use renew::{NewSession, RenewError, SessionKind, Want};
use vault::{Account, Credential, Unsealed, Vault};

use super::context::Context;
use super::{keeper, services};
use crate::environment::Variable;
use crate::error::{CliError, Kind};
use crate::time;

/// A session whose token is in its environment ends with that token: it is to have this much left.
const MARGIN_WITHOUT_VIEW: Duration = Duration::from_secs(60 * 60);

/// How the credential of a login reaches the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Inject {
    /// A view where the installed client can read one, else the environment
    #[default]
    Auto,
    /// The environment: such a session ends when the token does
    Env,
    /// A private directory that the keeper keeps up to date
    View,
}

/// An account that is ready to be used.
pub(crate) struct Ready {
    pub(crate) account: Account,
    pub(crate) unsealed: Unsealed,
}

/// Brings the account's login to `margin` of life, if it can be had.
///
/// # Errors
/// If there is no credential, or the login has ended and cannot be renewed.
pub(crate) fn make_ready(
    context: &Context,
    vault: &Vault,
    account: Account,
    margin: Duration,
) -> Result<Ready, CliError> {
    let account = match renewal_needed(&account, margin) {
        true => renew(context, vault, account, margin)?,
        false => account,
    };
    let unsealed = vault.unseal(&account)?;
    if matches!(unsealed.credential, Credential::None) && unsealed.environment.is_empty() {
        return Err(no_credential(&account));
    }
    Ok(Ready { account, unsealed })
}

/// A new one only if one is wanted: `decide` also wants what cannot be had.
fn renewal_needed(account: &Account, margin: Duration) -> bool {
    let is_login = account.auth_type == model::AuthType::OAuth;
    is_login && decide(&account.login_facts(), time::now(), margin) != Decision::Fresh
}

fn renew(
    context: &Context,
    vault: &Vault,
    account: Account,
    margin: Duration,
) -> Result<Account, CliError> {
    match services::renewer(context)?.renew(vault, &account.id, Want::Left(margin)) {
        Ok(_) => Ok(vault.get(&account.id)?),
        // An account of nothing but variables of its own.
        Err(RenewError::NeverSignedIn(_)) => Ok(account),
        Err(error) => {
            let account = vault.get(&account.id)?;
            match left(&account) {
                None => Err(error.into()),
                Some(left) => {
                    warn_of_end(context, &error, left);
                    Ok(account)
                }
            }
        }
    }
}

/// How long the access token is still good, if it is; the longest time where that is not known.
fn left(account: &Account) -> Option<Duration> {
    let facts = account.login_facts();
    let left = facts
        .expires_at
        .map_or(Duration::MAX, |at: Timestamp| time::now().until(at));
    (facts.has_access_token && left > Duration::ZERO).then_some(left)
}

fn warn_of_end(context: &Context, error: &RenewError, left: Duration) {
    // A token without refresh token is meant to be used to its end.
    if matches!(error, RenewError::NoRefreshToken(_)) && left > RENEWAL_MARGIN {
        return;
    }
    let left = if left == Duration::MAX {
        String::new()
    } else {
        format!(" ({} left)", time::duration(left))
    };
    context
        .output
        .warning(&format!("{error}; going on with the present token{left}"));
    context.output.hint(&CliError::from_renewal(error).hint);
}

fn no_credential(account: &Account) -> CliError {
    let name = model::printable(&account.name);
    let hint = match account.auth_type {
        model::AuthType::OAuth => format!("Sign in to it: claude-accounts login {name}"),
        model::AuthType::ApiKey => {
            format!("Remove it and add it with its key: claude-accounts add {name}")
        }
    };
    CliError::new(
        Kind::SignInAgain,
        format!("{name:?} has no credential yet"),
        hint,
    )
}

/// How the program gets the credential; a view where `support` says that it can be read.
pub(crate) struct Prepared {
    injection: Injection,
    /// Taken back when dropped: if the program cannot be started.
    _session: Option<NewSession>,
}

/// Puts key or token into the environment.
pub(crate) fn in_environment(ready: &Ready) -> Prepared {
    let injection = match &ready.unsealed.credential {
        Credential::None => Injection::Nothing,
        Credential::ApiKey(key) => Injection::ApiKey(key.clone()),
        Credential::Login(login) => Injection::Token(login.access_token()),
    };
    Prepared {
        injection,
        _session: None,
    }
}

/// Makes a session with a view and lets the keeper know.
///
/// # Errors
/// If the session cannot be written.
pub(crate) fn in_view(
    context: &Context,
    vault: &Vault,
    ready: &Ready,
    kind: SessionKind,
) -> Result<Prepared, CliError> {
    let Credential::Login(login) = &ready.unsealed.credential else {
        return Ok(in_environment(ready));
    };
    let runtime = services::runtime(context)?;
    let session = NewSession::create(&runtime, &ready.account.id, kind, login)?;
    let directory = session.view_directory();
    let injection = match kind {
        SessionKind::SecureStorage => Injection::SecureStorage(directory),
        SessionKind::ConfigDirectory => {
            let files = services::client_files(context, &runtime)?;
            link_config(&directory, &files.directory, &files.claude_json)?;
            Injection::ConfigDirectory(directory)
        }
    };
    keeper::ensure_running(context, vault)?;
    Ok(Prepared {
        injection,
        _session: Some(session),
    })
}

/// The kind of session for a login in this client; `None` where its token goes into the
/// environment.
///
/// # Errors
/// If a view was asked for and the client can be given none.
pub(crate) fn session_kind(
    context: &Context,
    client: &Path,
    inject: Inject,
) -> Result<Option<SessionKind>, CliError> {
    match services::view_support(context, client)? {
        ViewSupport::SecureStorage => Ok(Some(SessionKind::SecureStorage)),
        ViewSupport::ConfigDirectory => Ok(Some(SessionKind::ConfigDirectory)),
        ViewSupport::Neither if inject == Inject::View => Err(CliError::new(
            Kind::CannotExecute,
            format!("{} cannot be given a view", client.display()),
            "Use --inject env, or a newer client; `claude-accounts doctor --fix` asks the client again.",
        )),
        ViewSupport::Neither => Ok(None),
    }
}

/// How much life a login needs for a program that gets it in this way.
pub(crate) fn margin(kind: Option<SessionKind>) -> Duration {
    if kind.is_some() {
        RENEWAL_MARGIN
    } else {
        MARGIN_WITHOUT_VIEW
    }
}

impl Prepared {
    pub(crate) fn injection(&self) -> &Injection {
        &self.injection
    }

    /// Replaces this process by the program. Returns only if that failed: then nothing counts as
    /// use.
    pub(crate) fn execute(
        self,
        context: &Context,
        vault: &Vault,
        ready: &Ready,
        program: &Path,
        arguments: &[OsString],
    ) -> Result<(), CliError> {
        let inherited = inherited(context)?;
        let environment = session_environment(
            inherited,
            &self.injection,
            &ready.unsealed.environment,
            &ready.account.name,
        )?;
        context.prompt.withhold_passphrase();
        vault.touch(&ready.account.id);
        let failure = replace_process(program, arguments, environment);
        vault.restore_last_used(&ready.account);
        Err(failure.into())
    }
}

/// What this process was started with, less what belongs to a session around it.
fn inherited(context: &Context) -> Result<Vec<(OsString, OsString)>, CliError> {
    let runtime = services::runtime(context)?;
    let mut variables = context.environment.inherited();
    let of_session = |name: &OsString, value: &OsString| {
        name == Variable::ConfigDirectory.name() && Path::new(value).starts_with(runtime.path())
    };
    variables.retain(|(name, value)| !of_session(name, value));
    Ok(variables)
}

/// Settings of the client that win over whatever a launch injects: said, since no launch can
/// prevent it.
pub(crate) fn warn_of_rival_settings(context: &Context) -> Result<(), CliError> {
    let files = services::client_files(context, &services::runtime(context)?)?;
    let directory = std::env::current_dir().unwrap_or_default();
    for rival in settings_rivals(&settings_files(&files.directory, &directory)) {
        let text = format!(
            "{} sets {}, which the client prefers to this account",
            rival.file.display(),
            rival.key
        );
        context.output.warning(&text);
    }
    Ok(())
}
