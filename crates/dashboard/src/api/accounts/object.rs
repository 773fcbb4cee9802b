//! An account as the API tells of it. Holds no secret but masked.

use launch::readiness::{Held, Readiness, State, judge, renews_at};
use model::{AuthType, CredentialDocument, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vault::{Account, Credential, Unsealed, Vault, VaultError};

use crate::error::ApiError;

const MINUTE: i64 = 60_000;

/// Key or login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthKind {
    /// A key from the vendor's console.
    ApiKey,
    /// A login, with tokens that end and are renewed.
    Oauth,
}

impl From<AuthType> for AuthKind {
    fn from(auth_type: AuthType) -> Self {
        match auth_type {
            AuthType::ApiKey => Self::ApiKey,
            AuthType::OAuth => Self::Oauth,
        }
    }
}

impl From<AuthKind> for AuthType {
    fn from(kind: AuthKind) -> Self {
        match kind {
            AuthKind::ApiKey => Self::ApiKey,
            AuthKind::Oauth => Self::OAuth,
        }
    }
}

/// Whether an account can be launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountState {
    /// It can.
    Ok,
    /// Its token has ended; a launch renews it where that can be done.
    Expired,
    /// Only a new sign-in helps.
    SignInAgain,
    /// It has neither key nor login.
    NoCredential,
    /// Its record cannot be opened.
    Damaged,
}

impl From<State> for AccountState {
    fn from(state: State) -> Self {
        match state {
            State::Ok => Self::Ok,
            State::Expired => Self::Expired,
            State::SignInAgain => Self::SignInAgain,
            State::NoCredential => Self::NoCredential,
            State::Damaged => Self::Damaged,
        }
    }
}

/// How an access token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenStatus {
    /// It has not ended.
    Valid,
    /// It has.
    Expired,
    /// Nobody knows when it ends.
    NoExpiry,
}

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AccountObject {
    /// Permanent.
    pub(crate) id: String,
    /// As it was stored; another program may have stored anything.
    pub(crate) name: String,
    pub(crate) auth_type: AuthKind,
    /// `YYYY-MM-DD HH:MM:SS` in UTC.
    pub(crate) created_at: String,
    /// The same form; null if it was never launched.
    #[schema(required)]
    pub(crate) last_used: Option<String>,
    /// When the access token ends, in epoch milliseconds; 0 if that is not known.
    pub(crate) expires_at: i64,
    /// For people to tell secrets apart; empty if there is none.
    pub(crate) masked_key: String,
    /// Of a login: whether it has a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub(crate) has_refresh: Option<bool>,
    /// Of a login with an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub(crate) token_status: Option<TokenStatus>,
    /// Of a valid token: whole minutes until its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub(crate) expires_in_min: Option<i64>,
    pub(crate) state: AccountState,
    /// Why it is in that state; null if it is ok.
    #[schema(required)]
    pub(crate) reason: Option<String>,
    /// `max`, `pro`, `team`, …
    #[schema(required)]
    pub(crate) plan: Option<String>,
    #[schema(required)]
    pub(crate) email: Option<String>,
    #[schema(required)]
    pub(crate) organization: Option<String>,
    /// Whether it is taken where no directory is bound.
    #[serde(rename = "default")]
    pub(crate) is_default: bool,
    /// Directories bound to it.
    pub(crate) bindings: Vec<String>,
    /// Counts up with every login that is stored; 0 before the first.
    pub(crate) generation: i64,
    /// Epoch milliseconds.
    #[schema(required)]
    pub(crate) renewed_at: Option<i64>,
    /// When the keeper would renew it, in epoch milliseconds.
    #[schema(required)]
    pub(crate) renews_at: Option<i64>,
    /// Why the last renewal failed; null once one has succeeded.
    #[schema(required)]
    pub(crate) last_error: Option<String>,
    /// Names of the variables that go with it.
    pub(crate) environment: Vec<String>,
    /// Terminal sessions that run with it.
    pub(crate) sessions: usize,
}

/// What opening the secrets of an account has shown.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    held: Held,
    masked: String,
    plan: Option<String>,
    email: Option<String>,
    organization: Option<String>,
    variables: Vec<String>,
}

impl Opened {
    /// Opens one account. A damaged record is a state, not a failure.
    ///
    /// # Errors
    /// If the key is not to be had.
    pub(crate) fn open(vault: &Vault, account: &Account) -> Result<Self, ApiError> {
        match vault.unseal(account) {
            Ok(unsealed) => Ok(Self::of(unsealed)),
            Err(VaultError::Damaged { part, .. }) => Ok(Self::empty(Held::Damaged(part))),
            // Removed since it was read: the next reading leaves it out.
            Err(VaultError::NotFound { .. }) => Ok(Self::empty(Held::Nothing)),
            Err(error) => Err(error.into()),
        }
    }

    fn of(unsealed: Unsealed) -> Self {
        let held = Held::of(&unsealed);
        let masked = match &unsealed.credential {
            Credential::None => String::new(),
            Credential::ApiKey(key) => masked_key(key),
            Credential::Login(document) => masked_key(&document.access_token()),
        };
        Self {
            held,
            masked,
            plan: unsealed.login().and_then(CredentialDocument::plan),
            email: unsealed.identity.email,
            organization: unsealed.identity.organization,
            variables: unsealed
                .environment
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
        }
    }

