use std::path::{Path, PathBuf};

use model::{AccountId, AccountName, AuthType, CredentialDocument, Identity};
use renew::{ClientFiles, ClientLogin, Lease, read_login};
use vault::{Account, Cause, NewAccount, NewLogin, Vault, VaultError};

use super::context::Context;
use super::found_login::FoundLogin;
use super::{install, keeper, services, sign_in};
use crate::error::{CliError, Kind};
use crate::time;

/// Sign an account in, or take over a login that is there
///
/// Makes the account if need be. On a terminal it offers to take the login found in ~/.claude, or
/// to sign in to another one, which leaves your own login as it is. The whole credential file is
/// kept, and whose login it is, where that is known.
#[derive(clap::Args)]
pub(crate) struct LoginArgs {
    /// The account
    #[arg(required_unless_present = "id")]
    name: Option<String>,
    /// The account by its identifier, whatever its name: for the dashboard
    #[arg(long, value_name = "ID", hide = true, conflicts_with = "name")]
    id: Option<String>,
    /// Take the login from FILE, or from ~/.claude/.credentials.json, without asking
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    capture: Option<Option<PathBuf>>,
    /// Sign in to another login with the client, without asking
    #[arg(long, conflicts_with = "capture")]
    sign_in: bool,
    /// The client, by path or by name in PATH
    #[arg(long, value_name = "PATH")]
    claude: Option<PathBuf>,
}

/// Which account is meant.
enum Meant<'args> {
    /// One that is perhaps still to be made.
    Name(&'args str),
    /// One that is there.
    Id(AccountId),
}

enum Source {
    ClientFile,
    File(PathBuf),
    SignIn,
}

pub(crate) fn run(args: &LoginArgs, context: &Context) -> Result<(), CliError> {
    let meant = match (&args.id, &args.name) {
        (Some(id), _) => Meant::Id(AccountId::from_stored(id)),
        (None, name) => Meant::Name(name.as_deref().unwrap_or_default()),
    };
    refuse(context, &meant)?;
    let files = services::client_files(context, &services::runtime(context)?)?;
    let found = match source(args, context, &files)? {
        Source::ClientFile => capture_from_client(&files)?,
        Source::File(path) => capture_from(&path, &files)?,
        Source::SignIn => {
            sign_in::sign_in(context, &services::client(context, args.claude.as_deref())?)?
        }
    };
    // Only now: a sign-in that did not happen leaves no empty vault.
    let vault = context.open_or_create_vault()?;
    let existing = existing(context, &vault, &meant)?;
    match (existing, meant) {
        (Some(account), _) => {
            warn_of_other_identity(context, &vault, &account, &found.identity)?;
            replace(context, &vault, &account, found)
        }
        (None, Meant::Name(name)) => add(context, &vault, name, &found),
        (None, Meant::Id(id)) => Err(VaultError::NotFound {
            name: id.to_string(),
            similar: None,
        }
        .into()),
    }
}

/// Before anybody signs in for an account that could not be used.
fn refuse(context: &Context, meant: &Meant<'_>) -> Result<(), CliError> {
    match (context.open_vault_if_any()?, meant) {
        (Some(vault), _) => existing(context, &vault, meant).map(drop),
        (None, Meant::Name(name)) => Ok(AccountName::parse(name).map(drop)?),
        (None, Meant::Id(_)) => context.open_vault().map(drop),
    }
}

