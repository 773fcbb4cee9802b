//! What a plan is made from, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use model::{CredentialDocument, Identity};
use serde_json::{Map, Value};

use super::homes;
use super::keeper_control;
use super::shared_tree::{self, TreeWish};
use super::vault_accounts::{self, AccountFacts};
use crate::config::ConfigFile;
use crate::desired::{Provision, key_command};
use crate::home::{CredentialsWish, HomeReport, Item, Owner, Task};
use crate::home_processes::HomeProcesses;
use crate::name::{GroupName, UserName};
use crate::owner::owner_of;
use crate::paths::shared_copy;
use crate::settings::{ClaudeJsonMode, CredentialsMode, Settings};
use crate::state::ServerState;
use crate::system_users::{SystemUser, SystemUsers, uids_with_processes};
use crate::{ServerPaths, ShareError, systemd};

/// What a shared file holds where nobody has anything for it.
const EMPTY: &str = "{}\n";

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the server's files are.
    pub paths: ServerPaths,
    /// What has been set up.
    pub state: Option<ServerState>,
    /// The config file, if there is one.
    pub config: Option<ConfigFile>,
    /// What is to be in force.
    pub settings: Settings,
    /// The users that the config file names; `None` if it does not say.
    pub named_users: Option<Vec<UserName>>,
    /// The number of the group, if it is there.
    pub gid: Option<u32>,
    /// The Linux users that matter, by name: managed, asked about, source.
    pub users: BTreeMap<String, UserFacts>,
    /// What the shared directory is to be.
    pub tree: TreeWish,
    /// What is wrong with it.
    pub tree_wrong: Vec<String>,
    /// Whether there is a login in it that the group reads, and that is not to be there.
    pub exposed_login: bool,
    /// The managed users' homes, and the source user's, as they are; or why they cannot be used.
    pub homes: BTreeMap<String, Result<HomeReport, String>>,
    /// The vault's accounts.
    pub accounts: Vec<AccountFacts>,
    /// The source user's own login.
    pub source_login: Option<SourceLogin>,
    /// Members of the group whose credential file is a link to the shared one, though they are not
    /// managed: users of the program that set this server up before.
    pub linked_users: BTreeSet<String>,
    /// The keeper.
    pub keeper: KeeperFacts,
}

/// A Linux user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFacts {
    /// His number.
    pub uid: u32,
    /// His home.
    pub home: PathBuf,
    /// Whether it is there.
    pub has_home: bool,
    /// Whether he is in the group.
    pub in_group: bool,
    /// Whether he has processes: then he is logged in.
    pub is_running: bool,
}

/// A login in the source user's home or, where he has none, in the shared file of a server that
/// was set up before.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceLogin {
    /// The whole of it.
    pub document: CredentialDocument,
    /// Whose it is, as his `.claude.json` says.
    pub identity: Identity,
}

/// The keeper and its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeeperFacts {
    /// Whether systemd runs this machine.
    pub has_systemd: bool,
    /// The unit that is installed.
    pub unit: Option<String>,
    /// What it is to be.
    pub wanted_unit: String,
    /// Whether there is one; also one that is too busy to answer.
    pub is_running: bool,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    /// What is to be in force; if not told, what the config file says, then what the state says.
    pub settings: Option<Settings>,
    /// Users who are not managed, or not yet.
    pub users: Vec<UserName>,
    /// Whether the config file is to count: for `sync`.
    pub with_config: bool,
    /// Whether the managed users' homes are to be looked at.
    pub with_homes: bool,
}

/// With what facts are read.
pub struct Reader<'a> {
    /// Where the server's files are.
    pub paths: &'a ServerPaths,
    /// For what is in homes.
    pub processes: &'a HomeProcesses,
    /// This program.
    pub program: &'a Path,
    /// The date, for names of backups.
    pub stamp: &'a str,
}

