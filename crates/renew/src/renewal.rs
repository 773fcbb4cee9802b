//! One renewal, from the lease to the last view.

use std::time::Duration;

use model::{
    AccountId, AnswerError, AuthType, CredentialDocument, Decision, Identity, LoginState,
    RetryPolicy, Timestamp, TokenAnswer, decide,
};
use vault::{Account, Attempt, Cause, Credential, NewLogin, Vault, VaultError};

use crate::client_locks::ClientLocks;
use crate::client_login::{ClientFiles, Relation, relation};
use crate::clock::now;
use crate::endpoint::{self, EndpointError, EndpointErrorKind, TokenEndpoint};
use crate::{Lease, RenewError, RuntimeDirectory, TokenUrl, session};

/// What the caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A login with at least this much left; the request is made only if it needs one.
    Left(Duration),
    /// A new token now. If another process makes the request at the same time, its token will do.
    New,
}

/// How it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was to be done.
    Fresh,
    /// We made the request.
    Renewed,
    /// Another process did, while we waited.
    RenewedElsewhere,
    /// The client had renewed it in the user's own file; the vault has it now.
    Adopted,
}

/// Renews logins of one vault.
pub struct Renewer {
    endpoint: TokenEndpoint,
    files: Option<ClientFiles>,
    runtime: RuntimeDirectory,
}

impl Renewer {
    /// `files`: the user's own files of the client, if the vault is a user's.
    #[must_use]
    pub fn new(url: TokenUrl, files: Option<ClientFiles>, runtime: RuntimeDirectory) -> Self {
        Self::with_timeout(url, files, runtime, endpoint::TIMEOUT)
    }

    /// The same with another limit than half a minute for a request and its answer.
    #[must_use]
    pub fn with_timeout(
        url: TokenUrl,
        files: Option<ClientFiles>,
        runtime: RuntimeDirectory,
        timeout: Duration,
    ) -> Self {
        Self {
            endpoint: TokenEndpoint::new(url, timeout),
            files,
            runtime,
        }
    }

    /// Brings a login to what is wanted, and every view of it too.
    ///
    /// # Errors
    /// As [`RenewError`] says. The previous generation is never lost by a failure.
    pub fn renew(&self, vault: &Vault, id: &AccountId, want: Want) -> Result<Outcome, RenewError> {
        let asked = Asked {
            account: vault.get(id)?,
            at: now(),
            want,
        };
        if asked.account.auth_type == AuthType::ApiKey {
            return Err(RenewError::NotALogin(asked.account.name));
        }
        if asked.is_content_with(&asked.account) {
            return Ok(Outcome::Fresh);
        }
        let lease = Lease::acquire(vault.paths(), id, &asked.account.name)?;
        let outcome = self.renew_leased(vault, &asked);
        // Also after a failure: it may have come after the renewal, with the user's own file.
        session::publish(&self.runtime, vault, id);
        drop(lease);
        outcome
    }

    /// The part for which the lease is held; everything is read again.
    fn renew_leased(&self, vault: &Vault, asked: &Asked) -> Result<Outcome, RenewError> {
        // An answer that another process could not store must be taken in before its token, which
        // is spent, is sent again.
        vault.recover_rescued();
        let account = vault.get(&asked.account.id)?;
        if account.generation != asked.account.generation
            && asked.is_content_with_what_came(&account)
        {
            return Ok(Outcome::RenewedElsewhere);
        }
        if let Some(failure) = asked.failure_meanwhile(&account) {
            return Err(failure);
        }
        let Some(files) = &self.files else {
            return self.renew_alone(vault, &account, asked);
        };
        if let Relation::Unrelated = relation(files, vault, &account)? {
            return self.renew_alone(vault, &account, asked);
        }
        match ClientLocks::for_renewal(&files.directory) {
            // The client would need them too: nobody can renew through that file.
            Err(error) if error.is_for_want_of_permission() => {
                self.renew_alone(vault, &account, asked)
            }
            locks => self.renew_with_file(vault, &account, asked, files, &locks?),
        }
    }

    /// The login is in the user's own file too, and the client is kept from renewing it.
    fn renew_with_file(
        &self,
        vault: &Vault,
        account: &Account,
        asked: &Asked,
        files: &ClientFiles,
        locks: &ClientLocks,
    ) -> Result<Outcome, RenewError> {
        let present = match relation(files, vault, account)? {
            // It was another one's by the time we had the locks.
            Relation::Unrelated => return self.renew_alone(vault, account, asked),
            Relation::Equal(document) => document,
            Relation::FileNewer(document) => {
                adopt(vault, account, &document)?;
                let account = vault.get(&account.id)?;
                if asked.is_content_with_what_came(&account) {
                    return Ok(Outcome::Adopted);
                }
                document
            }
            Relation::FileOlder(document) => {
                let account = vault.get(&account.id)?;
                let newest = vault.unseal(&account)?.login().cloned();
                if account.state == LoginState::Alive {
                    self.write_file(vault, &account, files, locks, &document)?;
                }
                if asked.is_content_with(&account) {
                    return Ok(Outcome::Fresh);
                }
                newest.unwrap_or(document)
            }
        };
        let account = vault.get(&account.id)?;
        let outcome = self.renew_alone(vault, &account, asked)?;
        if outcome == Outcome::Renewed {
            self.write_file(vault, &vault.get(&account.id)?, files, locks, &present)?;
        }
        Ok(outcome)
    }

