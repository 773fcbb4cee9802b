//! An account that a session brings along, as it is handed to the daemon: what is needed to show it, and no more.

use std::path::PathBuf;

use model::{AccountId, CredentialDocument, Secret};
use renew::RuntimeDirectory;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// An account for one session.
#[derive(Clone, Debug)]
pub struct BroughtAccount {
    /// Its name in the vault.
    pub(crate) name: String,
    /// What it adds to the environment of every program on the server.
    pub(crate) environment: Vec<(String, Secret)>,
    /// What the client there is to sign in with.
    pub(crate) login: Option<BroughtLogin>,
}

/// A login, without its refresh token.
#[derive(Clone, Debug)]
pub(crate) struct BroughtLogin {
    pub(crate) account: AccountId,
    /// Where the vault's keeper finds sessions.
    pub(crate) runtime: RuntimeDirectory,
    pub(crate) view: CredentialDocument,
}

impl BroughtAccount {
    /// One that is its variables: those that carry a key, and its own.
    #[must_use]
    pub fn new(name: String, environment: Vec<(String, Secret)>) -> Self {
        Self {
            name,
            environment,
            login: None,
        }
    }

    /// The same with a login of the vault whose keeper meets its sessions in `runtime`. The refresh token is left out here.
    #[must_use]
    pub fn with_login(
        self,
        account: AccountId,
        runtime: RuntimeDirectory,
        login: &CredentialDocument,
    ) -> Self {
        let login = BroughtLogin {
            account,
            runtime,
            view: login.view(),
        };
        Self {
            login: Some(login),
            ..self
        }
    }

    /// Its name in the vault.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// As it is passed on the daemon's standard input. Not to be printed.
#[derive(Serialize, Deserialize)]
struct Passed {
    name: String,
    environment: Vec<(String, String)>,
    login: Option<PassedLogin>,
}

#[derive(Serialize, Deserialize)]
struct PassedLogin {
    account: String,
    #[serde(with = "text::path")]
    runtime: PathBuf,
    view: Vec<u8>,
}

impl Serialize for BroughtAccount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let exposed = |(name, value): &(String, Secret)| (name.clone(), value.expose().to_owned());
        let login = self.login.as_ref().map(|login| PassedLogin {
            account: login.account.to_string(),
            runtime: login.runtime.path().to_owned(),
            view: login.view.to_bytes(),
        });
        let passed = Passed {
            name: self.name.clone(),
            environment: self.environment.iter().map(exposed).collect(),
            login,
        };
        passed.serialize(to)
    }
}

impl<'de> Deserialize<'de> for BroughtAccount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let passed = Passed::deserialize(from)?;
        let login = passed.login.map(|login| {
            let view = CredentialDocument::parse(&login.view).map_err(D::Error::custom)?;
            Ok(BroughtLogin {
                account: AccountId::from_stored(login.account),
                runtime: RuntimeDirectory::told(login.runtime),
                view,
            })
        });
        let environment = passed.environment.into_iter();
        Ok(Self {
            name: passed.name,
            environment: environment
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            login: login.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_has_no_refresh_token_and_what_is_printed_no_secret() {
        let [access, refresh, key] = ["oat01-FAKEa", "ort01-FAKEr", "api03-FAKEk"]
            .map(|secret| Secret::new(format!("sk-ant-{secret}")));
        let login = CredentialDocument::from_tokens(&access, &refresh, None);
        let runtime = RuntimeDirectory::told("/run/user/1/claude-accounts".into());
        let environment = vec![("EXAMPLE_KEY".to_owned(), key.clone())];
        let brought = BroughtAccount::new("work".to_owned(), environment).with_login(
            AccountId::from_stored("acc_a"),
            runtime,
            &login,
        );
        let shown = format!("{brought:?}");
        assert!(!shown.contains("FAKE"), "{shown}");
        let passed = serde_json::to_vec(&brought).unwrap();
        let read: BroughtAccount = serde_json::from_slice(&passed).unwrap();
        assert_eq!(read.environment[0].1, key);
        let read = read.login.unwrap();
        assert_eq!(read.view.access_token(), access);
        assert!(read.view.refresh_token().is_empty());
        assert_eq!(
            read.runtime.path().to_str(),
            Some("/run/user/1/claude-accounts")
        );
    }
}
