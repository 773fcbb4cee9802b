//! The keeper of a server: the only process that renews its logins, and what keeps every home as
//! it is to be.
//!
//! One loop, one thread; it waits for nobody. A renewal runs on a thread of its own, what is done
//! in a home is done by a process of its own that has become the user. What the keeper knows stands
//! in the vault, in what the commands have set up and in the homes: it can be killed at any moment.

mod accounts;
mod answers;
mod callers;
mod changes;
mod event;
mod homes;
mod link_mode;
mod merging;
mod mounts;
mod notify;
mod own_login;
mod pace;
mod protocol;
mod shared_credentials;
mod sign_ins;
mod users;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use renew::{Finished, LONGEST_WAIT, Outcome, Renewer, Schedule};
use rustix::fs::FlockOperation;

use crate::claude_json::Common;
use crate::home_processes::HomeProcesses;
use crate::settings::CredentialsMode;
use crate::state::ServerState;
use crate::system_users::SystemUsers;
use crate::{ServerPaths, ShareError};
use accounts::Accounts;
use callers::Callers;
use changes::{Change, Changes, Place};
use mounts::Mounts;
use users::{Role, Users};

pub use accounts::provision;
pub(crate) use accounts::was_login;
pub use event::KeeperEvent;
pub use notify::notify;
pub use protocol::{KeeperStatus, KeyError, fetch_key, keeper_status, reload_keeper, stop_keeper};

/// What a keeper is started with.
pub struct KeeperOptions {
    /// Where the server's files are.
    pub paths: ServerPaths,
    /// This program, to be started anew for what is done in homes.
    pub program: PathBuf,
    /// Makes the requests.
    pub renewer: Arc<Renewer>,
    /// What users' settings name to print their keys.
    pub key_command: String,
    /// The supervisor's socket (`NOTIFY_SOCKET`).
    pub notify: Option<OsString>,
    /// Becomes readable when the keeper is to leave; with a byte `r`, when it is to read anew what
    /// is set up.
    pub signals: OwnedFd,
}

/// The keeper of a server.
pub struct Keeper {
    options: KeeperOptions,
    state: ServerState,
    accounts: Accounts,
    processes: HomeProcesses,
    changes: Changes,
    mounts: Mounts,
    callers: Callers,
    schedule: Schedule,
    users: Users,
    common: Common,
    /// Whether `common` has changed since it was stored.
    common_is_new: bool,
    common_stored_at: Instant,
    /// Logins taken over from users that have yet to prove themselves, by account. Until then
    /// nobody else gets anything of them.
    provisional: BTreeMap<String, Provisional>,
    /// Why the last renewal of an account failed.
    not_renewed: BTreeMap<String, String>,
    vault_changed: bool,
    vault_read_at: Instant,
    /// When the login in the shared credential file is to be judged again, if it could not be.
    judge_shared_at: Option<Instant>,
    started_at: i64,
    stopping: bool,
    observer: Box<dyn FnMut(&KeeperEvent)>,
    /// Problems as told last, so that each is told once.
    told: BTreeSet<String>,
    /// Held by the one keeper; released by the kernel.
    _lock: File,
}

struct Provisional {
    user: String,
    fingerprint: String,
    /// The generation to go back to.
    before: i64,
    /// Whether that one could still be renewed.
    before_was_alive: bool,
    since: Instant,
}

