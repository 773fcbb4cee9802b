//! Renewals on threads of their own, at most one per account.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use model::{AccountId, RENEWAL_MARGIN};
use vault::{Account, VaultKey, VaultPaths};

use super::options::open_vault;
use crate::{KeeperOptions, Outcome, RenewError, Renewer, Want};

type Finished = (AccountId, Result<Outcome, RenewError>);

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
    pub(crate) fn new(options: &KeeperOptions) -> io::Result<Self> {
        Ok(Self {
            paths: options.paths.clone(),
            key: options.key.clone(),
            renewer: Arc::clone(&options.renewer),
            busy: BTreeSet::new(),
            results: mpsc::channel(),
            signal: io::pipe()?,
        })
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    pub(crate) fn is_busy_with(&self, account: &AccountId) -> bool {
        self.busy.contains(account)
    }

    pub(crate) fn renew(&mut self, account: &Account) {
        let Ok(mut signal) = self.signal.1.try_clone() else {
            return;
        };
        let (paths, key, renewer) = (
            self.paths.clone(),
            self.key.clone(),
            Arc::clone(&self.renewer),
        );
        let (id, results) = (account.id.clone(), self.results.0.clone());
        self.busy.insert(id.clone());
        std::thread::spawn(move || {
            let result = open_vault(&paths, key.as_ref())
                .map_err(RenewError::from)
                .and_then(|vault| renewer.renew(&vault, &id, Want::Left(RENEWAL_MARGIN)));
            // The keeper has gone if nobody listens.
            drop(results.send((id, result)));
            drop(signal.write_all(&[0]));
        });
    }

    pub(crate) fn finished(&mut self) -> Vec<Finished> {
        let mut byte = [0];
        drop(self.signal.0.read(&mut byte));
        let finished: Vec<Finished> = self.results.1.try_iter().collect();
        for (account, _) in &finished {
            self.busy.remove(account);
        }
        finished
    }
}

impl AsFd for Workers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signal.0.as_fd()
    }
}