    fn empty(held: Held) -> Self {
        Self {
            held,
            masked: String::new(),
            plan: None,
            email: None,
            organization: None,
            variables: Vec::new(),
        }
    }
}

/// What is known beside an account's own record.
pub(crate) struct Around<'a> {
    pub(crate) is_default: bool,
    pub(crate) bindings: Vec<String>,
    pub(crate) sessions: usize,
    pub(crate) now: Timestamp,
    pub(crate) opened: &'a Opened,
}

impl AccountObject {
    pub(crate) fn new(account: &Account, around: Around<'_>) -> Self {
        let opened = around.opened;
        let is_login = account.auth_type == AuthType::OAuth;
        let facts = account.login_facts();
        let Readiness { state, reason } = judge(opened.held, &facts, around.now);
        let ends_at = account.expires_at.filter(|_| is_login);
        let has_token = is_login && facts.has_access_token;
        let token_status = has_token.then(|| token_status(ends_at, around.now));
        let is_valid = token_status == Some(TokenStatus::Valid);
        let reason = Some(reason).filter(|text| !text.is_empty());
        Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            auth_type: account.auth_type.into(),
            created_at: account.created_at.clone(),
            last_used: account.last_used.clone(),
            expires_at: ends_at.map_or(0, Timestamp::as_millis),
            masked_key: opened.masked.clone(),
            has_refresh: is_login.then_some(facts.has_refresh_token),
            token_status,
            expires_in_min: ends_at
                .filter(|_| is_valid)
                .map(|at| minutes_until(at, around.now)),
            state: state.into(),
            reason,
            plan: opened.plan.clone(),
            email: opened.email.clone(),
            organization: opened.organization.clone(),
            is_default: around.is_default,
            bindings: around.bindings,
            generation: account.generation,
            renewed_at: account.renewed_at.map(Timestamp::as_millis),
            renews_at: renewal(account, is_login),
            last_error: account
                .attempt
                .as_ref()
                .map(|attempt| attempt.reason.clone()),
            environment: opened.variables.clone(),
            sessions: around.sessions,
        }
    }
}

/// When it would be renewed: not before the end of the wait after a failure.
fn renewal(account: &Account, is_login: bool) -> Option<i64> {
    let at = renews_at(&account.login_facts()).filter(|_| is_login)?;
    let retry_at = account.attempt.as_ref().map(|attempt| attempt.retry_at);
    Some(at.max(retry_at.unwrap_or(at)).as_millis())
}

fn token_status(ends_at: Option<Timestamp>, now: Timestamp) -> TokenStatus {
    match ends_at {
        None => TokenStatus::NoExpiry,
        Some(at) if at <= now => TokenStatus::Expired,
        Some(_) => TokenStatus::Valid,
    }
}

/// Whole minutes from `now` to `at`; negative if that is past.
pub(crate) fn minutes_until(at: Timestamp, now: Timestamp) -> i64 {
    at.as_millis()
        .saturating_sub(now.as_millis())
        .div_euclid(MINUTE)
}

/// The kind's public prefix and the last six characters, as existing clients show it; the prefix
/// alone where six characters would be a large part of the whole.
pub(crate) fn masked_key(secret: &Secret) -> String {
    const SHOWN: usize = 6;
    const SHORTEST_WITH_TAIL: usize = 30;
    const LOGIN_KINDS: [&str; 2] = ["sk-ant-oat01-", "sk-ant-ort01-"];
    const FAMILY: &str = "sk-ant-";
    let text = secret.expose();
    if text.is_empty() {
        return String::new();
    }
    let kinds = LOGIN_KINDS.iter().chain([&FAMILY]);
    let prefix = kinds
        .copied()
        .find(|kind| text.starts_with(kind))
        .unwrap_or_default();
    let length = text.chars().count();
    if length < SHORTEST_WITH_TAIL {
        return format!("{prefix}...");
    }
    let tail: String = text.chars().skip(length - SHOWN).collect();
    format!("{prefix}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_six_characters_of_what_is_long() {
        let mask = |text: &str| masked_key(&Secret::new(text));
        assert_eq!(
            mask("sk-ant-api03-FAKEaaaaaaaaaaaaaaabc123"),
            "sk-ant-...abc123"
        );
        assert_eq!(
            mask("sk-ant-oat01-FAKEaaaaaaaaaaaaaaabc123"),
            "sk-ant-oat01-...abc123"
        );
        assert_eq!(mask("a-gateway's-key-of-30-characters"), "...acters");
        assert_eq!(mask("sk-ant-short"), "sk-ant-...");
        assert_eq!(mask("short"), "...");
        assert_eq!(mask(""), "");
    }

    #[test]
    fn minutes_are_whole_and_never_overflow() {
        let at = Timestamp::from_millis;
        assert_eq!(minutes_until(at(119_999), at(0)), 1);
        assert_eq!(minutes_until(at(0), at(1)), -1);
        assert_eq!(minutes_until(at(i64::MAX), at(i64::MIN)), i64::MAX / MINUTE);
    }
}
