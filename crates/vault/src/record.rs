//! One account as it stands in the database.

use std::time::Duration;

use model::{
    AccountId, AuthType, CredentialDocument, Identity, LoginFacts, LoginState, Secret, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::{Map, Value};

use crate::columns::{integer, moment, text};
use crate::login::Attempt;
use crate::sealer::Sealer;
use crate::{Vault, VaultError};

/// How many rotations in a row a reader follows before it takes a record for damaged.
pub(crate) const ROTATIONS_AT_ONCE: usize = 8;

/// What is known of an account without opening anything sealed.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its permanent identifier.
    pub id: AccountId,
    /// Its name as stored; another program may have stored anything, so print it through
    /// [`model::printable`].
    pub name: String,
    /// Key or login.
    pub auth_type: AuthType,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// When the present login was stored.
    pub obtained_at: Option<Timestamp>,
    /// How long the access token was to live when it was issued, where we saw that.
    pub lifetime: Option<Duration>,
    /// Whether the login can still be renewed.
    pub state: LoginState,
    /// Counts up with every login that is stored; 0 before the first.
    pub generation: i64,
    /// When it was last renewed.
    pub renewed_at: Option<Timestamp>,
    /// Failures to renew since the last success.
    pub attempt: Option<Attempt>,
    /// UTC, `YYYY-MM-DD HH:MM:SS`, as SQLite's `datetime('now')` writes it.
    pub created_at: String,
    /// The same form; `None` if it was never launched.
    pub last_used: Option<String>,
    sealed: SealedParts,
}

/// The sealed columns, unopened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SealedParts {
    api_key: String,
    access_token: String,
    refresh_token: String,
    document: String,
    identity: String,
    environment: String,
}

/// What proves who the account is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing yet: an account made to be signed in to later.
    None,
    /// A key.
    ApiKey(Secret),
    /// A login.
    Login(CredentialDocument),
}

/// The opened secrets of an account.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// Key or login.
    pub credential: Credential,
    /// Variables that go with it: a base URL, a model, a proxy.
    pub environment: Vec<(String, Secret)>,
    /// Whose login it is, as far as known.
    pub identity: Identity,
}

impl Unsealed {
    /// The login, if there is one.
    #[must_use]
    pub fn login(&self) -> Option<&CredentialDocument> {
        match &self.credential {
            Credential::Login(document) => Some(document),
            Credential::None | Credential::ApiKey(_) => None,
        }
    }

    /// The secret that people tell accounts apart by, masked; empty if there is none.
    #[must_use]
    pub fn masked(&self) -> String {
        match &self.credential {
            Credential::None => String::new(),
            Credential::ApiKey(key) => key.masked(),
            Credential::Login(document) => document.access_token().masked(),
        }
    }
}

impl Account {
    /// The columns that [`Account::from_row`] reads, for a statement.
    pub(crate) fn columns() -> String {
        COLUMNS.join(", ")
    }

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let stored_expiry = integer(row, const { place("expires_at") })?;
        Ok(Self {
            id: AccountId::from_stored(text(row, const { place("id") })?),
            name: text(row, const { place("name") })?,
            auth_type: AuthType::from_stored(&text(row, const { place("auth_type") })?)
                .unwrap_or(AuthType::OAuth),
            expires_at: Timestamp::from_stored_expiry(stored_expiry),
            obtained_at: moment(row, const { place("obtained_at") })?,
            lifetime: u64::try_from(integer(row, const { place("lifetime") })?)
                .ok()
                .filter(|&ms| ms > 0)
                .map(Duration::from_millis),
            state: state(
                text(row, const { place("refused_reason") })?,
                integer(row, const { place("refused_expiry") })? == stored_expiry,
            ),
            generation: integer(row, const { place("generation") })?,
            renewed_at: moment(row, const { place("renewed_at") })?,
            attempt: Attempt::from_stored(&text(row, const { place("attempt") })?),
            created_at: text(row, const { place("created_at") })?,
            last_used: Some(text(row, const { place("last_used") })?)
                .filter(|text| !text.is_empty()),
            sealed: SealedParts {
                api_key: text(row, const { place("api_key_enc") })?,
                access_token: text(row, const { place("access_token_enc") })?,
                refresh_token: text(row, const { place("refresh_token_enc") })?,
                document: text(row, const { place("document_enc") })?,
                identity: text(row, const { place("identity_enc") })?,
                environment: text(row, const { place("environment_enc") })?,
            },
        })
    }

    /// What the decision to renew is made from.
    #[must_use]
    pub fn login_facts(&self) -> LoginFacts {
        LoginFacts {
            has_access_token: !self.sealed.access_token.is_empty(),
            has_refresh_token: !self.sealed.refresh_token.is_empty(),
            expires_at: self.expires_at,
            obtained_at: self.obtained_at,
            lifetime: self.lifetime,
            state: self.state.clone(),
        }
    }

    /// Whether what [`Vault::unseal`] gives is the same for both: nothing of it has to be opened
    /// again.
    #[must_use]
    pub fn opens_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.name == other.name
            && self.auth_type == other.auth_type
            && self.expires_at == other.expires_at
            && self.sealed == other.sealed
    }

    /// Whether the refresh token on record is sealed as `sealed`: whether another program wrote
    /// the account since then.
    pub(crate) fn has_sealed_tokens(&self, access: &str, refresh: &str) -> bool {
        self.sealed.access_token == access && self.sealed.refresh_token == refresh
    }

    pub(crate) fn sealed_login(&self) -> [&str; 3] {
        [
            &self.sealed.access_token,
            &self.sealed.refresh_token,
            &self.sealed.document,
        ]
    }

    pub(crate) fn open(&self, sealer: &Sealer) -> Result<Unsealed, VaultError> {
        Ok(Unsealed {
            credential: self.open_credential(sealer)?,
            environment: self.open_environment(sealer)?,
            identity: self.open_identity(sealer)?,
        })
    }

    fn open_credential(&self, sealer: &Sealer) -> Result<Credential, VaultError> {
        let part = |sealed: &str, part| sealer.open_part(sealed, &self.name, part);
        match self.auth_type {
            AuthType::ApiKey => {
                let key = part(&self.sealed.api_key, "API key")?;
                Ok(if key.is_empty() {
                    Credential::None
                } else {
                    Credential::ApiKey(key)
                })
            }
            AuthType::OAuth => {
                let access = part(&self.sealed.access_token, "access token")?;
                let refresh = part(&self.sealed.refresh_token, "refresh token")?;
                if access.is_empty() && refresh.is_empty() {
                    return Ok(Credential::None);
                }
                let rest = part(&self.sealed.document, "credential document")?;
                let document = compose(&rest, &access, &refresh, self.expires_at);
                document
                    .map(Credential::Login)
                    .ok_or_else(|| self.damaged("credential document"))
            }
        }
    }

    fn open_environment(&self, sealer: &Sealer) -> Result<Vec<(String, Secret)>, VaultError> {
        let json = sealer.open_part(&self.sealed.environment, &self.name, "environment")?;
        if json.is_empty() {
            return Ok(Vec::new());
        }
        let object: Map<String, Value> =
            serde_json::from_str(json.expose()).map_err(|_| self.damaged("environment"))?;
        let pairs = object
            .into_iter()
            .filter_map(|(name, value)| Some((name, Secret::new(value.as_str()?))));
        Ok(pairs.collect())
    }

    fn open_identity(&self, sealer: &Sealer) -> Result<Identity, VaultError> {
        let json = sealer.open_part(&self.sealed.identity, &self.name, "identity")?;
        if json.is_empty() {
            return Ok(Identity::default());
        }
        let value: Value =
            serde_json::from_str(json.expose()).map_err(|_| self.damaged("identity"))?;
        Ok(Identity::from_oauth_account(&value))
    }

    fn damaged(&self, part: &'static str) -> VaultError {
        VaultError::Damaged {
            name: self.name.clone(),
            part,
        }
    }
}

