//! Logins of users' own in the places of their views and links.

use std::time::{Duration, Instant};

use model::{AccountId, CredentialDocument, Identity, LoginState, RENEWAL_MARGIN, Timestamp};
use renew::{Lease, adopt};
use vault::{Account, Cause, VaultError};

use super::own_login::{Kinship, Told, Trust, kinship};
use super::users::{Role, SETTLED_AFTER};
use super::{Keeper, KeeperEvent, Provisional};
use crate::desired::Provision;
use crate::home::{HomeReport, fingerprint};
use crate::settings::CredentialsMode;

/// A renewal under way, or a client that still writes, takes moments.
const MOMENTS: Duration = Duration::from_millis(200);

/// While a login taken over has yet to prove itself, another one is looked at again after this.
const NEXT_IN_TURN: Duration = Duration::from_secs(10);

/// How long a login may take to prove itself: less than what is left of the one before when that is
/// to be renewed.
const PROOF: Duration = Duration::from_secs(10 * 60);

/// How long nothing is taken over from a user whose login could not be proved: each attempt costs a
/// request and a place in the history.
const DISTRUST: Duration = Duration::from_secs(10 * 60);

/// A renewal that is due soon is not far away by then.
const A_WHILE: Duration = Duration::from_secs(60);

/// A living login that is about to be renewed is not put aside for one that has yet to prove
/// itself: a proof that does not come must not cost a renewal.
fn is_due_soon(account: &Account) -> bool {
    let left = account.expires_at.map(|at| timestamp_now().until(at));
    account.state == LoginState::Alive && left.is_some_and(|left| left < 2 * RENEWAL_MARGIN)
}

fn timestamp_now() -> Timestamp {
    Timestamp::from_millis(super::now_millis())
}

impl Keeper {
    /// A keeper that was killed may have left a login that had yet to prove itself.
    pub(super) fn find_unproven(&mut self) {
        let ids: Vec<String> = self.accounts_in_use().into_iter().collect();
        for id in ids {
            if self.mode_of(&id) == CredentialsMode::Link {
                continue;
            }
            let Some((account, before)) = self.unproven(&id) else {
                continue;
            };
            let provisional = Provisional {
                user: String::new(),
                fingerprint: String::new(),
                before,
                before_was_alive: true,
                since: Instant::now(),
            };
            self.provisional.insert(id, provisional);
            if let Err(error) = self.schedule.renew_now(&account) {
                self.tell_problem(format!("cannot start a renewal: {error}"));
            }
        }
    }

    /// The account, if its present login was taken over and not renewed since, and the generation
    /// before.
    fn unproven(&self, id: &str) -> Option<(Account, i64)> {
        let account = self.accounts.get(id).ok()?;
        let history = self.accounts.vault().history(&account).ok()?;
        let mut line = history.iter().skip_while(|generation| !generation.present);
        let present = line.next()?;
        let before = line.find(|generation| generation.cause != Cause::KeptAside)?;
        (present.cause == Cause::Adopted).then_some((account, before.number))
    }

