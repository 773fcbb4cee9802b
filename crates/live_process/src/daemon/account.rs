//! The account that a session brings along: the session of the vault's keeper that this process is, and each new view of it
//! on its way to the server.
//!
//! The vault is not opened here, and no refresh token is ever in this process: the keeper renews, and what it shows is sent.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use live::Bytes;
use live::control::{Account, Failure};
use live_session::laptop::{Brought, Publisher};
use model::{CredentialDocument, Secret, printable};
use renew::{NewSession, SessionKind, ViewWatch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{DaemonError, detached};
use crate::brought::{BroughtAccount, BroughtLogin};
use crate::local::{AccountState, AccountStatus};

/// A change of the view is noticed by then, also if the system does not tell.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// See the head of this file.
pub(super) struct SessionAccount {
    name: String,
    login: Option<String>,
    brought: watch::Receiver<Brought>,
    /// What the keeper knows of; the end of the thread that looks at it.
    session: Mutex<Option<(NewSession, OwnedFd)>>,
}

impl SessionAccount {
    /// Has the server know of `account`, now and whenever the keeper has renewed its login.
    pub(super) fn begin(
        account: BroughtAccount,
        publisher: &Arc<Publisher>,
    ) -> Result<Self, DaemonError> {
        let BroughtAccount {
            name,
            environment,
            login,
        } = account;
        let id = login.as_ref().map(|login| login.account.to_string());
        let session = match login {
            Some(login) => Some(show(login, environment, publisher)?),
            None => {
                publisher.set_account(told(&environment, None));
                None
            }
        };
        Ok(Self {
            name,
            login: id,
            brought: publisher.brought(),
            session: Mutex::new(session),
        })
    }

    pub(super) fn status(&self) -> AccountStatus {
        let state = match &*self.brought.borrow() {
            Brought::Asked => AccountState::Asked,
            Brought::There => AccountState::There,
            Brought::SignedIn => AccountState::SignedIn,
            Brought::Failed(failure) => AccountState::Failed(Failure {
                message: printable(&failure.message),
                hint: printable(&failure.hint),
            }),
        };
        AccountStatus {
            name: self.name.clone(),
            login: self.login.clone(),
            state,
        }
    }

    /// Waits until the server has it: nothing is to be started there as somebody else.
    pub(super) async fn is_there(&self) -> Result<(), Failure> {
        let mut brought = self.brought.clone();
        let known = brought.wait_for(|brought| *brought != Brought::Asked).await;
        match known.as_deref() {
            Ok(Brought::Failed(failure)) => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// The keeper need not renew it any more, and its view here is gone.
    pub(super) fn end(&self) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        drop(session.take());
    }
}

/// Makes the session that the keeper is to find, and shows its view to the server from now on.
fn show(
    login: BroughtLogin,
    environment: Vec<(String, Secret)>,
    publisher: &Arc<Publisher>,
) -> Result<(NewSession, OwnedFd), DaemonError> {
    let kind = SessionKind::SecureStorage;
    let session = NewSession::create(&login.runtime, &login.account, kind, &login.view);
    let session = session.map_err(|error| io::Error::other(error.to_string()))?;
    let watched = ViewWatch::new(&session)?;
    let (ended, end) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
    let publisher = Arc::clone(publisher);
    let mut shown = login.view;
    publisher.set_account(told(&environment, Some(&shown)));
    let look = move || {
        while is_running(&watched, &ended) {
            let Some(view) = watched.read().filter(|view| *view != shown) else {
                continue;
            };
            if !view.refresh_token().is_empty() {
                // Nobody signs in where no client runs. The keeper makes a view of it again.
                detached::log("the login here has a refresh token now, and is not sent");
                continue;
            }
            publisher.set_account(told(&environment, Some(&view)));
            detached::log("the account's login was renewed");
            shown = view;
        }
    };
    thread::Builder::new()
        .name("account".to_owned())
        .spawn(look)?;
    Ok((session, end))
}

/// Waits until the view may have changed; `false` once nobody is interested any more.
fn is_running(watched: &ViewWatch, ended: &OwnedFd) -> bool {
    let mut descriptors = [
        PollFd::new(watched, PollFlags::IN),
        PollFd::new(ended, PollFlags::IN),
    ];
    match poll(
        &mut descriptors,
        Timespec::try_from(LONGEST_WAIT).ok().as_ref(),
    ) {
        Ok(_) | Err(Errno::INTR) => descriptors[1].revents().is_empty(),
        Err(error) => {
            detached::log(&format!("the account is not looked at any more: {error}"));
            false
        }
    }
}

/// As the server is told. What is wiped when dropped stays so; copies on the way are ssh's.
fn told(environment: &[(String, Secret)], view: Option<&CredentialDocument>) -> Account {
    let pair = |(name, value): &(String, Secret)| {
        let value = Zeroizing::new(value.expose().as_bytes().to_vec());
        (Bytes::from(name.clone()), Bytes::from_owner(value))
    };
    Account {
        environment: environment.iter().map(pair).collect(),
        document: view.map(|view| Bytes::from_owner(Zeroizing::new(view.view().to_bytes()))),
    }
}