impl Vault {
    /// Opens the secrets of an account that was read from this vault.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] if this record alone cannot be opened; else what is wrong with the
    /// key.
    pub fn unseal(&self, account: &Account) -> Result<Unsealed, VaultError> {
        let sealer = self.sealer()?;
        let opened = account.open(&sealer);
        if opened.is_ok() {
            return opened;
        }
        // The key may have been rotated since the record was read, or since the key was.
        for _attempt in 0..ROTATIONS_AT_ONCE {
            self.forget_outdated_sealer();
            let current = self.sealer()?;
            let reread = self.get(&account.id)?;
            let opened = reread.open(&current);
            if opened.is_ok() || !self.is_outdated(&current) {
                return opened;
            }
        }
        opened
    }
}

/// The whole document from its sealed rest and the columns; `None` if the rest is no document.
pub(crate) fn compose(
    rest: &Secret,
    access: &Secret,
    refresh: &Secret,
    expires_at: Option<Timestamp>,
) -> Option<CredentialDocument> {
    if rest.is_empty() {
        return Some(CredentialDocument::from_tokens(access, refresh, expires_at));
    }
    let mut document = CredentialDocument::parse_any(rest.expose().as_bytes()).ok()?;
    document.complete(access, refresh, expires_at);
    Some(document)
}

/// What is read of a record.
const COLUMNS: [&str; 19] = [
    "id",
    "name",
    "auth_type",
    "api_key_enc",
    "access_token_enc",
    "refresh_token_enc",
    "expires_at",
    "created_at",
    "last_used",
    "document_enc",
    "identity_enc",
    "environment_enc",
    "generation",
    "obtained_at",
    "lifetime",
    "refused_reason",
    "refused_expiry",
    "renewed_at",
    "attempt",
];

/// Where a column stands among [`COLUMNS`]. Worked out by the compiler: to look the names up in
/// every row took longer than all the rest of reading it.
const fn place(name: &str) -> usize {
    let mut place = 0;
    while !is_same(COLUMNS[place].as_bytes(), name.as_bytes()) {
        place += 1;
    }
    place
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    let mut position = 0;
    while position < left.len() && position < right.len() && left[position] == right[position] {
        position += 1;
    }
    position == left.len() && position == right.len()
}

fn state(reason: String, still_the_refused_login: bool) -> LoginState {
    if reason.is_empty() || !still_the_refused_login {
        return LoginState::Alive;
    }
    LoginState::SignInAgain { reason }
}

pub(crate) fn select(
    connection: &Connection,
    condition: &str,
    value: &str,
) -> rusqlite::Result<Option<Account>> {
    let statement = format!(
        "SELECT {} FROM accounts WHERE {condition}",
        Account::columns()
    );
    connection
        .prepare_cached(&statement)?
        .query_row([value], Account::from_row)
        .optional()
}

/// There is no account of that identifier, or not any more.
pub(crate) fn gone(id: &AccountId) -> VaultError {
    VaultError::NotFound {
        name: id.to_string(),
        similar: None,
    }
}
