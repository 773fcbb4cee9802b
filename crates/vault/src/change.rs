//! Changing parts of an account: only what is given is written.

use model::{AccountId, AccountName, AuthType, CredentialDocument, Identity, Secret, Timestamp};
use rusqlite::{Connection, params};

use crate::accounts::{environment_json, refuse_taken};
use crate::login::NewLogin;
use crate::record::{gone, select};
use crate::sealer::Sealer;
use crate::{Account, Cause, Vault, VaultError, logins, settings};

/// What is to be another one; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// Its name.
    pub name: Option<AccountName>,
    /// Its key; only for an account with a key.
    pub api_key: Option<Secret>,
    /// Its tokens; only for a login.
    pub tokens: Option<TokenChange>,
    /// All variables that go with it.
    pub environment: Option<Vec<(String, Secret)>>,
    /// Whether it is the default one.
    pub is_default: Option<bool>,
}

/// Tokens of a login that are to be others. The rest of its credential document stays.
#[derive(Clone, Debug, Default)]
pub struct TokenChange {
    /// The access token.
    pub access: Option<Secret>,
    /// The refresh token; an empty one means that there is none.
    pub refresh: Option<Secret>,
    /// When the access token ends; `Some(None)` if that is not known.
    pub expires_at: Option<Option<Timestamp>>,
}

impl Vault {
    /// Changes an account, all of it or nothing. Tokens make a new generation, so those before
    /// them can be restored: whoever changes them holds the lease (crate `renew`).
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the account is gone, [`VaultError::Exists`] if the name is
    /// taken, [`VaultError::OtherKind`] for a key of a login or tokens of a key.
    pub fn change(&self, id: &AccountId, change: &AccountChange) -> Result<(), VaultError> {
        self.write(|transaction, sealer| {
            let found = select(transaction, "id = ?1", id.as_str());
            let account = found
                .map_err(|source| self.database_error(source))?
                .ok_or_else(|| gone(id))?;
            refuse_other_kind(&account, change)?;
            if let Some(name) = &change.name {
                refuse_taken(transaction, name.as_str(), Some(id))
                    .map_err(|error| self.taken(error))?;
            }
            write_plain_parts(transaction, sealer, id, change)
                .map_err(|source| self.database_error(source))?;
            if let Some(tokens) = &change.tokens {
                let login = changed_login(&account, sealer, tokens)?;
                logins::store(transaction, sealer, id, &login)
                    .map_err(|source| self.login_error(id, source))?;
            }
            Ok(())
        })
    }
}

fn refuse_other_kind(account: &Account, change: &AccountChange) -> Result<(), VaultError> {
    let wrong = match account.auth_type {
        AuthType::ApiKey => change.tokens.is_some(),
        AuthType::OAuth => change.api_key.is_some(),
    };
    match wrong {
        true => Err(VaultError::OtherKind(account.name.clone())),
        false => Ok(()),
    }
}

fn write_plain_parts(
    connection: &Connection,
    sealer: &Sealer,
    id: &AccountId,
    change: &AccountChange,
) -> rusqlite::Result<()> {
    let write = |column: &str, value: &str| {
        let statement = format!("UPDATE accounts SET {column} = ?2 WHERE id = ?1");
        connection
            .execute(&statement, params![id.as_str(), value])
            .map(drop)
    };
    if let Some(name) = &change.name {
        write("name", name.as_str())?;
    }
    if let Some(key) = &change.api_key {
        write("api_key_enc", &sealer.seal_secret(key))?;
    }
    if let Some(environment) = &change.environment {
        write(
            "environment_enc",
            &sealer.seal(&environment_json(environment)),
        )?;
    }
    match change.is_default {
        Some(true) => settings::set_default(connection, id),
        Some(false) => settings::forget_account(connection, id),
        None => Ok(()),
    }
}