    /// Whether the user's own file holds another generation of this login than the vault.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn client_file_differs(&self, vault: &Vault, id: &AccountId) -> Result<bool, RenewError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let relation = relation(files, vault, &vault.get(id)?)?;
        Ok(matches!(
            relation,
            Relation::FileNewer(_) | Relation::FileOlder(_)
        ))
    }

    /// Puts the account's login into the user's own file, where the client has left only blank
    /// tokens; `false` if there is anything else by now.
    ///
    /// # Errors
    /// As [`RenewError`] says.
    pub fn fill_blank_client_file(
        &self,
        vault: &Vault,
        id: &AccountId,
    ) -> Result<bool, RenewError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let account = vault.get(id)?;
        let lease = Lease::acquire(vault.paths(), id, &account.name)?;
        let locks = ClientLocks::for_renewal(&files.directory)?;
        let unsealed = vault.unseal(&vault.get(id)?)?;
        let Some(login) = unsealed.login() else {
            return Ok(false);
        };
        let filled = locks.while_writing(|| files.fill_blank(login));
        drop((locks, lease));
        filled
    }

    /// Puts the user's own file and the vault on the same generation, without a request; `true` if
    /// either was behind.
    ///
    /// # Errors
    /// As [`RenewError`] says.
    pub fn sync_client_file(&self, vault: &Vault, id: &AccountId) -> Result<bool, RenewError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let account = vault.get(id)?;
        let lease = Lease::acquire(vault.paths(), id, &account.name)?;
        if !matches!(
            relation(files, vault, &account)?,
            Relation::FileNewer(_) | Relation::FileOlder(_)
        ) {
            return Ok(false);
        }
        let locks = ClientLocks::for_renewal(&files.directory)?;
        let account = vault.get(id)?;
        match relation(files, vault, &account)? {
            Relation::Unrelated | Relation::Equal(_) => return Ok(false),
            Relation::FileNewer(document) => adopt(vault, &account, &document)?,
            Relation::FileOlder(document) => {
                self.write_file(vault, &account, files, &locks, &document)?;
            }
        }
        session::publish(&self.runtime, vault, id);
        drop(lease);
        Ok(true)
    }

    fn write_file(
        &self,
        vault: &Vault,
        account: &Account,
        files: &ClientFiles,
        locks: &ClientLocks,
        present: &CredentialDocument,
    ) -> Result<(), RenewError> {
        let unsealed = vault.unseal(account)?;
        let Some(login) = unsealed.login() else {
            return Ok(());
        };
        locks.while_writing(|| files.replace_login(present, login))
    }

    /// Decides once more, and makes the request if it is needed.
    fn renew_alone(
        &self,
        vault: &Vault,
        account: &Account,
        asked: &Asked,
    ) -> Result<Outcome, RenewError> {
        let margin = match asked.want {
            Want::Left(margin) => margin,
            Want::New => Duration::MAX,
        };
        let facts = account.login_facts();
        let name = || account.name.clone();
        match decide(&facts, now(), margin) {
            Decision::SignInAgain { .. } => Err(refused(account)),
            Decision::NeverSignedIn => Err(RenewError::NeverSignedIn(name())),
            Decision::CannotRenew { .. } => Err(RenewError::NoRefreshToken(name())),
            Decision::Fresh if matches!(asked.want, Want::Left(_)) => Ok(Outcome::Fresh),
            Decision::Fresh if !facts.has_refresh_token => Err(RenewError::NoRefreshToken(name())),
            Decision::Fresh | Decision::Renew(_) => {
                self.spend(vault, account).map(|()| Outcome::Renewed)
            }
        }
    }

    /// Notes it, asks, and stores the answer before anything else.
    fn spend(&self, vault: &Vault, account: &Account) -> Result<(), RenewError> {
        let unsealed = vault.unseal(account)?;
        let Credential::Login(document) = &unsealed.credential else {
            return Err(RenewError::NeverSignedIn(account.name.clone()));
        };
        let unanswered = vault
            .pending_renewal(&account.id)?
            .is_some_and(|pending| pending.generation == account.generation);
        let mut rescue = vault.prepare_rescue(&account.id)?;
        vault.begin_renewal(&account.id, account.generation)?;
        let answer = match self.endpoint.renew(document) {
            Ok(answer) => answer,
            Err(error) => return Err(note_failure(vault, account, error, unanswered)?),
        };
        let login = renewed_login(document, &answer);
        let Err(source) = vault.store_login(&account.id, &login) else {
            return Ok(());
        };
        let name = account.name.clone();
        match vault.keep_rescued(&mut rescue, &account.id, account.generation, &login) {
            Ok(()) => Err(RenewError::KeptAside { name, source }),
            Err(_) => Err(RenewError::Lost { name, source }),
        }
    }
}

