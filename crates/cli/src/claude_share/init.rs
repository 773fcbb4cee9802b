use std::path::PathBuf;

use clap::ValueEnum;
use model::{AccountName, Secret};
use share::config::ConfigFile;
use share::name::{GroupName, SharedDirectory, UserName};
use share::server::{Facts, InitRequest, NewUser, Password, Plan, Questions, Step, plan_init};
use share::system_users::SystemUsers;
use share::users_file::{check_password, read_users_file};
use share::{ClaudeJsonMode, CredentialsMode, ServerState, Settings};

use super::context::Context;
use super::machine::{Server, refused, say_who_starts_the_keeper};
use super::questions;
use crate::error::{CliError, Kind};

/// Set the server up: share one login or key with several Linux users
///
/// Asks for what no option says, and changes nothing before all is answered. Given a second time
/// with the same answers it does what is missing.
#[derive(clap::Args)]
pub(crate) struct InitArgs {
    /// Do not ask: take the defaults for what no option says
    #[arg(long, short)]
    yes: bool,
    /// Where the single copies are [default: /shared/claude-share]
    #[arg(long, value_name = "DIR")]
    shared_dir: Option<String>,
    /// The group that every managed user joins [default: claudeshare]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Whose login is shared [default: root]
    #[arg(long, value_name = "USER")]
    source_user: Option<String>,
    /// A user to create; others can see the password while this runs. Repeatable
    #[arg(long = "user", value_name = "NAME:PASSWORD")]
    users: Vec<String>,
    /// A file of NAME:PASSWORD lines, owned by root with mode 0600
    #[arg(long, value_name = "FILE")]
    users_from_file: Option<PathBuf>,
    /// Adopt users who are there already; their passwords stay as they are
    #[arg(long)]
    existing: bool,
    /// Do not share ~/.claude/settings.local.json
    #[arg(long)]
    no_settings_local: bool,
    /// The vault's account that users get: one that is there, or the name for the source user's login
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// How ~/.claude.json is shared [default: merge]
    #[arg(long, value_name = "HOW")]
    claude_json: Option<ClaudeJson>,
    /// How the credential reaches the users [default: view]
    #[arg(long, value_name = "HOW")]
    credentials: Option<Credentials>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ClaudeJson {
    /// A file for each user; account, onboarding and MCP servers in common
    Merge,
    /// One file for all, project paths included
    Link,
    /// Not shared
    Private,
}

#[derive(Clone, Copy, ValueEnum)]
enum Credentials {
    /// A file for each user, without the refresh token
    View,
    /// One file for all, refresh token included
    Link,
}

pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    let request = request(args, context)?;
    let server = Server::open(context, args.dry_run)?;
    let facts = server.facts(&Questions {
        settings: Some(request.settings.clone()),
        users: request.users.iter().map(|user| user.name.clone()).collect(),
        with_config: false,
        with_homes: true,
    })?;
    let plan = plan_init(&facts, &request).map_err(refused)?;
    let is_new = facts.state.is_none();
    if !args.dry_run
        && plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::CreateGroup(_) | Step::SharedTree { .. }))
    {
        context
            .output
            .say("Creating shared group and directory...")?;
    }
    if !server.carry_out(&facts, &plan, args.dry_run)? {
        return Ok(());
    }
    let names = managed_users(context, &plan)?;
    let done = match &names[..] {
        [] => "Done. No user is managed yet: claude-share server add-user NAME".to_owned(),
        names => format!("Done. Managed users: {}", names.join(" ")),
    };
    context.output.say(&done)?;
    if is_new {
        say_the_rest(context, &facts)?;
    }
    Ok(())
}

/// In the order in which they were given, where that is known.
fn managed_users(context: &Context, plan: &Plan) -> Result<Vec<String>, CliError> {
    let written = plan.steps.iter().find_map(|step| match step {
        Step::WriteConfig { users, .. } => Some(users.iter().map(ToString::to_string).collect()),
        _ => None,
    });
    match written {
        Some(users) => Ok(users),
        None => Ok(context.state()?.users.into_keys().collect()),
    }
}

fn say_the_rest(context: &Context, facts: &Facts) -> Result<(), CliError> {
    say_who_starts_the_keeper(context, facts)?;
    if facts.source_login.is_some() {
        context.output.say(
            "A subscription is for the person who bought it: these users are to be that one person. Give others API keys of their own: claude-share server assign USER ACCOUNT",
        )?;
    }
    Ok(())
}

