//! Renewals on threads of their own, at most one per account.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use model::AccountId;
use vault::{Account, VaultKey, VaultPaths};

use crate::vault_access::open_vault;
use crate::{Outcome, RenewError, Renewer, Want};

/// A renewal that has come to its end.
#[derive(Debug)]
pub struct Finished {
    /// Whose.
    pub account: AccountId,
    /// What came of it.
    pub result: Result<Outcome, Failure>,
}

/// Why one failed, without what cannot cross threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For people; holds no secret.
    pub reason: String,
    /// Whether the account's record tells when to try again.
    pub is_on_record: bool,
}

impl From<RenewError> for Failure {
    fn from(error: RenewError) -> Self {
        Self {
            reason: error.to_string(),
            is_on_record: error.is_on_record(),
        }
    }
}

pub(crate) struct Workers {
    paths: VaultPaths,
    key: Option<VaultKey>,
    renewer: Arc<Renewer>,
    busy: BTreeSet<AccountId>,
    results: (Sender<Finished>, Receiver<Finished>),
    /// One byte per result, so that the loop can wait for results along with everything else.
    signal: (PipeReader, PipeWriter),
}

impl Workers {
    pub(crate) fn new(
        paths: VaultPaths,
        key: Option<VaultKey>,
        renewer: Arc<Renewer>,
    ) -> io::Result<Self> {
        let signal = io::pipe()?;
        // Whoever asks for results when there are none is not to wait.
        rustix::io::ioctl_fionbio(&signal.0, true)?;
        Ok(Self {
            paths,
            key,
            renewer,
            busy: BTreeSet::new(),
            results: mpsc::channel(),
            signal,
        })
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    pub(crate) fn is_busy_with(&self, account: &AccountId) -> bool {
        self.busy.contains(account)
    }

    /// Starts a renewal.
    ///
    /// # Errors
    /// If the system gives no thread or descriptor for it.
    pub(crate) fn renew(&mut self, account: &Account, want: Want) -> io::Result<()> {
        let mut signal = self.signal.1.try_clone()?;
        let (paths, key, renewer) = (
            self.paths.clone(),
            self.key.clone(),
            Arc::clone(&self.renewer),
        );
        let (id, results) = (account.id.clone(), self.results.0.clone());
        let work = move || {
            let renewed = AssertUnwindSafe(|| renew(&paths, key.as_ref(), &renewer, &id, want));
            // A renewal without an end would keep its account from ever being renewed again.
            let result = catch_unwind(renewed).unwrap_or_else(|_| Err(panicked()));
            // The keeper has gone if nobody listens.
            let account = id.clone();
            drop(results.send(Finished { account, result }));
            drop(signal.write_all(&[0]));
        };
        std::thread::Builder::new().spawn(work)?;
        self.busy.insert(account.id.clone());
        Ok(())
    }

    pub(crate) fn finished(&mut self) -> Vec<Finished> {
        let mut byte = [0];
        drop(self.signal.0.read(&mut byte));
        let finished: Vec<Finished> = self.results.1.try_iter().collect();
        for one in &finished {
            self.busy.remove(&one.account);
        }
        finished
    }
}

fn renew(
    paths: &VaultPaths,
    key: Option<&VaultKey>,
    renewer: &Renewer,
    id: &AccountId,
    want: Want,
) -> Result<Outcome, Failure> {
    let vault = open_vault(paths, key).map_err(RenewError::from)?;
    Ok(renewer.renew(&vault, id, want)?)
}

fn panicked() -> Failure {
    Failure {
        reason: "the renewal broke down; please report this".to_owned(),
        is_on_record: false,
    }
}

impl AsFd for Workers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signal.0.as_fd()
    }
}
