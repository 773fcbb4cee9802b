//! The password and the first API token, as the vault has them at this moment.

use std::sync::{Mutex, PoisonError};

use vault::{Vault, VaultError};

use crate::error::ApiError;
use crate::sign_in::TOTP;
use crate::store::Digest;

/// What the vault's settings say. Read again only when another connection has written to it.
pub(crate) struct InForce {
    known: Mutex<Known>,
}

struct Known {
    vault: Vault,
    /// `None` before the first look.
    version: Option<i64>,
    state: State,
}

/// See [`InForce`].
#[derive(Clone, Copy)]
pub(crate) struct State {
    /// The fingerprint of the password's hash; `None` before set-up.
    pub(crate) password: Option<Digest>,
    /// The hash of the token that set-up showed; `None` if it was revoked.
    pub(crate) first_token: Option<Digest>,
    /// Whether a sign-in needs a code.
    pub(crate) has_totp: bool,
}

impl InForce {
    pub(super) fn new(vault: Vault) -> Self {
        let state = State {
            password: None,
            first_token: None,
            has_totp: false,
        };
        Self {
            known: Mutex::new(Known {
                vault,
                version: None,
                state,
            }),
        }
    }

    /// # Errors
    /// If the vault cannot be read.
    pub(crate) fn now(&self) -> Result<State, ApiError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for before it is read: what is written in between is seen the next time.
        let version = known.vault.data_version()?;
        if known.version != Some(version) {
            known.state = read(&known.vault)?;
            known.version = Some(version);
        }
        Ok(known.state)
    }
}

fn read(vault: &Vault) -> Result<State, VaultError> {
    let password = vault.password_hash()?;
    let first_token = vault.api_token_hash()?;
    let has_totp = vault.has_sealed_setting(TOTP)?;
    Ok(State {
        password: password.map(|hash| Digest::of(hash.as_bytes())),
        first_token: first_token.and_then(|digits| Digest::parse(&digits)),
        has_totp,
    })
}
