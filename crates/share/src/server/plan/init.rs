//! `init`: a server is set up, or what is missing of it.

use super::builder::{Builder, account};
use super::refusal::Refusal;
use super::{InitRequest, NewUser, OnFailure, Password, Plan};
use crate::name::UserName;
use crate::server::facts::Facts;
use crate::server::step::{Change, Step};
use crate::state::ServerState;

/// The account that the source user's login gets if nobody names one.
const DEFAULT_ACCOUNT: &str = "default";

/// Plans to set the server up.
///
/// # Errors
/// What is in the way.
pub fn plan_init(facts: &Facts, request: &InitRequest) -> Result<Plan, Refusal> {
    match &facts.state {
        None => plan_new(facts, request),
        Some(state) => plan_again(facts, state, request),
    }
}

fn plan_new(facts: &Facts, request: &InitRequest) -> Result<Plan, Refusal> {
    let mut builder = Builder::new(facts)?;
    let source = builder.source()?;
    if !facts.users.contains_key(source.as_str()) {
        return Err(Refusal::not_found(
            format!("there is no user {source}, whose login is to be shared"),
            "Give the source user: --source-user NAME",
        ));
    }
    let account = request.account.as_deref().unwrap_or(DEFAULT_ACCOUNT);
    let takes = takes_login(facts, request, account)?;
    let made_group = builder.group();
    let joined_group = builder.join(&source);
    if takes {
        builder.push(Step::TakeLogin {
            source: source.clone(),
            settings: facts.settings.clone(),
            account: account.to_owned(),
        });
    }
    builder.push(Step::Record(Change::Server {
        settings: facts.settings.clone(),
        account: account.to_owned(),
        made_group,
    }));
    if takes {
        builder.push(Step::Record(Change::Source {
            user: source.clone(),
            account: account.to_owned(),
            joined_group,
        }));
    }
    builder.tree();
    for user in &users(facts, request)? {
        builder.user(user)?;
    }
    let managed = builder.managed_users()?;
    builder.config(&managed)?;
    if takes {
        builder.push(Step::SetUpSource {
            user: source,
            reclaim: false,
            is_new: true,
        });
    }
    builder.exposed_login();
    builder.keeper();
    Ok(builder.plan(OnFailure::RollBack))
}

/// Those who were asked for, and those whom an earlier program linked.
fn users(facts: &Facts, request: &InitRequest) -> Result<Vec<NewUser>, Refusal> {
    let mut users = Vec::new();
    for linked in &facts.linked_users {
        let name = UserName::parse_existing(linked);
        let name =
            name.map_err(|error| Refusal::input(error.to_string(), "Take him out of the group."))?;
        users.push(NewUser {
            name,
            password: Password::AsItIs,
            key: None,
            existing: true,
            account: None,
        });
    }
    let asked = request
        .users
        .iter()
        .filter(|user| !facts.linked_users.contains(user.name.as_str()));
    for user in asked {
        if users.iter().any(|other: &NewUser| other.name == user.name) {
            return Err(Refusal::input(
                format!("the user {} was given twice", user.name),
                "Give each user once.",
            ));
        }
        users.push(user.clone());
    }
    Ok(users)
}

/// Whether the source user's login goes into the vault: it does if he has one, and the account is
/// for it.
fn takes_login(facts: &Facts, request: &InitRequest, wanted: &str) -> Result<bool, Refusal> {
    use model::AuthType;
    let source = &facts.settings.source_user;
    match (account(facts, wanted), &facts.source_login) {
        (None, Some(_)) => Ok(true),
        (None, None) => Err(no_login(facts, request, wanted)),
        (Some(found), _) if found.auth_type == AuthType::ApiKey => Ok(false),
        (Some(found), Some(_))
            if found.is_sources || found.provision == crate::desired::Provision::Nothing =>
        {
            Ok(true)
        }
        (Some(_), None) => Ok(false),
        (Some(_), Some(_)) => Err(Refusal::conflict(
            format!("the account {wanted} of the vault has another login than {source} has"),
            "Give the login another name: --account NAME",
        )),
    }
}

fn no_login(facts: &Facts, request: &InitRequest, wanted: &str) -> Refusal {
    let source = &facts.settings.source_user;
    let vault = facts.paths.vault();
    let vault = vault.directory().display();
    let key = format!(
        "put an API key into the vault: claude-accounts --vault {vault} add NAME --key-stdin, and name it with --account NAME"
    );
    let home = match source.as_str() {
        "root" => "/root".to_owned(),
        source => format!("~{source}"),
    };
    let message = match &request.account {
        None => format!("{home}/.claude/.credentials.json holds no login"),
        Some(_) => format!(
            "{home}/.claude/.credentials.json holds no login, and the vault has no account {wanted}"
        ),
    };
    Refusal::not_found(
        message,
        format!("Sign in once as {source}: claude auth login; or {key}"),
    )
}

/// The server is set up: the same answers plan what is missing, and new users.
fn plan_again(facts: &Facts, state: &ServerState, request: &InitRequest) -> Result<Plan, Refusal> {
    let name_of = |id: &str| {
        let found = facts.accounts.iter().find(|account| account.id == id);
        found.map_or(id.to_owned(), |account| account.name.clone())
    };
    let default = name_of(&state.default_account);
    let same_account = request
        .account
        .as_ref()
        .is_none_or(|wanted| model::AccountName::same(wanted, &default));
    if request.settings != state.settings || !same_account {
        return Err(Refusal::conflict(
            "this server is set up already, with other answers",
            format!(
                "Edit {} and run `claude-share server sync`, or begin anew after `claude-share server uninstall`.",
                facts.paths.config.display()
            ),
        ));
    }
    let mut builder = Builder::new(facts)?;
    super::sync::mend(&mut builder, state, None)?;
    for user in &request.users {
        if state.record(user.name.as_str()).is_none() {
            builder.user(user)?;
        }
    }
    let managed = builder.managed_users()?;
    builder.config(&managed)?;
    builder.exposed_login();
    builder.keeper();
    Ok(builder.plan(OnFailure::RollBack))
}