/// The present login with the tokens that were given. A record that cannot be opened has only
/// those.
fn changed_login(
    account: &Account,
    sealer: &Sealer,
    tokens: &TokenChange,
) -> Result<NewLogin, VaultError> {
    let opened = match account.open(sealer) {
        Ok(unsealed) => Some(unsealed),
        Err(_) if tokens.access.is_some() => None,
        Err(error) => return Err(error),
    };
    let present = opened.as_ref().and_then(|opened| opened.login().cloned());
    let nothing = || Secret::new("");
    let part = |given: &Option<Secret>, read: fn(&CredentialDocument) -> Secret| {
        given
            .clone()
            .unwrap_or_else(|| present.as_ref().map_or_else(nothing, read))
    };
    let access = part(&tokens.access, CredentialDocument::access_token);
    let refresh = part(&tokens.refresh, CredentialDocument::refresh_token);
    // A token whose end nobody knows does not end with the one before it.
    let expires_at = tokens.expires_at.unwrap_or_else(|| {
        account
            .expires_at
            .filter(|_| tokens.access.is_none() && present.is_some())
    });
    let mut document = present
        .clone()
        .unwrap_or_else(|| CredentialDocument::from_tokens(&access, &refresh, expires_at));
    document.complete(&access, &refresh, expires_at);
    // Other tokens may be another person's.
    let is_same = tokens.access.is_none() && tokens.refresh.is_none();
    let identity = opened
        .filter(|_| is_same)
        .map_or_else(Identity::default, |opened| opened.identity);
    Ok(NewLogin {
        document,
        identity,
        lifetime: None,
        cause: Cause::Captured,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::types::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::{NewAccount, NoPassphrase, VaultPaths};

    struct Fixture {
        vault: Vault,
        _directory: TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let paths = VaultPaths::new(directory.path().join("vault"));
            let vault = Vault::open_or_create(&paths, Box::new(NoPassphrase)).unwrap();
            Self {
                vault,
                _directory: directory,
            }
        }

        fn login(&self, name: &str) -> AccountId {
            let document = br#"{"claudeAiOauth": {"accessToken": "sk-ant-oat01-FAKEa",
                "refreshToken": "sk-ant-ort01-FAKEr", "expiresAt": 1790000000000,
                "subscriptionType": "max"}, "beside": 1}"#;
            let account = NewAccount {
                login: Some(CredentialDocument::parse(document).unwrap()),
                identity: Identity {
                    email: Some("a@example.com".to_owned()),
                    account_uuid: Some("u".to_owned()),
                    ..Identity::default()
                },
                environment: vec![("A".to_owned(), Secret::new("b"))],
                ..NewAccount::empty(AccountName::parse(name).unwrap(), AuthType::OAuth)
            };
            self.vault.add(&account).unwrap()
        }

        fn row(&self, id: &AccountId) -> BTreeMap<String, Value> {
            let connection = self.vault.connection();
            let mut statement = connection
                .prepare("SELECT * FROM accounts WHERE id = ?1")
                .unwrap();
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let read = |row: &rusqlite::Row<'_>| {
                let pairs = names.iter().enumerate();
                pairs
                    .map(|(index, name)| Ok((name.clone(), row.get(index)?)))
                    .collect()
            };
            statement.query_row([id.as_str()], read).unwrap()
        }

        fn changed(&self, id: &AccountId, change: &AccountChange) -> Vec<String> {
            let before = self.row(id);
            self.vault.change(id, change).unwrap();
            let after = self.row(id);
            let other = |name: &&String| before[*name] != after[*name];
            before.keys().filter(other).cloned().collect()
        }
    }

    fn tokens(access: Option<&str>, refresh: Option<&str>) -> AccountChange {
        AccountChange {
            tokens: Some(TokenChange {
                access: access.map(Secret::new),
                refresh: refresh.map(Secret::new),
                expires_at: None,
            }),
            ..AccountChange::default()
        }
    }

    #[test]
    fn nothing_but_what_was_given_is_written() {
        let fixture = Fixture::new();
        let id = fixture.login("work");
        assert!(fixture.changed(&id, &AccountChange::default()).is_empty());
        let name = AccountChange {
            name: Some(AccountName::parse("Work").unwrap()),
            is_default: Some(true),
            ..AccountChange::default()
        };
        assert_eq!(fixture.changed(&id, &name), ["name"]);
        assert_eq!(fixture.vault.default_account().unwrap(), Some(id.clone()));
        let environment = AccountChange {
            environment: Some(Vec::new()),
            ..AccountChange::default()
        };
        assert_eq!(fixture.changed(&id, &environment), ["environment_enc"]);
        let other = fixture.login("other");
        let not_default = AccountChange {
            is_default: Some(false),
            ..AccountChange::default()
        };
        fixture.vault.change(&other, &not_default).unwrap();
        assert_eq!(fixture.vault.default_account().unwrap(), Some(id));
    }

    #[test]
    fn tokens_are_merged_into_the_document_and_the_ones_before_can_be_restored() {
        let fixture = Fixture::new();
        let id = fixture.login("work");
        let change = tokens(Some("sk-ant-oat01-FAKEb"), None);
        fixture.vault.change(&id, &change).unwrap();
        let account = fixture.vault.get(&id).unwrap();
        let unsealed = fixture.vault.unseal(&account).unwrap();
        let login = unsealed.login().unwrap();
        assert_eq!(login.access_token().expose(), "sk-ant-oat01-FAKEb");
        assert_eq!(login.refresh_token().expose(), "sk-ant-ort01-FAKEr");
        assert_eq!(login.plan().as_deref(), Some("max"));
        assert_eq!(login.to_value()["beside"], 1);
        assert_eq!(account.expires_at, None);
        assert!(unsealed.identity.is_unknown());
        assert_eq!(account.generation, 2);
        fixture.vault.restore(&account, 1).unwrap();
        let restored = fixture.vault.get(&id).unwrap();
        let unsealed = fixture.vault.unseal(&restored).unwrap();
        let login = unsealed.login().unwrap();
        assert_eq!(login.access_token().expose(), "sk-ant-oat01-FAKEa");
    }

    #[test]
    fn a_new_end_leaves_whose_login_it_is() {
        let fixture = Fixture::new();
        let id = fixture.login("work");
        let change = AccountChange {
            tokens: Some(TokenChange {
                expires_at: Some(Some(Timestamp::from_millis(1_800_000_000_000))),
                ..TokenChange::default()
            }),
            ..AccountChange::default()
        };
        fixture.vault.change(&id, &change).unwrap();
        let account = fixture.vault.get(&id).unwrap();
        assert_eq!(
            account.expires_at,
            Some(Timestamp::from_millis(1_800_000_000_000))
        );
        let unsealed = fixture.vault.unseal(&account).unwrap();
        assert_eq!(unsealed.identity.email.as_deref(), Some("a@example.com"));
    }

    #[test]
    fn a_damaged_record_is_made_good_by_tokens_and_nothing_is_half_done() {
        let fixture = Fixture::new();
        let id = fixture.login("work");
        fixture.login("taken");
        let statement = "UPDATE accounts SET document_enc = 'rubbish' WHERE id = ?1";
        let connection = fixture.vault.connection();
        connection.execute(statement, [id.as_str()]).unwrap();
        let refused = fixture
            .vault
            .change(&id, &tokens(None, Some("sk-ant-ort01-FAKEn")));
        assert!(matches!(refused, Err(VaultError::Damaged { .. })));
        let taken = AccountChange {
            name: Some(AccountName::parse("TAKEN").unwrap()),
            ..tokens(Some("sk-ant-oat01-FAKEb"), None)
        };
        let refused = fixture.vault.change(&id, &taken);
        assert!(matches!(refused, Err(VaultError::Exists(_))));
        let key = AccountChange {
            api_key: Some(Secret::new("sk-ant-api03-FAKE")),
            ..AccountChange::default()
        };
        let refused = fixture.vault.change(&id, &key);
        assert!(matches!(refused, Err(VaultError::OtherKind(_))));
        let change = tokens(Some("sk-ant-oat01-FAKEb"), Some(""));
        fixture.vault.change(&id, &change).unwrap();
        let account = fixture.vault.get(&id).unwrap();
        let unsealed = fixture.vault.unseal(&account).unwrap();
        assert!(unsealed.login().unwrap().refresh_token().is_empty());
    }
}
