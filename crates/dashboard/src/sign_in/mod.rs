//! Set-up, passwords, second factors, limits.
//!
//! Every attempt is reserved before anything is looked at ([`attempt::attempt`]): what is wrong counts,
//! what is right is given back.

use vault::Vault;

use crate::error::ApiError;
use crate::store::Digest;
use hash::Cost;
use model::Secret;
use passkeys::{Asserting, Registering};
use pending::Pending;
use slots::Slots;

pub(crate) mod attempt;
pub(crate) mod check;
pub(crate) mod flow;
mod hash;
pub(crate) mod passkeys;
pub(crate) mod password;
mod pending;
pub(crate) mod random;
pub(crate) mod recovery;
pub(crate) mod reset;
pub(crate) mod set_up;
mod slots;
pub(crate) mod totp;
pub(crate) mod werkzeug;

/// Where the vault keeps the secret of the codes, sealed.
pub(crate) const TOTP: &str = "totp";

/// So many passwords are hashed at once: each takes 64 MiB.
const HASHED_AT_ONCE: usize = 2;
/// So many wait for that.
const WAITING: usize = 16;

/// What signing in needs to remember.
pub(crate) struct SignIn {
    /// Hashing.
    pub(crate) slots: Slots,
    /// Estimating strength, which must not hold up those who sign in.
    estimates: Slots,
    cost: Cost,
    /// The one-time code for a first set-up from elsewhere; `None` where that is done.
    setup_code: Option<String>,
    pub(crate) registering: Pending<Registering>,
    pub(crate) asserting: Pending<Asserting>,
    /// Secrets of codes that are not in force yet, by who made them.
    pub(crate) totp_secrets: Pending<Secret>,
}

impl SignIn {
    pub(crate) fn new(vault: &Vault) -> Result<Self, ApiError> {
        let is_set_up = vault.password_hash()?.is_some();
        Ok(Self {
            slots: Slots::new(HASHED_AT_ONCE, WAITING),
            estimates: Slots::new(1, WAITING),
            cost: cost(),
            setup_code: (!is_set_up).then(random::readable::<20>).transpose()?,
            registering: Pending::new(),
            asserting: Pending::new(),
            totp_secrets: Pending::new(),
        })
    }

    /// What to show on the machine itself, for a first set-up from another one. `None` if the
    /// set-up was done when the dashboard was opened.
    pub(crate) fn setup_code(&self) -> Option<&str> {
        self.setup_code.as_deref()
    }

    /// Compared in constant time.
    fn is_setup_code(&self, typed: &str) -> bool {
        let code = self.setup_code.as_deref().unwrap_or_default();
        let (code, typed) = (random::as_made(code), random::as_made(typed));
        let is_same = Digest::of(code.as_bytes()).is_same(&Digest::of(typed.as_bytes()));
        is_same && !code.is_empty()
    }
}

#[cfg(not(test))]
fn cost() -> Cost {
    Cost::RECOMMENDED
}

#[cfg(test)]
fn cost() -> Cost {
    Cost::OF_TESTS
}
