//! Reading the facts: everything once, all homes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use model::{AccountId, LoginState, Timestamp};
use vault::{Account, NoPassphrase, Vault, VaultError};

use super::Report;
use super::judge::{AccountFacts, AccountKind, Facts, GONE, UserFacts, judge, used_accounts};
use crate::claude_json::{Common, merge};
use crate::desired::{Provision, home_of, key_command, source_home};
use crate::home::{HomeReport, HomeRequest, HomeWish, Item, Owner, Task};
use crate::home_processes::HomeProcesses;
use crate::keeper::{keeper_status, provision};
use crate::name::GroupName;
use crate::owner::find_owner;
use crate::server::shared_tree::{self, TreeWish};
use crate::settings::{ClaudeJsonMode, CredentialsMode, Settings};
use crate::state::ServerState;
use crate::system_users::{SystemGroup, SystemUsers};
use crate::{ServerPaths, ShareError};

/// Reads how the server is; changes nothing. `itself`: this program, to be started anew for what
/// is looked at in homes. `program`: the same by the path that users' settings name. `only`: one
/// user, who is a managed one or the source user.
///
/// # Errors
/// If what was set up or who is on this system cannot be read. What else cannot be read is in the
/// report.
pub fn read(
    paths: &ServerPaths,
    state: &ServerState,
    itself: &Path,
    program: &Path,
    only: Option<&str>,
) -> Result<Report, ShareError> {
    let system = SystemUsers::read()?;
    let group = GroupName::parse(&state.settings.group).and_then(|name| system.lookup_group(&name));
    let (group, group_problem) = match group {
        Ok(Some(group)) => (Some(group), None),
        Ok(None) => (None, Some("does not exist".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    let accounts = Accounts::read(paths, &used_accounts(state, only));
    let homes = Homes {
        state,
        system: &system,
        group: group.as_ref(),
        accounts: &accounts,
    };
    let roles = homes.roles(only, &key_command(program));
    let mut found = homes.look(itself, &roles)?;
    homes.compare_claude_json(paths, &roles, &mut found)?;
    let gid = group.as_ref().map(|group| group.gid);
    let mut users = BTreeMap::new();
    let mut source = None;
    for (role, found) in roles.iter().zip(found) {
        let facts = homes.facts(role, found);
        match role.is_source {
            true => source = Some(facts),
            false => drop(users.insert(role.name.to_owned(), facts)),
        }
    }
    Ok(judge(&Facts {
        state,
        now: now(),
        keeper_listens: UnixStream::connect(paths.socket()).is_ok(),
        keeper: keeper_status(paths),
        group_problem,
        directory_problem: directory_problem(&state.settings, gid),
        accounts: accounts.facts,
        users,
        source,
    }))
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn directory_problem(settings: &Settings, gid: Option<u32>) -> Option<String> {
    let wanted = |item: &Item| match item {
        Item::Settings => true,
        Item::SettingsLocal => settings.share_settings_local,
        Item::ClaudeJson => settings.claude_json == ClaudeJsonMode::Link,
        Item::Credentials => settings.credentials == CredentialsMode::Link,
        Item::Umask => false,
    };
    let files = Item::ALL.into_iter().filter(wanted);
    let wish = TreeWish {
        directory: settings.shared_directory.clone(),
        files: files.map(|item| (item, String::new())).collect(),
        without_credentials: settings.credentials == CredentialsMode::View,
    };
    match shared_tree::look(&wish, gid) {
        Ok(wrong) if wrong.is_empty() => None,
        Ok(wrong) => Some(wrong.join("; ")),
        Err(error) => Some(error.to_string()),
    }
}

/// The accounts that are used, each opened once.
struct Accounts {
    facts: BTreeMap<String, AccountFacts>,
    provisions: BTreeMap<String, Provision>,
}

impl Accounts {
    /// Without a vault every account is one that cannot be used, which says why.
    fn read(paths: &ServerPaths, used: &BTreeSet<String>) -> Self {
        let vault = Vault::open(&paths.vault(), Box::new(NoPassphrase));
        let mut accounts = Self {
            facts: BTreeMap::new(),
            provisions: BTreeMap::new(),
        };
        for id in used {
            let opened = vault.as_ref().map_err(ToString::to_string);
            let read = opened.and_then(|vault| open(vault, id));
            let (facts, provision) =
                read.unwrap_or_else(|problem| (unusable(id, problem), Provision::Nothing));
            accounts.facts.insert(id.clone(), facts);
            accounts.provisions.insert(id.clone(), provision);
        }
        accounts
    }

    fn provision(&self, id: &str) -> &Provision {
        self.provisions.get(id).unwrap_or(&Provision::Nothing)
    }
}

fn open(vault: &Vault, id: &str) -> Result<(AccountFacts, Provision), String> {
    let account = vault
        .get(&AccountId::from_stored(id))
        .map_err(|error| match error {
            VaultError::NotFound { .. } => GONE.to_owned(),
            error => error.to_string(),
        })?;
    match vault.unseal(&account) {
        Ok(unsealed) => {
            let provision = provision(&unsealed);
            let kind = match &provision {
                Provision::Login(_) => AccountKind::Login,
                Provision::Key => AccountKind::Key,
                Provision::Nothing => AccountKind::Nothing,
            };
            Ok((of_account(&account, kind), provision))
        }
        Err(error) => {
            let kind = AccountKind::Unusable(error.to_string());
            Ok((of_account(&account, kind), Provision::Nothing))
        }
    }
}

fn of_account(account: &Account, kind: AccountKind) -> AccountFacts {
    AccountFacts {
        name: account.name.clone(),
        kind,
        state: account.state.clone(),
        expires_at: account.expires_at,
        renewed_at: account.renewed_at,
        attempt: account.attempt.clone(),
    }
}

fn unusable(id: &str, problem: String) -> AccountFacts {
    AccountFacts {
        // Only its identifier is known any more.
        name: match problem == GONE {
            true => format!("(removed: {id})"),
            false => id.to_owned(),
        },
        kind: AccountKind::Unusable(problem),
        state: LoginState::Alive,
        expires_at: None,
        renewed_at: None,
        attempt: None,
    }
}

/// What is to be looked at in one home.
struct Role<'a> {
    name: &'a str,
    account: &'a str,
    is_source: bool,
    owner: Result<Owner, String>,
    wish: HomeWish,
}

/// What a home answered, and what came of comparing it.
struct Found {
    report: Result<HomeReport, String>,
    lacks_shared_keys: bool,
}

struct Homes<'a> {
    state: &'a ServerState,
    system: &'a SystemUsers,
    group: Option<&'a SystemGroup>,
    accounts: &'a Accounts,
}

impl<'a> Homes<'a> {
    fn roles(&self, only: Option<&str>, key_command: &str) -> Vec<Role<'a>> {
        let is_wanted = |name: &str| only.is_none_or(|only| only == name);
        let users = self.state.users.iter().filter(|(name, _)| is_wanted(name));
        let users = users.map(|(name, record)| {
            let account = self.state.account_of(record);
            let provision = self.accounts.provision(account);
            Role {
                name,
                account,
                is_source: false,
                owner: self.owner(name, record.uid),
                wish: home_of(self.state, record, provision, key_command),
            }
        });
        let source_user = &self.state.settings.source_user;
        let source = self.state.source.iter().filter(|_| is_wanted(source_user));
        let source = source.map(|record| Role {
            name: source_user,
            account: &record.account,
            is_source: true,
            owner: self.owner(source_user, record.uid),
            wish: source_home(
                &self.state.settings,
                self.accounts.provision(&record.account),
            ),
        });
        users.chain(source).collect()
    }

    /// Without the group, which is told once, nobody is asked for it a thousand times.
    fn owner(&self, name: &str, uid: u32) -> Result<Owner, String> {
        match self.group {
            Some(_) => find_owner(self.state, self.system, name, uid),
            None => Err(format!(
                "the group {} does not exist",
                self.state.settings.group
            )),
        }
    }

    fn look(&self, itself: &Path, roles: &[Role<'_>]) -> Result<Vec<Found>, ShareError> {
        let mut places = Vec::new();
        let mut requests = Vec::new();
        let mut found = Vec::with_capacity(roles.len());
        for (place, role) in roles.iter().enumerate() {
            let report = match &role.owner {
                Ok(owner) => {
                    places.push(place);
                    requests.push((owner.clone(), self.request(owner, &role.wish)));
                    Err("nobody answered".to_owned())
                }
                Err(problem) => Err(problem.clone()),
            };
            found.push(Found {
                report,
                lacks_shared_keys: false,
            });
        }
        let processes = HomeProcesses::start(itself)?;
        processes.ask_all(&requests, |place, answer| {
            found[places[place]].report = answer.map_err(|error| match error {
                ShareError::Home { problem, .. } => problem,
                error => error.to_string(),
            });
        });
        Ok(found)
    }

    fn request(&self, owner: &Owner, wish: &HomeWish) -> HomeRequest {
        HomeRequest {
            home: owner.home.clone(),
            shell: owner.shell.clone(),
            shared_directory: self.state.settings.shared_directory.clone(),
            wish: wish.clone(),
            task: Task::Look,
            stamp: String::new(),
            watch: false,
            with_contents: false,
        }
    }

    /// Merges as the keeper would, and throws the outcome away.
    fn compare_claude_json(
        &self,
        paths: &ServerPaths,
        roles: &[Role<'_>],
        found: &mut [Found],
    ) -> Result<(), ShareError> {
        if self.state.settings.claude_json != ClaudeJsonMode::Merge {
            return Ok(());
        }
        let mut common = Common::load(&paths.claude_json())?;
        for (role, found) in roles.iter().zip(found).filter(|(role, _)| !role.is_source) {
            let Ok(HomeReport {
                claude_json: Some(current),
                own_login,
                ..
            }) = &found.report
            else {
                continue;
            };
            let account = own_login.is_none().then_some(role.account);
            let shares = account
                .is_some_and(|id| matches!(self.accounts.provision(id), Provision::Login(_)));
            let merged = merge(&mut common, role.name, account, shares, current);
            found.lacks_shared_keys = merged.patch.is_some();
        }
        Ok(())
    }

    fn facts(&self, role: &Role<'_>, found: Found) -> UserFacts {
        let Found {
            report,
            lacks_shared_keys,
        } = found;
        match (report, &role.owner) {
            (Ok(report), Ok(owner)) => UserFacts::Seen {
                in_group: self.is_member(role.name, owner.gid),
                items: report.items,
                lacks_shared_keys,
            },
            (Err(problem), _) => UserFacts::Unseen(problem),
            (Ok(_), Err(problem)) => UserFacts::Unseen(problem.clone()),
        }
    }

    fn is_member(&self, name: &str, first_group: u32) -> bool {
        self.group
            .is_some_and(|group| group.gid == first_group || group.members.contains(name))
    }
}
