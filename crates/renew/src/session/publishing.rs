//! Views only ever go forward: what is written into one is what the vault has at that moment.
//!
//! The keeper, renewals and sign-ins write views, in several processes. Whoever has read a login
//! and is held up before he writes it could put an earlier generation over a later one. So a
//! login that is written into views is read while nobody else can write any: whoever has stored a
//! later one writes it after him. That is not the account's lease, which a renewal holds while the
//! token server hangs: damaged views are mended then too.

use std::time::Duration;

use model::AccountId;
use vault::{Unsealed, Vault};

use super::{Session, view};
use crate::lock_file::{LockFile, Locked};
use crate::{RenewError, RuntimeDirectory};

/// Whoever writes views takes milliseconds, unless he was stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// The right to write views of one runtime directory.
pub(crate) struct Publishing {
    _locked: Locked,
}

impl Publishing {
    /// Begins if nobody else is at it.
    ///
    /// # Errors
    /// If the lock file cannot be made.
    pub(crate) fn try_begin(runtime: &RuntimeDirectory) -> Result<Option<Self>, RenewError> {
        let locked = LockFile::open(runtime.views_lock())?.try_lock()?;
        Ok(locked.map(|locked| Self { _locked: locked }))
    }

    /// The same once nobody is, for whoever can wait.
    fn begin(runtime: &RuntimeDirectory) -> Result<Option<Self>, RenewError> {
        let locked = LockFile::open(runtime.views_lock())?.lock_within(PATIENCE)?;
        Ok(locked.map(|locked| Self { _locked: locked }))
    }

    /// Puts the account's present login into every view of it. What cannot be done is the keeper's
    /// to do, who tells: the login itself is safe.
    pub(crate) fn publish(&self, runtime: &RuntimeDirectory, vault: &Vault, id: &AccountId) {
        let unsealed = vault.get(id).and_then(|account| vault.unseal(&account));
        let Some(login) = unsealed.as_ref().ok().and_then(Unsealed::login) else {
            return;
        };
        for session in Session::all(runtime) {
            let has_own = || {
                let view = session.read_view();
                view.is_some_and(|view| !view::may_be_replaced(&view))
            };
            if &session.account() == id && !session.shows(login) && !has_own() {
                drop(session.write_view(self, login));
            }
        }
    }
}

/// Waits for its turn and does the same.
pub(crate) fn publish(runtime: &RuntimeDirectory, vault: &Vault, id: &AccountId) {
    if let Ok(Some(publishing)) = Publishing::begin(runtime) {
        publishing.publish(runtime, vault, id);
    }
}