/// Becomes the one keeper.
fn lock(paths: &ServerPaths, patience: Duration) -> Result<File, ShareError> {
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(paths.keeper_lock());
    let file = opened.map_err(ShareError::system("lock the keeper's directory"))?;
    let deadline = Instant::now() + patience;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() >= deadline => {
                return Err(ShareError::KeeperRunning);
            }
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(errno) => {
                return Err(ShareError::system("lock the keeper's directory")(
                    errno.into(),
                ));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn now_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

impl Keeper {
    /// Becomes the keeper.
    ///
    /// # Errors
    /// [`ShareError::KeeperRunning`] if there is one; if nothing is set up; if the vault cannot be
    /// opened.
    pub fn start(
        options: KeeperOptions,
        observer: Box<dyn FnMut(&KeeperEvent)>,
    ) -> Result<Self, ShareError> {
        let paths = options.paths.clone();
        let lock = lock(&paths, Duration::from_secs(2))?;
        let accounts = Accounts::open(&paths.vault())?;
        let common = Common::load(&paths.claude_json())?;
        make_runtime_directory(&paths)?;
        let mut changes = Changes::new().map_err(ShareError::system("watch the homes"))?;
        changes.watch(Place::Data, &paths.data);
        changes.watch(Place::Vault, paths.vault().directory());
        changes.watch(Place::System, std::path::Path::new("/etc"));
        // Only now: a change since is noticed.
        let state = ServerState::load(&paths.state())?.ok_or_else(|| ShareError::State {
            path: paths.state(),
            problem: "it does not exist: nothing is set up on this server".to_owned(),
        })?;
        let processes = HomeProcesses::start(&options.program)?;
        let callers = Callers::listen(&paths.socket()).map_err(ShareError::system("listen"))?;
        let schedule = Schedule::new(paths.vault(), None, Arc::clone(&options.renewer));
        Ok(Self {
            schedule: schedule.map_err(ShareError::system("start a renewal"))?,
            options,
            state,
            accounts,
            processes,
            changes,
            mounts: Mounts::watch(),
            callers,
            users: Users::new(),
            common,
            common_is_new: false,
            common_stored_at: Instant::now(),
            provisional: BTreeMap::new(),
            not_renewed: BTreeMap::new(),
            vault_changed: true,
            vault_read_at: Instant::now(),
            judge_shared_at: None,
            started_at: now_millis(),
            stopping: false,
            observer,
            told: BTreeSet::new(),
            _lock: lock,
        })
    }

    /// Keeps until somebody asks it to leave.
    ///
    /// # Errors
    /// If the system fails it. Homes stay as they are.
    pub fn run(mut self) -> Result<(), ShareError> {
        self.find_users();
        self.tell(KeeperEvent::Started {
            pid: std::process::id(),
            users: self.users.by_name.len(),
        });
        self.find_unproven();
        notify::notify(self.options.notify.as_deref(), "READY=1");
        while !self.stopping || self.schedule.is_busy() {
            let due = self.keep_logins();
            self.start_jobs();
            self.hand_out_patches();
            let due = match self.common_is_new {
                true => due.min(self.store_common_at_leisure()),
                false => due,
            };
            self.wait(due)?;
        }
        notify::notify(self.options.notify.as_deref(), "STOPPING=1");
        self.store_common();
        drop(std::fs::remove_file(self.options.paths.socket()));
        self.tell(KeeperEvent::Left);
        Ok(())
    }

    #[expect(clippy::needless_pass_by_value, reason = "events are made to be told")]
    fn tell(&mut self, event: KeeperEvent) {
        (self.observer)(&event);
    }

    /// Tells a problem once, as long as there are not too many: users can cause ever new ones.
    fn tell_problem(&mut self, what: String) {
        const MOST: usize = 1_000;
        if self.told.len() >= MOST {
            self.told.clear();
        }
        if self.told.insert(what.clone()) {
            self.tell(KeeperEvent::Problem { what });
        }
    }

    /// Reads the system's users, and takes up those who are managed.
    fn find_users(&mut self) {
        let system = match SystemUsers::read() {
            Ok(system) => system,
            Err(error) => return self.tell_problem(error.to_string()),
        };
        let wanted = homes::wanted_users(&self.state, &system);
        let gone = self.users.replace(wanted, Instant::now());
        for name in gone {
            self.changes.forget(&name);
            self.common_is_new |= self.common.remove_user(&name);
        }
        if self.state.settings.credentials == CredentialsMode::Link {
            let shared = &self.state.settings.shared_directory;
            self.changes
                .watch(Place::SharedClaude, &shared.join("home/.claude"));
        }
        self.vault_changed = true;
    }

    fn reload(&mut self) {
        match ServerState::load(&self.options.paths.state()) {
            Ok(Some(state)) => {
                if state == self.state {
                    return;
                }
                let before = std::mem::replace(&mut self.state, state);
                self.find_users();
                self.queue_changed(&before);
                self.tell(KeeperEvent::Reloaded {
                    users: self.users.by_name.len(),
                });
            }
            // Between an uninstall and the keeper's end.
            Ok(None) => {}
            Err(error) => self.tell_problem(error.to_string()),
        }
    }

    /// Has those looked at for whom something else is set up than before.
    fn queue_changed(&mut self, before: &ServerState) {
        let is_for_all = before.settings != self.state.settings
            || before.default_account != self.state.default_account;
        if is_for_all {
            return self.users.queue_all();
        }
        // Those who are new are due anyway.
        let changed = self.state.users.iter().filter(|(name, record)| {
            let known = before.users.get(*name);
            known.is_some_and(|known| known != *record)
        });
        let changed: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
        for name in changed {
            self.users.queue_for_us(&name);
        }
    }

    /// Notices new credentials, and starts renewals; tells when it has to look again.
    fn keep_logins(&mut self) -> Duration {
        if self.vault_changed || self.vault_read_at.elapsed() >= LONGEST_WAIT {
            self.vault_changed = false;
            self.vault_read_at = Instant::now();
            self.refresh_accounts();
        }
        if self.stopping {
            return LONGEST_WAIT;
        }
        let mut next = self.judge_shared_again();
        self.give_up_proofs();
        let mut failed = None;
        for account in self.accounts.logins() {
            match self.schedule.renew_if_due(account) {
                Ok(due) => next = next.min(due),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            self.tell_problem(format!("cannot start a renewal: {error}"));
        }
        next
    }

    /// The vault's accounts that anybody here has.
    fn accounts_in_use(&self) -> BTreeSet<String> {
        let records = self.state.users.values();
        let of_users = records.map(|record| self.state.account_of(record).to_owned());
        let of_source = self
            .state
            .source
            .iter()
            .map(|source| source.account.clone());
        let default = std::iter::once(self.state.default_account.clone());
        of_users.chain(of_source).chain(default).collect()
    }

    fn refresh_accounts(&mut self) {
        let used = self.accounts_in_use();
        let unproven = |id: &str| self.provisional.contains_key(id);
        let (changed, problems) = self.accounts.refresh(&used, unproven);
        for problem in problems {
            self.tell_problem(problem);
        }
        for id in changed {
            // Whoever has renewed it.
            self.not_renewed.remove(&id);
            let account = self.accounts.name(&id);
            self.tell(KeeperEvent::NewCredential { account });
            if id == self.state.default_account {
                self.keep_shared();
            }
            let names: Vec<String> = self.names_with(&id);
            for name in names {
                self.users.queue_for_us(&name);
            }
        }
    }

    fn names_with(&self, account: &str) -> Vec<String> {
        let has = |role: &Role| self.account_of(role) == account;
        let users = self.users.by_name.iter();
        users
            .filter(|(_, user)| has(&user.role))
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn account_of<'a>(&'a self, role: &'a Role) -> &'a str {
        match role {
            Role::Managed(record) => self.state.account_of(record),
            Role::Source(account) => account,
        }
    }

    fn note_changes(&mut self) {
        let now = Instant::now();
        for change in self.changes.drain() {
            match change {
                Change::Home(name) => {
                    if !self.is_noisy(&name, now) {
                        self.users.queue(&name);
                    }
                }
                Change::Noise(name) => drop(self.is_noisy(&name, now)),
                Change::Moved(name) => {
                    if !self.is_noisy(&name, now) {
                        self.rewatch(&name);
                        self.users.queue(&name);
                    }
                }
                Change::State => self.reload(),
                Change::Vault => self.vault_changed = true,
                Change::Users => self.find_users(),
                Change::SharedCredentials => self.keep_shared(),
                Change::Anything => {
                    self.vault_changed = true;
                    self.reload();
                    self.find_users();
                    // Whoever causes it must not have everybody looked at all the time.
                    self.mounts.note_change();
                }
            }
        }
    }

    fn rewatch(&mut self, name: &str) {
        if let Some(user) = self.users.by_name.get_mut(name) {
            user.watch = true;
        }
    }

    /// A user who changes his files all the time is not listened to for a while.
    fn is_noisy(&mut self, name: &str, now: Instant) -> bool {
        let Some(user) = self.users.by_name.get_mut(name) else {
            return false;
        };
        if !user.pace.is_too_noisy(now) {
            return false;
        }
        user.watch = true;
        self.users.set_due(name, pace::Pace::after_noise(now));
        self.changes.forget(name);
        self.tell(KeeperEvent::Noisy {
            user: name.to_owned(),
        });
        true
    }

    fn note_renewals(&mut self) {
        for Finished { account, result } in self.schedule.finished() {
            let id = account.to_string();
            let name = self.accounts.name(&id);
            self.vault_changed = true;
            match &result {
                Ok(_) => drop(self.not_renewed.remove(&id)),
                Err(failure) => {
                    drop(self.not_renewed.insert(id.clone(), failure.reason.clone()));
                }
            }
            self.prove(
                &id,
                result.as_ref().err().map(|failure| failure.reason.as_str()),
            );
            match result {
                Ok(Outcome::Renewed) => self.tell(KeeperEvent::Renewed { account: name }),
                Ok(_) => {}
                Err(failure) => self.tell(KeeperEvent::RenewalFailed {
                    account: name,
                    reason: failure.reason,
                }),
            }
        }
    }

    /// Stores what nobody waits for, once a second; tells when to come again.
    fn store_common_at_leisure(&mut self) -> Duration {
        const LEISURE: Duration = Duration::from_secs(1);
        if self.common_stored_at.elapsed() >= LEISURE {
            self.store_common();
        }
        LEISURE
    }

    /// Stores what the homes agree on; what cannot be stored now is tried again.
    fn store_common(&mut self) -> bool {
        if self.common_is_new {
            self.common_stored_at = Instant::now();
            match self.common.store(&self.options.paths.claude_json()) {
                Ok(()) => self.common_is_new = false,
                Err(error) => self.tell_problem(error.to_string()),
            }
        }
        !self.common_is_new
    }
}

/// Everybody may look into it, for the socket; only root can change it.
fn make_runtime_directory(paths: &ServerPaths) -> Result<(), ShareError> {
    let make = || -> std::io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&paths.runtime)?;
        // The umask may have made it narrower.
        std::fs::set_permissions(&paths.runtime, Permissions::from_mode(0o755))
    };
    make().map_err(ShareError::system("make the keeper's runtime directory"))
}