    /// Deals with a login of the user's own, if there is one.
    pub(super) fn note_own_login(&mut self, name: &str, report: &HomeReport) {
        let Some(login) = &report.own_login else {
            if let Some(user) = self.users.by_name.get_mut(name) {
                user.own_login = None;
                user.reclaim = None;
            }
            return;
        };
        let mark = fingerprint(login.as_bytes());
        let Some(user) = self.users.by_name.get_mut(name) else {
            return;
        };
        let now = Instant::now();
        let is_distrusted = user.distrusted_until.is_some_and(|until| now < until);
        if is_distrusted || user.own_login.as_ref() == Some(&mark) {
            return;
        }
        let account = match &user.role {
            Role::Managed(record) => self.state.account_of(record).to_owned(),
            Role::Source(account) => account.clone(),
        };
        // It is replaced when the renewal that proves it has ended.
        if self.is_provisional(&account, &mark) {
            return;
        }
        // One at a time: what there was before the first one is to come back if it is of no use.
        if self.provisional.contains_key(&account) {
            return self.users.set_due(name, now + NEXT_IN_TURN);
        }
        let Ok(document) = CredentialDocument::parse(login.as_bytes()) else {
            return;
        };
        let told = report.signed_in.as_ref();
        let told = told.map(Identity::from_oauth_account).unwrap_or_default();
        let age = Duration::from_secs(report.own_login_age);
        // In the place of a link it is a renewal, usually, and the others wait for it.
        let told = match age >= SETTLED_AFTER || self.mode_of(&account) == CredentialsMode::Link {
            true => Told::Settled(told),
            false => Told::Unsettled,
        };
        let outcome = self.consider(name, &account, &document, &told, &mark);
        let is_provisional = self.is_provisional(&account, &mark);
        let Some(user) = self.users.by_name.get_mut(name) else {
            return;
        };
        match outcome {
            Ok(Kinship::Known) => {
                user.reclaim = Some(mark);
                self.users.queue_for_us(name);
            }
            Ok(Kinship::Newer) if is_provisional => {}
            Ok(Kinship::Newer) => {
                user.reclaim = Some(mark);
                self.users.queue_for_us(name);
            }
            Ok(Kinship::Other) if told == Told::Unsettled => {
                self.users
                    .set_due(name, Instant::now() + (SETTLED_AFTER - age));
            }
            Ok(Kinship::Other) => {
                user.own_login = Some(mark);
                let user = name.to_owned();
                self.tell(KeeperEvent::OwnLogin { user });
            }
            Ok(Kinship::Unjudged) => self.users.set_due(name, Instant::now() + A_WHILE),
            Err(VaultError::Busy(_)) => {
                self.users.set_due(name, Instant::now() + MOMENTS);
            }
            Err(error) => self.tell_problem(error.to_string()),
        }
    }

    /// There is one shared credential file: users with other accounts have views.
    fn mode_of(&self, account: &str) -> CredentialsMode {
        match account == self.state.default_account {
            true => self.state.settings.credentials,
            false => CredentialsMode::View,
        }
    }

    fn is_provisional(&self, account: &str, mark: &str) -> bool {
        let known = self.provisional.get(account);
        known.is_some_and(|known| known.fingerprint == mark)
    }

    /// Takes a newer generation of the account's login over.
    pub(super) fn consider(
        &mut self,
        name: &str,
        account_id: &str,
        document: &CredentialDocument,
        told: &Told,
        mark: &str,
    ) -> Result<Kinship, VaultError> {
        if *self.accounts.provision(account_id) == Provision::Key {
            return Ok(Kinship::Other);
        }
        let mode = self.mode_of(account_id);
        let is_source = self
            .users
            .by_name
            .get(name)
            .is_some_and(|user| matches!(user.role, Role::Source(_)));
        let trust = match mode == CredentialsMode::Link || is_source {
            true => Trust::UnlessKnownOtherwise,
            false => Trust::IfKnown,
        };
        let vault = self.accounts.vault();
        let id = AccountId::from_stored(account_id.to_owned());
        let account = vault.get(&id)?;
        let found = kinship(vault, &account, document, told, trust)?;
        if found != Kinship::Newer {
            return Ok(found);
        }
        if mode == CredentialsMode::View && is_due_soon(&account) {
            return Ok(Kinship::Unjudged);
        }
        let busy = || VaultError::Busy(vault.paths().directory().to_owned());
        // A renewal under way ends in moments; then it is looked at again.
        let lease = Lease::try_acquire(vault.paths(), &id)
            .ok()
            .flatten()
            .ok_or_else(busy)?;
        let account = vault.get(&id)?;
        let found = kinship(vault, &account, document, told, trust)?;
        if found == Kinship::Newer {
            adopt(vault, &account, document)?;
            self.prove_later(name, account_id, mark, &account, mode);
        }
        drop(lease);
        self.vault_changed = true;
        let account = self.accounts.name(account_id);
        let user = name.to_owned();
        self.tell(KeeperEvent::Adopted { user, account });
        Ok(found)
    }

    /// A login in the place of a view is renewed at once: that proves it, and makes the refresh
    /// token in the user's home worthless.
    fn prove_later(
        &mut self,
        name: &str,
        account_id: &str,
        mark: &str,
        before: &Account,
        mode: CredentialsMode,
    ) {
        if mode == CredentialsMode::Link {
            return;
        }
        let provisional = Provisional {
            user: name.to_owned(),
            fingerprint: mark.to_owned(),
            before: before.generation,
            before_was_alive: before.state == LoginState::Alive,
            since: Instant::now(),
        };
        self.provisional.insert(account_id.to_owned(), provisional);
        if let Ok(account) = self.accounts.get(account_id)
            && let Err(error) = self.schedule.renew_now(&account)
        {
            self.tell_problem(format!("cannot start a renewal: {error}"));
        }
    }

