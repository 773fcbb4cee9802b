//! A login as it is stored: what is known of it, how it came, what is sealed of it.

use std::time::Duration;

use model::{CredentialDocument, Identity, Timestamp};
use serde_json::{Value, json};

use crate::columns::stored_moment;
use crate::sealer::Sealer;

/// A login to become the account's present one.
#[derive(Clone, Debug)]
pub struct NewLogin {
    /// The whole document.
    pub document: CredentialDocument,
    /// Whose login it is. An unknown one leaves the one on record, unless the cause is one that
    /// may bring somebody else's login: then nothing is known any more.
    pub identity: Identity,
    /// How long its access token lives, if we saw it issued.
    pub lifetime: Option<Duration>,
    /// How it came here.
    pub cause: Cause,
}

/// How a login came to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Taken from a credential file.
    Captured,
    /// Signed in to for this account.
    SignedIn,
    /// Renewed at the token endpoint by us.
    Renewed,
    /// Renewed by the client; found in the user's own credential file.
    Adopted,
    /// Found in a session's view, where somebody had signed in.
    SignedInInSession,
    /// Found there too, and not made the present one: it was not shown to be the same person's.
    KeptAside,
    /// From an import.
    Imported,
    /// An earlier generation made present again.
    Restored,
    /// Written into the database by another program.
    AnotherProgram,
}

impl Cause {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Captured, "captured"),
        (Self::SignedIn, "signed in"),
        (Self::Renewed, "renewed"),
        (Self::Adopted, "adopted"),
        (Self::SignedInInSession, "signed in in a session"),
        (Self::KeptAside, "kept aside"),
        (Self::Imported, "imported"),
        (Self::Restored, "restored"),
        (Self::AnotherProgram, "another program"),
    ];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(cause, _)| *cause == self)
            .map_or("", |(_, text)| text)
    }

    /// Whether the login may be another one than before, and not the same one with new tokens.
    pub(crate) fn may_bring_another_login(self) -> bool {
        match self {
            Self::Captured
            | Self::SignedIn
            | Self::SignedInInSession
            | Self::KeptAside
            | Self::Imported => true,
            Self::Renewed | Self::Adopted | Self::Restored | Self::AnotherProgram => false,
        }
    }

    pub(crate) fn from_stored(text: &str) -> Self {
        Self::ALL
            .iter()
            .find(|(_, stored)| *stored == text)
            .map_or(Self::AnotherProgram, |(cause, _)| *cause)
    }
}

/// Failures to renew, since the last success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How many in a row.
    pub failures: u32,
    /// When the last one ended.
    pub at: Timestamp,
    /// Not before this is it tried again by itself.
    pub retry_at: Timestamp,
    /// For people; holds no secret.
    pub reason: String,
}

impl Attempt {
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self {
            failures: u32::try_from(value.get("failures")?.as_u64()?).ok()?,
            at: Timestamp::from_millis(value.get("at")?.as_i64()?),
            retry_at: Timestamp::from_millis(value.get("retry_at")?.as_i64()?),
            reason: value.get("reason")?.as_str()?.to_owned(),
        })
    }

    pub(crate) fn to_stored(&self) -> String {
        json!({"failures": self.failures, "at": self.at.as_millis(),
            "retry_at": self.retry_at.as_millis(), "reason": self.reason})
        .to_string()
    }
}

/// The three sealed columns of a login, and its expiry in epoch milliseconds (0 for unknown).
pub(crate) struct SealedLogin {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) document: String,
    pub(crate) expires_at: i64,
}

impl SealedLogin {
    pub(crate) fn seal(sealer: &Sealer, login: &NewLogin) -> Self {
        let rest = zeroize::Zeroizing::new(login.document.without_tokens().to_bytes());
        let rest = std::str::from_utf8(&rest).expect("serde_json writes UTF-8");
        Self {
            access_token: sealer.seal_secret(&login.document.access_token()),
            refresh_token: sealer.seal_secret(&login.document.refresh_token()),
            document: sealer.seal(rest),
            expires_at: stored_moment(login.document.expires_at()),
        }
    }
}