/// All questions come before anything is changed.
fn request(args: &InitArgs, context: &Context) -> Result<InitRequest, CliError> {
    let state = ServerState::load(&context.paths.state())?;
    let is_first_time = state.is_none();
    let mut settings = told_settings(args, base(context, state)?)?;
    let given = given_users(args, context)?;
    let has_given = !given.is_empty() || args.users_from_file.is_some();
    if !args.yes {
        if !context.prompt.can_ask() {
            return Err(CliError::new(
                Kind::Usage,
                "there is no terminal to ask on",
                "Give --yes and what the defaults are not for: --shared-dir, --group, --source-user, --user, --users-from-file.",
            ));
        }
        settings = questions::settings(context, &settings)?;
    }
    let users = match args.yes || has_given {
        true => given,
        false => questions::users(context, is_first_time)?,
    };
    let account = args
        .account
        .as_deref()
        .map(AccountName::parse)
        .transpose()?;
    Ok(InitRequest {
        settings,
        account: account.map(|account| account.as_str().to_owned()),
        users: new_users(users, args.existing)?,
    })
}

fn new_users(users: Vec<(UserName, Secret)>, existing: bool) -> Result<Vec<NewUser>, CliError> {
    let system = SystemUsers::read()?;
    let new = |(name, password): (UserName, Secret)| {
        let adopt = existing && system.lookup(&name)?.is_some();
        Ok(NewUser {
            password: if adopt {
                Password::AsItIs
            } else {
                Password::Given(password)
            },
            key: None,
            existing: adopt,
            account: None,
            name,
        })
    };
    users.into_iter().map(new).collect()
}

/// What is set up, else what a config file says, else the documented defaults.
fn base(context: &Context, state: Option<ServerState>) -> Result<Settings, CliError> {
    if let Some(state) = state {
        return Ok(state.settings);
    }
    let defaults = Settings::default();
    match ConfigFile::read(&context.paths.config)? {
        Some(config) => Ok(config.config(&defaults)?.settings),
        None => Ok(defaults),
    }
}

fn told_settings(args: &InitArgs, mut settings: Settings) -> Result<Settings, CliError> {
    if let Some(directory) = &args.shared_dir {
        settings.shared_directory = SharedDirectory::parse(directory)?.as_str().into();
    }
    if let Some(group) = &args.group {
        settings.group = GroupName::parse(group)?.to_string();
    }
    if let Some(source) = &args.source_user {
        settings.source_user = UserName::parse_existing(source)?.to_string();
    }
    if args.no_settings_local {
        settings.share_settings_local = false;
    }
    if let Some(how) = args.claude_json {
        settings.claude_json = match how {
            ClaudeJson::Merge => ClaudeJsonMode::Merge,
            ClaudeJson::Link => ClaudeJsonMode::Link,
            ClaudeJson::Private => ClaudeJsonMode::Private,
        };
    }
    if let Some(how) = args.credentials {
        settings.credentials = match how {
            Credentials::View => CredentialsMode::View,
            Credentials::Link => CredentialsMode::Link,
        };
    }
    Ok(settings)
}

fn given_users(args: &InitArgs, context: &Context) -> Result<Vec<(UserName, Secret)>, CliError> {
    let mut users = match &args.users_from_file {
        Some(file) => read_users_file(file, 0)?,
        None => Vec::new(),
    };
    if !args.users.is_empty() {
        context.output.warning(
            "a password on the command line can be seen by other users while this runs, and stays in the shell's history; --users-from-file avoids both",
        );
    }
    for text in &args.users {
        let refuse =
            |problem: String| CliError::new(Kind::Input, problem, "Give --user NAME:PASSWORD.");
        let Some((name, password)) = text.split_once(':') else {
            return Err(refuse("a user was given without a password".to_owned()));
        };
        let name = UserName::parse(name)?;
        let password = Secret::new(password);
        check_password(&password)
            .map_err(|problem| refuse(format!("the password for {name} {problem}")))?;
        users.push((name, password));
    }
    for (index, (name, _)) in users.iter().enumerate() {
        if users[..index].iter().any(|(other, _)| other == name) {
            return Err(CliError::new(
                Kind::Input,
                format!("the user {name} was given twice"),
                "Give each user once.",
            ));
        }
    }
    Ok(users)
}