impl Reader<'_> {
    /// Reads.
    ///
    /// # Errors
    /// What cannot be read or understood.
    pub fn read(&self, asked: &Questions) -> Result<Facts, ShareError> {
        let state = ServerState::load(&self.paths.state())?;
        let config = ConfigFile::read(&self.paths.config)?;
        let base = state
            .as_ref()
            .map_or_else(Settings::default, |state| state.settings.clone());
        let said = config
            .as_ref()
            .map(|config| config.config(&base))
            .transpose()?;
        let settings = match (&asked.settings, &said) {
            (Some(settings), _) => settings.clone(),
            (None, Some(said)) if asked.with_config || state.is_none() => said.settings.clone(),
            (None, _) => base,
        };
        let system = SystemUsers::read()?;
        let group = system.lookup_group(&GroupName::parse(&settings.group)?)?;
        let gid = group.as_ref().map(|group| group.gid);
        let source = self.source(&settings, &system)?;
        let vault = vault_accounts::open(&self.paths.vault())?;
        let source_login = source.login.clone();
        let login = source_login
            .as_ref()
            .map(|login| (&login.document, &login.identity));
        let accounts = match &vault {
            Some(vault) => vault_accounts::read(vault, login)?,
            None => Vec::new(),
        };
        let named_users = said.and_then(|said| said.managed_users);
        let mut facts = Facts {
            paths: self.paths.clone(),
            tree: tree_wish(&settings, &source, state.as_ref(), gid),
            state,
            config,
            named_users,
            gid,
            users: BTreeMap::new(),
            tree_wrong: Vec::new(),
            exposed_login: settings.credentials == CredentialsMode::View
                && shared_tree::has_credentials(&settings.shared_directory),
            homes: BTreeMap::new(),
            accounts,
            source_login,
            linked_users: BTreeSet::new(),
            keeper: KeeperFacts::default(),
            settings,
        };
        facts.tree_wrong = shared_tree::look(&facts.tree, gid)?;
        let members: Vec<String> = group
            .map(|group| group.members.into_iter().collect())
            .unwrap_or_default();
        self.read_users(&mut facts, asked, &system, &members)?;
        facts.keeper = self.keeper(&facts)?;
        if asked.with_homes {
            self.read_homes(&mut facts, &system)?;
        }
        if facts.state.is_none() && gid.is_some() {
            self.read_links(&mut facts, &system, &members);
        }
        Ok(facts)
    }

    /// What the source user has that is to be shared.
    fn source(&self, settings: &Settings, system: &SystemUsers) -> Result<Source, ShareError> {
        let name = UserName::parse_existing(&settings.source_user)?;
        let Some(user) = system.lookup(&name)? else {
            return Ok(Source::default());
        };
        let owner = owner_of(&user, user.gid);
        let mut request = homes::request(
            &owner,
            &settings.shared_directory,
            homes::no_wish(),
            Task::Look,
            self.stamp,
        );
        request.with_contents = true;
        // A source user without home has nothing to share.
        let Ok(report) = self.processes.ask(&owner, &request) else {
            return Ok(Source::default());
        };
        let claude_json = report.claude_json.unwrap_or_default();
        let identity = claude_json
            .get("oauthAccount")
            .map(Identity::from_oauth_account);
        let document = report
            .own_login
            .as_deref()
            .map(|login| CredentialDocument::parse(login.as_bytes()));
        let login = document.and_then(Result::ok).map(|document| SourceLogin {
            document,
            identity: identity.clone().unwrap_or_default(),
        });
        Ok(Source {
            login: newest(login, self.shared_login(settings, system), identity),
            contents: report.contents,
            claude_json,
        })
    }

    /// The login in the shared file of a server that was set up by the program before this one.
    fn shared_login(
        &self,
        settings: &Settings,
        system: &SystemUsers,
    ) -> Option<CredentialDocument> {
        if ServerState::load(&self.paths.state()).ok()?.is_some() {
            return None;
        }
        let gid = system.group(&settings.group)?.gid;
        let bytes = shared_tree::read(&settings.shared_directory, Item::Credentials, gid)?;
        let document = CredentialDocument::parse(&bytes).ok()?;
        (!document.refresh_token().is_empty()).then_some(document)
    }

    fn read_users(
        &self,
        facts: &mut Facts,
        asked: &Questions,
        system: &SystemUsers,
        members: &[String],
    ) -> Result<(), ShareError> {
        let running = uids_with_processes()?;
        let recorded = |state: &'_ ServerState| {
            let all = state.users.keys().chain(state.joining.keys());
            all.chain(state.leaving.keys()).cloned().collect::<Vec<_>>()
        };
        let managed = facts.state.iter().flat_map(recorded);
        let named = facts.named_users.iter().flatten().map(ToString::to_string);
        let asked = asked.users.iter().map(ToString::to_string);
        let source = std::iter::once(facts.settings.source_user.clone());
        let names: BTreeSet<String> = managed.chain(named).chain(asked).chain(source).collect();
        for name in names {
            let Some(user) = system.lookup(&UserName::parse_existing(&name)?)? else {
                continue;
            };
            let found = UserFacts {
                uid: user.uid,
                home: user.home.clone(),
                has_home: user.home.is_dir(),
                in_group: facts.gid == Some(user.gid) || members.contains(&name),
                is_running: running.contains(&user.uid),
            };
            facts.users.insert(name, found);
        }
        Ok(())
    }

    fn read_homes(&self, facts: &mut Facts, system: &SystemUsers) -> Result<(), ShareError> {
        let Some(state) = facts.state.clone() else {
            return Ok(());
        };
        let mut wanted = state.clone();
        wanted.settings = facts.settings.clone();
        let key_command = key_command(self.program);
        let nothing = Provision::Nothing;
        let provision = |id: &str| {
            let account = facts.accounts.iter().find(|account| account.id == id);
            account.map_or(&nothing, |account| &account.provision)
        };
        let mut names = Vec::new();
        let mut requests = Vec::new();
        let mut add = |name: &str, uid: u32, wish| -> Result<(), ShareError> {
            let Some(user) = system.lookup(&UserName::parse_existing(name)?)? else {
                return Ok(());
            };
            if user.uid != uid {
                return Ok(());
            }
            let owner: Owner = owner_of(&user, facts.gid.unwrap_or(user.gid));
            let shared = &facts.settings.shared_directory;
            let request = homes::request(&owner, shared, wish, Task::Look, self.stamp);
            names.push(name.to_owned());
            requests.push((owner, request));
            Ok(())
        };
        for (name, record) in &wanted.users {
            let provision = provision(wanted.account_of(record));
            add(
                name,
                record.uid,
                homes::managed_wish(&wanted, record, provision, &key_command),
            )?;
        }
        if let Some(source) = &wanted.source {
            let wish = homes::source_wish(&wanted.settings, provision(&source.account));
            add(&wanted.settings.source_user, source.uid, wish)?;
        }
        let mut found = BTreeMap::new();
        self.processes.ask_all(&requests, |place, report| {
            found.insert(names[place].clone(), report.map_err(problem));
        });
        facts.homes = found;
        Ok(())
    }

    /// Whose credential file is a link to the shared one.
    fn read_links(&self, facts: &mut Facts, system: &SystemUsers, members: &[String]) {
        let shared = &facts.settings.shared_directory;
        let mut wish = homes::no_wish();
        wish.credentials = CredentialsWish::Link(shared_copy(shared, Item::Credentials.path()));
        let is_candidate =
            |user: &&SystemUser| user.uid != 0 && user.name != facts.settings.source_user;
        let users: Vec<&SystemUser> = members
            .iter()
            .filter_map(|name| system.user(name))
            .filter(is_candidate)
            .collect();
        let ask = |user: &&SystemUser| {
            let owner = owner_of(user, facts.gid.unwrap_or(user.gid));
            let request = homes::request(&owner, shared, wish.clone(), Task::Look, self.stamp);
            (owner, request)
        };
        let requests: Vec<_> = users.iter().map(ask).collect();
        let mut linked = BTreeSet::new();
        self.processes.ask_all(&requests, |place, report| {
            let is_linked = report.is_ok_and(|report| {
                let mut items = report.items.iter();
                items.any(|item| {
                    item.item == Item::Credentials && item.is_good() && report.own_login.is_none()
                })
            });
            if is_linked {
                linked.insert(users[place].name.clone());
            }
        });
        for user in users.iter().filter(|user| linked.contains(&user.name)) {
            let running = uids_with_processes().is_ok_and(|running| running.contains(&user.uid));
            let (uid, home) = (user.uid, user.home.clone());
            let found = UserFacts {
                uid,
                home,
                has_home: true,
                in_group: true,
                is_running: running,
            };
            facts.users.insert(user.name.clone(), found);
        }
        facts.linked_users = linked;
    }

    fn keeper(&self, facts: &Facts) -> Result<KeeperFacts, ShareError> {
        // Where new users' homes are, though there may be none yet.
        let usual = Path::new("/home/user");
        let homes = facts.users.values().map(|user| user.home.as_path());
        let shared = &facts.settings.shared_directory;
        let writable = systemd::writable(shared, homes.chain([usual]));
        Ok(KeeperFacts {
            has_systemd: systemd::is_running(),
            unit: systemd::installed(self.paths)?,
            wanted_unit: systemd::unit_text(self.program, self.paths, &writable),
            is_running: keeper_control::is_running(self.paths),
        })
    }
}

