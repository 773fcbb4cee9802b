//! The logins that a token server knows: which refresh token may still be spent, and once only. No I/O.

use crate::documents;
use serde_json::Value;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A login as the server hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedLogin {
    /// What it was issued for: a test's own name for it.
    pub subject: String,
    /// `sk-ant-oat01-FAKE…`
    pub access_token: String,
    /// `sk-ant-ort01-FAKE…`
    pub refresh_token: String,
    /// Seconds from now until the access token expires.
    pub expires_in_seconds: u64,
    /// Scopes joined by spaces.
    pub scope: String,
}

impl IssuedLogin {
    /// The client's `.credentials.json` for this login.
    #[must_use]
    pub fn credentials(&self) -> Value {
        self.credentials_expiring_at(documents::now_ms() + self.expires_in_seconds * 1000)
    }

    /// The same with an `expiresAt` of its own, in milliseconds since the epoch.
    #[must_use]
    pub fn credentials_expiring_at(&self, expires_at_ms: u64) -> Value {
        documents::credentials(&self.access_token, &self.refresh_token, expires_at_ms)
    }
}

/// Why a refresh token bought nothing: used before, revoked or never issued. The answer is always `invalid_grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidGrant;

#[derive(Debug)]
struct Chain {
    subject: String,
    refresh_tokens: Vec<String>,
    access_tokens: Vec<String>,
    revoked: bool,
}

/// Every chain of tokens: each begins with a sign-in and grows by one at each renewal.
#[derive(Debug)]
pub struct TokenBook {
    chains: Vec<Chain>,
    expired_access: HashSet<String>,
    serial: u64,
    salt: u64,
    revoke_on_reuse: bool,
}

impl Default for TokenBook {
    fn default() -> TokenBook {
        // The standard library's random hash keys: tokens of two servers never meet, without a dependency.
        let salt = RandomState::new().hash_one("token book");
        TokenBook {
            chains: Vec::new(),
            expired_access: HashSet::new(),
            serial: 0,
            salt,
            revoke_on_reuse: false,
        }
    }
}

impl TokenBook {
    /// Begins a new chain.
    pub fn issue(&mut self, subject: &str, expires_in_seconds: u64) -> IssuedLogin {
        let (access_token, refresh_token) = self.next_tokens(subject);
        self.chains.push(Chain {
            subject: subject.to_owned(),
            refresh_tokens: vec![refresh_token.clone()],
            access_tokens: vec![access_token.clone()],
            revoked: false,
        });
        issued(subject, access_token, refresh_token, expires_in_seconds)
    }

    /// Spends `refresh_token`, which buys nothing ever after.
    ///
    /// # Errors
    /// [`InvalidGrant`] for a token that is not the newest of a living chain.
    pub fn spend(
        &mut self,
        refresh_token: &str,
        expires_in_seconds: u64,
    ) -> Result<IssuedLogin, InvalidGrant> {
        let index = self.spendable(refresh_token)?;
        let subject = self.chains[index].subject.clone();
        let (access_token, refresh_token) = self.next_tokens(&subject);
        self.chains[index]
            .refresh_tokens
            .push(refresh_token.clone());
        self.chains[index].access_tokens.push(access_token.clone());
        Ok(issued(
            &subject,
            access_token,
            refresh_token,
            expires_in_seconds,
        ))
    }

    /// Buys an access token with `refresh_token`, which stays good: a server that does not rotate.
    ///
    /// # Errors
    /// As [`TokenBook::spend`].
    pub fn use_without_spending(
        &mut self,
        refresh_token: &str,
        expires_in: u64,
    ) -> Result<IssuedLogin, InvalidGrant> {
        let index = self.spendable(refresh_token)?;
        let subject = self.chains[index].subject.clone();
        let (access_token, _) = self.next_tokens(&subject);
        self.chains[index].access_tokens.push(access_token.clone());
        Ok(issued(
            &subject,
            access_token,
            refresh_token.to_owned(),
            expires_in,
        ))
    }

    /// Whether spending a used token ends its whole chain, as servers that detect reuse do. Off at first.
    pub fn set_revoke_on_reuse(&mut self, revoke: bool) {
        self.revoke_on_reuse = revoke;
    }

    /// Ends every chain that `token` (access or refresh) belongs to.
    pub fn revoke_token(&mut self, token: &str) {
        for chain in &mut self.chains {
            if [&chain.refresh_tokens, &chain.access_tokens]
                .iter()
                .any(|tokens| tokens.iter().any(|held| held == token))
            {
                chain.revoked = true;
            }
        }
    }

    /// Ends every chain of `subject`.
    pub fn revoke_subject(&mut self, subject: &str) {
        for chain in self
            .chains
            .iter_mut()
            .filter(|chain| chain.subject == subject)
        {
            chain.revoked = true;
        }
    }

    /// Makes one access token unknown from now on; its chain lives on.
    pub fn expire_access(&mut self, access_token: &str) {
        self.expired_access.insert(access_token.to_owned());
    }

    /// Newest access and refresh token of the newest chain of `subject`.
    #[must_use]
    pub fn current(&self, subject: &str) -> Option<(String, String)> {
        let chain = self
            .chains
            .iter()
            .rev()
            .find(|chain| chain.subject == subject)?;
        Some((
            chain.access_tokens.last()?.clone(),
            chain.refresh_tokens.last()?.clone(),
        ))
    }

    /// Whether `token` would buy a new access token now.
    #[must_use]
    pub fn is_current_refresh(&self, token: &str) -> bool {
        self.chains.iter().any(|chain| {
            !chain.revoked
                && chain
                    .refresh_tokens
                    .last()
                    .is_some_and(|newest| newest == token)
        })
    }

    /// Whether `token` was handed out by a chain that lives and was not expired by hand. Older access tokens of a chain stay
    /// good after a renewal, as running sessions need them to; the passing of time does not matter.
    #[must_use]
    pub fn is_valid_access(&self, token: &str) -> bool {
        let held =
            |chain: &Chain| !chain.revoked && chain.access_tokens.iter().any(|held| held == token);
        !self.expired_access.contains(token) && self.chains.iter().any(held)
    }

    fn spendable(&mut self, refresh_token: &str) -> Result<usize, InvalidGrant> {
        let holds = |chain: &Chain| {
            chain
                .refresh_tokens
                .iter()
                .any(|held| held == refresh_token)
        };
        let index = self.chains.iter().position(holds).ok_or(InvalidGrant)?;
        let chain = &mut self.chains[index];
        if chain.revoked {
            return Err(InvalidGrant);
        }
        if chain
            .refresh_tokens
            .last()
            .is_some_and(|newest| newest == refresh_token)
        {
            return Ok(index);
        }
        chain.revoked = self.revoke_on_reuse;
        Err(InvalidGrant)
    }

    fn next_tokens(&mut self, subject: &str) -> (String, String) {
        self.serial += 1;
        let readable: String = subject
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let tail = format!("{readable}-{:016x}-{readable}{:03}", self.salt, self.serial);
        (
            format!("sk-ant-oat01-FAKE{tail}"),
            format!("sk-ant-ort01-FAKE{tail}"),
        )
    }
}

fn issued(
    subject: &str,
    access_token: String,
    refresh_token: String,
    expires_in_seconds: u64,
) -> IssuedLogin {
    let scope = documents::SCOPES.join(" ");
    IssuedLogin {
        subject: subject.to_owned(),
        access_token,
        refresh_token,
        expires_in_seconds,
        scope,
    }
}
