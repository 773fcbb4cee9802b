//! The locked-out owner's way in: a new password, set on the machine itself.

use model::Secret;
use thiserror::Error;
use vault::Vault;

use super::hash;
use super::password::{self, Password};
use super::{TOTP, cost};
use crate::clock;
use crate::store::{Entry, Store, StoreError};

/// What to do besides setting the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reset {
    /// Also remove codes, passkeys and recovery codes.
    pub remove_second_factors: bool,
    /// Also revoke every API token.
    pub revoke_tokens: bool,
}

/// Why nothing was reset.
#[derive(Debug, Error)]
pub enum ResetError {
    /// The new password will not do; the text says what would be better.
    #[error("this password is too easy to guess, or too long")]
    Password {
        /// What would be better.
        advice: String,
    },
    /// The vault cannot be read or written.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// `dashboard.db` cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password cannot be hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// Whether this password would do as a new one.
///
/// # Errors
/// [`ResetError::Password`] if not.
pub fn check_password(new: &Secret) -> Result<(), ResetError> {
    let strength = password::strength(&Password::new(new.clone()));
    match strength.acceptable {
        true => Ok(()),
        false => Err(ResetError::Password {
            advice: strength.feedback,
        }),
    }
}

/// Sets the dashboard's password, whether or not there was one. Every sign-in ends with the one
/// write that does it, also in a dashboard that is running; failed attempts are forgotten.
///
/// # Errors
/// [`ResetError`]; unless it is [`ResetError::Store`], nothing has changed.
pub fn reset_password(vault: &Vault, new: &Secret, reset: Reset) -> Result<(), ResetError> {
    check_password(new)?;
    let store = Store::open(vault.paths().directory())?;
    if reset.remove_second_factors {
        // Before the password: a reset that is cut off must not leave a new password behind old
        // factors that the owner believes gone.
        vault.set_sealed_setting(TOTP, None)?;
        store.remove_second_factors()?;
    }
    let hash = hash::make(&Password::new(new.clone()), cost());
    let hash = hash.map_err(|error| ResetError::Hash(error.message))?;
    loop {
        let before = vault.password_hash()?;
        if vault.replace_password_hash(before.as_deref(), Some(&hash))? {
            break;
        }
    }
    drop(store.replace_sign_ins(None)?);
    store.forget_attempts()?;
    if reset.revoke_tokens {
        revoke_tokens(vault, &store)?;
    }
    store.note(entry(reset));
    Ok(())
}

fn revoke_tokens(vault: &Vault, store: &Store) -> Result<(), ResetError> {
    store.remove_all_tokens()?;
    loop {
        let before = vault.api_token_hash()?;
        if vault.replace_api_token_hash(before.as_deref(), None)? {
            return Ok(());
        }
    }
}

fn entry(reset: Reset) -> Entry {
    let mut also = Vec::new();
    if reset.remove_second_factors {
        also.push("second factors removed");
    }
    if reset.revoke_tokens {
        also.push("tokens revoked");
    }
    Entry {
        id: 0,
        at: clock::now(),
        action: "password changed".to_owned(),
        account: None,
        detail: (!also.is_empty()).then(|| also.join(", ")),
        address: None,
        who: "this machine".to_owned(),
    }
}