/// Whose home it is stands beside it.
fn problem(error: ShareError) -> String {
    match error {
        ShareError::Home { problem, .. } => problem,
        error => error.to_string(),
    }
}

#[derive(Default)]
struct Source {
    login: Option<SourceLogin>,
    contents: BTreeMap<Item, String>,
    claude_json: Map<String, Value>,
}

/// Of the source user's own login and the one in the shared file of an earlier set-up, the one
/// whose access token ends later: the other one's refresh token may have been spent.
fn newest(
    own: Option<SourceLogin>,
    shared: Option<CredentialDocument>,
    identity: Option<Identity>,
) -> Option<SourceLogin> {
    match (own, shared) {
        (Some(own), Some(shared)) if shared.expires_at() > own.document.expires_at() => {
            Some(SourceLogin {
                document: shared,
                identity: own.identity,
            })
        }
        (None, Some(shared)) => Some(SourceLogin {
            document: shared,
            identity: identity.unwrap_or_default(),
        }),
        (own, _) => own,
    }
}

/// The shared files, each made from what the source user has; where a shared directory was used
/// before, from what is in it.
fn tree_wish(
    settings: &Settings,
    source: &Source,
    state: Option<&ServerState>,
    gid: Option<u32>,
) -> TreeWish {
    let before = |item: Item| {
        let bytes = shared_tree::read(&state?.settings.shared_directory, item, gid?)?;
        String::from_utf8(bytes).ok()
    };
    let contents = |item: Item| {
        let own = source.contents.get(&item).cloned();
        before(item).or(own).unwrap_or_else(|| EMPTY.to_owned())
    };
    let mut files = BTreeMap::from([(Item::Settings, contents(Item::Settings))]);
    if settings.share_settings_local {
        files.insert(Item::SettingsLocal, contents(Item::SettingsLocal));
    }
    if settings.claude_json == ClaudeJsonMode::Link {
        let shared = serde_json::to_string_pretty(&source.claude_json);
        let shared = before(Item::ClaudeJson).unwrap_or_else(|| shared.unwrap_or_default());
        files.insert(Item::ClaudeJson, shared);
    }
    if settings.credentials == CredentialsMode::Link {
        // The whole login is put there by whoever carries the plan out, or by the keeper.
        files.insert(Item::Credentials, EMPTY.to_owned());
    }
    TreeWish {
        directory: settings.shared_directory.clone(),
        files,
        // That is a step of its own, which comes later.
        without_credentials: false,
    }
}
