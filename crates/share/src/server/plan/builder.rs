//! Steps that several commands plan, each only if the facts say that it is needed.

use super::refusal::Refusal;
use super::{NewUser, OnFailure, Password, Plan};
use crate::config::ConfigFile;
use crate::name::{GroupName, UserName};
use crate::server::facts::Facts;
use crate::server::homes;
use crate::server::step::{Change, Step};
use crate::server::vault_accounts::AccountFacts;
use crate::state::{ServerState, UserRecord};

/// A plan in the making.
pub(super) struct Builder<'a> {
    pub(super) facts: &'a Facts,
    pub(super) steps: Vec<Step>,
    group: GroupName,
    /// Whether the keeper has to read anew what is set up.
    pub(super) news_for_keeper: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(facts: &'a Facts) -> Result<Self, Refusal> {
        let group = name(GroupName::parse(&facts.settings.group))?;
        Ok(Self {
            facts,
            steps: Vec::new(),
            group,
            news_for_keeper: false,
        })
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn plan(self, on_failure: OnFailure) -> Plan {
        Plan {
            steps: self.steps,
            on_failure,
        }
    }

    pub(super) fn group_name(&self) -> GroupName {
        self.group.clone()
    }

    pub(super) fn source(&self) -> Result<UserName, Refusal> {
        name(UserName::parse_existing(&self.facts.settings.source_user))
    }

    /// Makes the group if it is not there; tells whether it has to.
    pub(super) fn group(&mut self) -> bool {
        let is_missing = self.facts.gid.is_none();
        if is_missing {
            self.push(Step::CreateGroup(self.group.clone()));
        }
        is_missing
    }

    /// Puts a user into the group if he is not in it; tells whether it has to.
    pub(super) fn join(&mut self, user: &UserName) -> bool {
        let known = self.facts.users.get(user.as_str());
        let joins = !known.is_some_and(|user| user.in_group);
        if joins {
            let group = self.group.clone();
            self.push(Step::JoinGroup {
                user: user.clone(),
                group,
            });
        }
        joins
    }

    pub(super) fn tree(&mut self) {
        if !self.facts.tree_wrong.is_empty() {
            self.push(Step::SharedTree {
                wish: self.facts.tree.clone(),
                group: self.group.clone(),
                wrong: self.facts.tree_wrong.clone(),
            });
        }
    }

    /// A login where the group can read it: once the homes have views.
    pub(super) fn exposed_login(&mut self) {
        if self.facts.exposed_login {
            let directory = self.facts.settings.shared_directory.clone();
            self.push(Step::RemoveSharedLogin(directory));
        }
    }

    /// Makes somebody a managed user, unless he is.
    pub(super) fn user(&mut self, new: &NewUser) -> Result<(), Refusal> {
        let user = &new.name;
        let known = self.facts.users.get(user.as_str());
        let state = self.facts.state.as_ref();
        let record = state.and_then(|state| state.record(user.as_str()));
        if user.as_str() == "root" || known.is_some_and(|known| known.uid == 0) {
            return Err(Refusal::input(
                match user.as_str() {
                    "root" => "root cannot be a managed user".to_owned(),
                    user => format!("{user} is root by another name, and cannot be a managed user"),
                },
                "Give another user.",
            ));
        }
        if user.as_str() == self.facts.settings.source_user {
            return Err(Refusal::input(
                format!("{user} is the source user, who has the login already"),
                "Give another user.",
            ));
        }
        match (record, known) {
            (Some(record), Some(known)) if record.uid == known.uid => {
                // An earlier command may not have come to its end.
                self.finish(user);
                return Ok(());
            }
            (Some(_), _) => {
                return Err(Refusal::conflict(
                    format!("the managed user {user} is gone, or another one by now"),
                    format!("Forget the old one first: claude-share server remove-user {user}"),
                ));
            }
            (None, Some(_)) if !new.existing => {
                return Err(Refusal::conflict(
                    format!("the user {user} is there already"),
                    format!(
                        "Give another name, or adopt him: claude-share server add-user {user} --existing"
                    ),
                ));
            }
            (None, None) if new.existing => {
                return Err(Refusal::not_found(
                    format!("there is no user {user}"),
                    "Check the name, or leave --existing out to create him.",
                ));
            }
            (None, _) => {}
        }
        let created = known.is_none();
        if created {
            self.push(Step::CreateUser(user.clone()));
        }
        match &new.password {
            Password::Given(password) => {
                let (user, password) = (user.clone(), password.clone());
                self.push(Step::SetPassword { user, password });
            }
            Password::Locked if created => self.push(Step::LockPassword(user.clone())),
            Password::Locked | Password::AsItIs => {}
        }
        let joined_group = self.join(user);
        self.push(Step::Record(Change::User {
            user: user.clone(),
            account: new.account.clone(),
            created,
            joined_group,
        }));
        self.push(Step::SetUpHome {
            user: user.clone(),
            wrong: Vec::new(),
            reclaim: false,
            is_new: true,
        });
        self.push(Step::Record(Change::SetUp(user.clone())));
        if let Some(key) = &new.key {
            let (user, key) = (user.clone(), key.clone());
            self.push(Step::AuthorizeKey { user, key });
        }
        self.news_for_keeper = true;
        Ok(())
    }

    /// Sets up a user of whom that was begun.
    pub(super) fn finish(&mut self, user: &UserName) {
        let state = self.facts.state.as_ref();
        if !state.is_some_and(|state| state.joining.contains_key(user.as_str())) {
            return;
        }
        self.join(user);
        let (user, wrong) = (user.clone(), Vec::new());
        self.push(Step::SetUpHome {
            user: user.clone(),
            wrong,
            reclaim: false,
            is_new: true,
        });
        self.push(Step::Record(Change::SetUp(user)));
        self.news_for_keeper = true;
    }

    /// Puts a managed user right.
    pub(super) fn mend_user(&mut self, user: &UserName, reclaim: bool) {
        let Some(known) = self.facts.users.get(user.as_str()) else {
            return;
        };
        let record = self
            .facts
            .state
            .as_ref()
            .and_then(|state| state.users.get(user.as_str()));
        if record.is_none_or(|record| record.uid != known.uid) {
            return;
        }
        if self.join(user) {
            self.push(Step::Record(Change::Joined(user.clone())));
        }
        let (wrong, has_own) = self.found(user);
        if !wrong.is_empty() || (reclaim && has_own) {
            self.push(Step::SetUpHome {
                user: user.clone(),
                wrong,
                reclaim,
                is_new: false,
            });
        }
    }

    /// What is wrong in a home, and whether a login of the user's own is in it.
    fn found(&self, user: &UserName) -> (Vec<String>, bool) {
        match self.facts.homes.get(user.as_str()) {
            None => (Vec::new(), false),
            Some(Err(problem)) => (vec![problem.clone()], false),
            Some(Ok(report)) => (homes::wrong(report), homes::has_own_login(report)),
        }
    }

    /// Puts the source user's view right; a login there that is not the vault's stays.
    pub(super) fn mend_source(&mut self, reclaim: bool) -> Result<(), Refusal> {
        let source = self.source()?;
        let state = self.facts.state.as_ref();
        let Some(record) = state.and_then(|state| state.source.as_ref()) else {
            return Ok(());
        };
        let account = self
            .facts
            .accounts
            .iter()
            .find(|account| account.id == record.account);
        let is_vaults = account.is_some_and(|account| account.is_sources);
        let (wrong, has_own) = self.found(&source);
        if !wrong.is_empty() || (has_own && (is_vaults || reclaim)) {
            self.push(Step::SetUpSource {
                user: source,
                reclaim,
                is_new: false,
            });
        }
        Ok(())
    }

    /// Makes the config file say what is in force.
    pub(super) fn config(&mut self, users: &[UserName]) -> Result<(), Refusal> {
        let path = &self.facts.paths.config;
        let before = self.facts.config.as_ref().map(ConfigFile::to_bytes);
        let mut file = self
            .facts
            .config
            .clone()
            .unwrap_or_else(|| ConfigFile::new(path));
        name(file.apply(&self.facts.settings, users))?;
        if before.as_deref() != Some(file.to_bytes().as_slice()) {
            self.push(Step::WriteConfig {
                path: path.clone(),
                settings: self.facts.settings.clone(),
                users: users.to_vec(),
            });
        }
        Ok(())
    }

    /// A keeper that runs and knows what is set up.
    pub(super) fn keeper(&mut self) {
        let keeper = &self.facts.keeper;
        let is_current = keeper.unit.as_deref() == Some(keeper.wanted_unit.as_str());
        if keeper.has_systemd && (!is_current || !keeper.is_running) {
            self.push(Step::InstallUnit {
                path: self.facts.paths.unit.clone(),
                text: keeper.wanted_unit.clone(),
            });
        } else if !keeper.is_running {
            self.push(Step::StartKeeper);
        } else if self.news_for_keeper {
            self.push(Step::ReloadKeeper);
        }
    }

    /// Before homes are changed that a keeper already looks after: it would put back what it knows.
    pub(super) fn tell_keeper(&mut self) {
        if self.facts.keeper.is_running {
            self.push(Step::ReloadKeeper);
        }
    }

    /// Takes a user off: the keeper lets go of his home first.
    pub(super) fn take_off(&mut self, user: &UserName, record: &UserRecord) {
        let known = self.facts.users.get(user.as_str());
        if let Some(known) = known.filter(|known| known.uid == record.uid) {
            self.push(Step::Record(Change::Leaving(user.clone())));
            self.tell_keeper();
            if known.has_home {
                self.push(Step::TakeBackHome(user.clone()));
            }
            if record.joined_group && known.in_group {
                let group = self.group_name();
                self.push(Step::LeaveGroup {
                    user: user.clone(),
                    group,
                });
            }
        }
        self.push(Step::Record(Change::Forget(user.clone())));
    }

    /// The managed users after the steps so far, as the config file lists them.
    pub(super) fn managed_users(&self) -> Result<Vec<UserName>, Refusal> {
        let state = self.facts.state.as_ref();
        let mut users = Vec::new();
        for user in state
            .iter()
            .flat_map(|state| state.users.keys().chain(state.joining.keys()))
        {
            users.push(name(UserName::parse_existing(user))?);
        }
        for step in &self.steps {
            match step {
                Step::Record(Change::User { user, .. }) => users.push(user.clone()),
                Step::Record(Change::Forget(user) | Change::Leaving(user)) => {
                    users.retain(|other| other != user);
                }
                _ => {}
            }
        }
        Ok(users)
    }
}