/// The account, if it is there; checks the name of one that is to be made.
fn existing(
    context: &Context,
    vault: &Vault,
    meant: &Meant<'_>,
) -> Result<Option<Account>, CliError> {
    let (found, name) = match meant {
        Meant::Name(name) => (context.account(vault, name), Some(name)),
        Meant::Id(id) => (vault.get(id).map_err(CliError::from), None),
    };
    match found {
        Ok(account) if account.auth_type == AuthType::ApiKey => Err(CliError::new(
            Kind::Conflict,
            format!(
                "{:?} is an account with an API key",
                model::printable(&account.name)
            ),
            "Choose another name, or remove that account first.",
        )),
        Ok(account) => Ok(Some(account)),
        Err(error) => match name {
            Some(name) if error.kind == Kind::NotFound => {
                AccountName::parse(name)?;
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

fn source(args: &LoginArgs, context: &Context, files: &ClientFiles) -> Result<Source, CliError> {
    match &args.capture {
        Some(Some(path)) => return Ok(Source::File(path.clone())),
        Some(None) => return Ok(Source::ClientFile),
        None if args.sign_in => return Ok(Source::SignIn),
        None => {}
    }
    let can_sign_in = services::client(context, args.claude.as_deref()).is_ok();
    if !context.prompt.can_ask() || !can_sign_in {
        return Ok(Source::ClientFile);
    }
    let Ok(ClientLogin::Login(login)) = files.read_login() else {
        context.output.note(&format!(
            "There is no login in {}.",
            files.directory.display()
        ))?;
        return Ok(Source::SignIn);
    };
    let question = format!(
        "Take the login found in {} ({})?",
        files.directory.display(),
        describe(&login, &files.identity())
    );
    context
        .output
        .note("A no goes on to signing in to another one; your own login stays as it is.")?;
    if context.prompt.yes(&question)? {
        Ok(Source::ClientFile)
    } else {
        Ok(Source::SignIn)
    }
}

fn describe(login: &CredentialDocument, identity: &Identity) -> String {
    let plan = login.plan();
    let parts = [
        identity.email.as_deref(),
        identity.organization.as_deref(),
        plan.as_deref(),
    ];
    let known: Vec<&str> = parts.into_iter().flatten().collect();
    if known.is_empty() {
        login.access_token().masked()
    } else {
        known.join(", ")
    }
}

fn capture_from_client(files: &ClientFiles) -> Result<FoundLogin, CliError> {
    let document = usable(files.read_login()?, &files.credentials())?;
    Ok(FoundLogin {
        document,
        identity: files.identity(),
        cause: Cause::Captured,
        in_client_file: true,
    })
}

fn capture_from(path: &Path, files: &ClientFiles) -> Result<FoundLogin, CliError> {
    let same = |left: &Path, right: &Path| matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right);
    if same(path, &files.credentials()) {
        return capture_from_client(files);
    }
    let document = usable(read_login(path)?, path)?;
    Ok(FoundLogin {
        document,
        identity: Identity::default(),
        cause: Cause::Captured,
        in_client_file: false,
    })
}

fn usable(login: ClientLogin, path: &Path) -> Result<CredentialDocument, CliError> {
    match login {
        ClientLogin::Login(document) => Ok(document),
        ClientLogin::Unusable(error) => {
            let error = CliError::from(error);
            Err(CliError::new(
                error.kind,
                format!("{}: {}", path.display(), error.message),
                error.hint,
            ))
        }
        ClientLogin::Absent => Err(CliError::new(
            Kind::Input,
            format!("there is no {}", path.display()),
            "Sign in with the client first (`claude auth login`), or name a file: --capture FILE.",
        )),
    }
}

fn warn_of_other_identity(
    context: &Context,
    vault: &Vault,
    account: &Account,
    identity: &Identity,
) -> Result<(), CliError> {
    // A record that cannot be opened is about to be made good.
    let Ok(unsealed) = vault.unseal(account) else {
        return Ok(());
    };
    let known = |identity: &Identity| identity.account_uuid.is_some();
    if known(&unsealed.identity) && known(identity) && !unsealed.identity.same_login(identity) {
        let email = |identity: &Identity| {
            identity
                .email
                .clone()
                .unwrap_or_else(|| "somebody else".to_owned())
        };
        let (before, after) = (email(&unsealed.identity), email(identity));
        context.output.warning(&format!(
            "{:?} was the login of {before} and is now that of {after}",
            account.name
        ));
        let name = model::printable(&account.name);
        context.output.hint(&format!(
            "`claude-accounts restore {name} {}` brings the one before back.",
            account.generation
        ));
    }
    Ok(())
}

fn replace(
    context: &Context,
    vault: &Vault,
    account: &Account,
    found: FoundLogin,
) -> Result<(), CliError> {
    let login = NewLogin {
        document: found.document,
        identity: found.identity,
        lifetime: None,
        cause: found.cause,
    };
    let lease = Lease::acquire(vault.paths(), &account.id, &account.name)?;
    vault.store_login(&account.id, &login)?;
    if found.in_client_file {
        vault.link_client_file(&account.id)?;
    }
    drop(lease);
    tell(
        context,
        "signed in",
        &account.name,
        &login.document,
        &login.identity,
    )?;
    keeper::tell_of_change(context)
}

fn add(context: &Context, vault: &Vault, name: &str, found: &FoundLogin) -> Result<(), CliError> {
    let account = NewAccount {
        login: Some(found.document.clone()),
        identity: found.identity.clone(),
        cause: found.cause,
        ..NewAccount::empty(AccountName::parse(name)?, AuthType::OAuth)
    };
    let id = vault.add(&account)?;
    if found.in_client_file {
        vault.link_client_file(&id)?;
    }
    tell(
        context,
        "added and signed in",
        name,
        &found.document,
        &found.identity,
    )?;
    let what = match context.is_of_server() {
        true => "Let somebody have it",
        false => "Start Claude Code with it",
    };
    let next = context.next_command("launch", name);
    context.output.hint(&format!("{what}: {next}"));
    install::follow(context);
    Ok(())
}

fn tell(
    context: &Context,
    what: &str,
    name: &str,
    login: &CredentialDocument,
    identity: &Identity,
) -> Result<(), CliError> {
    let left = match login.expires_at().map(|at| time::now().until(at)) {
        Some(std::time::Duration::ZERO) => ", expired: it is renewed when it is used".to_owned(),
        Some(left) => format!(", {} left", time::duration(left)),
        None => String::new(),
    };
    let name = model::printable(name);
    let whose = model::printable(&describe(login, identity));
    context
        .output
        .note(&format!("{name}: {what}: {whose}{left}"))?;
    if login.refresh_token().is_empty() {
        context.output.warning(&format!(
            "{name} has no refresh token: it is good until its token ends"
        ));
    }
    Ok(())
}