    /// A renewal has ended: of a login that was to prove itself?
    pub(super) fn prove(&mut self, account_id: &str, failure: Option<&str>) {
        let Some(provisional) = self.provisional.remove(account_id) else {
            return;
        };
        let Ok(account) = self.accounts.get(account_id) else {
            return;
        };
        let is_refused = account.state != LoginState::Alive;
        let name = provisional.user.clone();
        if failure.is_none() {
            return self.accept(provisional);
        }
        if !is_refused {
            // The server is away; it is proved by the next renewal.
            self.provisional.insert(account_id.to_owned(), provisional);
            return;
        }
        match self.go_back(account_id, provisional.before) {
            Ok(true) => {
                if let Some(user) = self.users.by_name.get_mut(&name) {
                    user.own_login = Some(provisional.fingerprint);
                }
                self.reject(account_id, name);
            }
            // Somebody else has signed in since.
            Ok(false) => self.vault_changed = true,
            Err(error) => {
                // It is tried again when all others are given up.
                let before_was_alive = true;
                let again = Provisional {
                    before_was_alive,
                    ..provisional
                };
                self.provisional.insert(account_id.to_owned(), again);
                self.tell_problem(error.to_string());
            }
        }
    }

    /// Makes the generation `before` the account's login again; `false` if there is another one by
    /// now than the one that was to prove itself.
    fn go_back(&self, account_id: &str, before: i64) -> Result<bool, VaultError> {
        let vault = self.accounts.vault();
        let id = AccountId::from_stored(account_id.to_owned());
        let busy = || VaultError::Busy(vault.paths().directory().to_owned());
        // Another process may be proving it.
        let lease = Lease::try_acquire(vault.paths(), &id)
            .ok()
            .flatten()
            .ok_or_else(busy)?;
        let Some((account, _)) = self.unproven(account_id) else {
            return Ok(false);
        };
        vault.restore(&account, before)?;
        drop(lease);
        Ok(true)
    }

    /// Goes back to logins that could be renewed where those taken over since do not prove
    /// themselves: nothing says that they ever will.
    pub(super) fn give_up_proofs(&mut self) {
        // It may just have been proved.
        if self.schedule.is_busy() {
            return;
        }
        let is_over = |one: &Provisional| one.before_was_alive && one.since.elapsed() >= PROOF;
        let over = self.provisional.iter().filter(|(_, one)| is_over(one));
        let over: Vec<String> = over.map(|(account, _)| account.clone()).collect();
        for account_id in over {
            let Some(provisional) = self.provisional.remove(&account_id) else {
                continue;
            };
            match self.go_back(&account_id, provisional.before) {
                Ok(true) => self.reject(&account_id, provisional.user),
                // Another process has proved it.
                Ok(false) => self.accept(provisional),
                Err(VaultError::Busy(_)) => drop(self.provisional.insert(account_id, provisional)),
                Err(error) => {
                    self.provisional.insert(account_id, provisional);
                    self.tell_problem(error.to_string());
                }
            }
        }
    }

    /// A login has proved itself: a view comes into its place, and everybody else gets one too.
    fn accept(&mut self, provisional: Provisional) {
        self.vault_changed = true;
        if let Some(user) = self.users.by_name.get_mut(&provisional.user) {
            user.reclaim = Some(provisional.fingerprint);
        }
        self.users.queue_for_us(&provisional.user);
    }

    fn reject(&mut self, account_id: &str, name: String) {
        self.vault_changed = true;
        // That was of the login which is gone.
        self.not_renewed.remove(account_id);
        if let Some(user) = self.users.by_name.get_mut(&name)
            && matches!(user.role, Role::Managed(_))
        {
            user.distrusted_until = Some(Instant::now() + DISTRUST);
        }
        let account = self.accounts.name(account_id);
        self.tell(KeeperEvent::Rejected {
            user: name,
            account,
        });
    }
}