/// The state, or a refusal.
pub(super) fn state(facts: &Facts) -> Result<&ServerState, Refusal> {
    facts.state.as_ref().ok_or_else(Refusal::not_set_up)
}

/// One of the vault's accounts by name, in any case.
pub(super) fn account<'a>(facts: &'a Facts, wanted: &str) -> Option<&'a AccountFacts> {
    let exactly = facts.accounts.iter().find(|account| account.name == wanted);
    let same = |account: &&AccountFacts| model::AccountName::same(&account.name, wanted);
    exactly.or_else(|| facts.accounts.iter().find(same))
}

/// An account that is to be there.
pub(super) fn required_account<'a>(
    facts: &'a Facts,
    wanted: &str,
) -> Result<&'a AccountFacts, Refusal> {
    account(facts, wanted).ok_or_else(|| {
        let names: Vec<_> = facts.accounts.iter().map(|account| model::printable(&account.name)).collect();
        let there = match names.as_slice() {
            [] => "There is none yet.".to_owned(),
            names => format!("There are: {}.", names.join(", ")),
        };
        let vault = facts.paths.vault();
        let vault = vault.directory().display();
        Refusal::not_found(
            format!("the vault has no account {}", model::printable(wanted)),
            format!(
                "{there} Add an API key: claude-accounts --vault {vault} add NAME --key-stdin; or sign in to a login: claude-accounts --vault {vault} login NAME"
            ),
        )
    })
}

/// Whether anybody has to be told to log in again: users who are logged in and join the group.
#[must_use]
pub fn has_to_log_in_again(facts: &Facts, plan: &Plan) -> Vec<UserName> {
    let joins = |step: &Step| match step {
        Step::JoinGroup { user, .. } => Some(user.clone()),
        _ => None,
    };
    let is_running = |user: &UserName| {
        let known = facts.users.get(user.as_str());
        known.is_some_and(|known| known.is_running && known.uid != 0)
    };
    plan.steps
        .iter()
        .filter_map(joins)
        .filter(is_running)
        .collect()
}

fn name<T>(parsed: Result<T, crate::ShareError>) -> Result<T, Refusal> {
    parsed.map_err(|error| {
        Refusal::input(error.to_string(), "Correct it in /etc/claude-share/config.")
    })
}
