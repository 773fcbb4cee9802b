//! The account that the session brings along, as every agent is told of it.

use live::control::{Account, Failure, Reply, Request};
use tokio::sync::watch;

/// How far the server has the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Brought {
    /// The server has been asked, or cannot be now; or nothing was brought.
    #[default]
    Asked,
    /// Everything that is started there has it.
    There,
    /// The same, but that somebody has signed in where the login would be.
    SignedIn,
    /// It cannot be had. The words are the server's: make them printable before they are shown.
    Failed(Failure),
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct SessionAccount {
    account: Option<Account>,
    /// The number of the wish that says how far the server has it.
    wish: u64,
    brought: watch::Sender<Brought>,
}

impl SessionAccount {
    /// What the server is to be asked, with the number `wish`.
    pub(super) fn set(&mut self, wish: u64, account: Account) -> Request {
        self.wish = wish;
        self.account = Some(account.clone());
        Request::Account(account)
    }

    /// The same of an agent that knows of nothing.
    pub(super) fn begin_anew(&mut self, wish: u64) -> Option<Request> {
        let account = self.account.clone()?;
        self.brought.send_replace(Brought::Asked);
        Some(self.set(wish, account))
    }

    pub(super) fn told(&self) -> watch::Receiver<Brought> {
        self.brought.subscribe()
    }

    pub(super) fn is_asked_with(&self, wish: u64) -> bool {
        self.account.is_some() && self.wish == wish
    }

    pub(super) fn replied(&self, reply: Result<Reply, Failure>) {
        self.brought.send_replace(match reply {
            Ok(Reply::SignedIn) => Brought::SignedIn,
            Ok(_) => Brought::There,
            Err(failure) => Brought::Failed(failure),
        });
    }
}