/// What was asked, and what was known then.
struct Asked {
    account: Account,
    at: Timestamp,
    want: Want,
}

impl Asked {
    fn is_content_with(&self, account: &Account) -> bool {
        match self.want {
            Want::New => false,
            Want::Left(margin) => decide(&account.login_facts(), now(), margin) == Decision::Fresh,
        }
    }

    /// Whether a login that came while we waited will do: any, where a new one was wanted.
    fn is_content_with_what_came(&self, account: &Account) -> bool {
        let margin = match self.want {
            Want::New => Duration::ZERO,
            Want::Left(margin) => margin,
        };
        decide(&account.login_facts(), now(), margin) == Decision::Fresh
    }

    /// A failure of another process while we waited is ours too: a hundred that wait must not
    /// make a hundred requests to a server that is down.
    fn failure_meanwhile(&self, account: &Account) -> Option<RenewError> {
        let attempt = account.attempt.as_ref()?;
        let known = self.account.attempt.as_ref();
        if known == Some(attempt) || attempt.at < self.at {
            return None;
        }
        Some(RenewError::Unavailable {
            name: account.name.clone(),
            reason: attempt.reason.clone(),
            retry_at: attempt.retry_at,
        })
    }
}

fn renewed_login(document: &CredentialDocument, answer: &TokenAnswer) -> NewLogin {
    NewLogin {
        document: document.renewed(answer, now()),
        identity: Identity::default(),
        lifetime: Some(answer.expires_in),
        cause: Cause::Renewed,
    }
}

/// Makes a generation that a client has renewed the account's present login. The caller holds the
/// account's [`Lease`].
///
/// # Errors
/// If the vault cannot be written.
pub fn adopt(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
) -> Result<(), VaultError> {
    let login = NewLogin {
        document: document.clone(),
        identity: Identity::default(),
        lifetime: None,
        cause: Cause::Adopted,
    };
    vault.store_login(&account.id, &login).map(drop)
}

/// Marks the account as the failure asks, and says so.
fn note_failure(
    vault: &Vault,
    account: &Account,
    error: EndpointError,
    unanswered: bool,
) -> Result<RenewError, RenewError> {
    let (reason, answered) = match error.kind {
        EndpointErrorKind::Answer(AnswerError::InvalidGrant) => {
            let reason = refusal_reason(unanswered);
            vault.mark_refused(&account.id, reason)?;
            return Ok(RenewError::SignInAgain {
                name: account.name.clone(),
                reason: reason.to_owned(),
            });
        }
        EndpointErrorKind::Answer(error @ AnswerError::Unintelligible(_)) => {
            (error.to_string(), false)
        }
        EndpointErrorKind::Answer(error) => (error.to_string(), true),
        EndpointErrorKind::NotSent(reason) => (reason, true),
        EndpointErrorKind::NoAnswer(reason) => (reason, false),
    };
    let failures = account
        .attempt
        .as_ref()
        .map_or(0, |attempt| attempt.failures)
        .saturating_add(1);
    let random = getrandom::u32().unwrap_or(u32::MAX);
    let at = now();
    let retry_at = at.plus(RetryPolicy::KEEPER.wait(failures, random, error.retry_after));
    let attempt = Attempt {
        failures,
        at,
        retry_at,
        reason: reason.clone(),
    };
    // An earlier renewal without an answer stays noted until the server has said something of it.
    vault.mark_failed(&account.id, &attempt, answered && !unanswered)?;
    Ok(RenewError::Unavailable {
        name: account.name.clone(),
        reason,
        retry_at,
    })
}

fn refusal_reason(unanswered: bool) -> &'static str {
    if unanswered {
        "an earlier renewal was cut off after its request had left, and the server has since given \
         the login to that request alone (invalid_grant)"
    } else {
        "the server no longer accepts this login (invalid_grant)"
    }
}

fn refused(account: &Account) -> RenewError {
    let reason = match &account.state {
        LoginState::SignInAgain { reason } => reason.clone(),
        LoginState::Alive => String::new(),
    };
    RenewError::SignInAgain {
        name: account.name.clone(),
        reason,
    }
}
