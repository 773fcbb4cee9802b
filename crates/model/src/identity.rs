//! Whose login it is.

use serde_json::{Map, Value};

/// Who signed in, as far as the client wrote it down (`oauthAccount` in `~/.claude.json`).
///
/// Two logins with the same account and organisation are the same login to the vendor, whatever
/// their tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `emailAddress`.
    pub email: Option<String>,
    /// `organizationName`.
    pub organization: Option<String>,
    /// `accountUuid`.
    pub account_uuid: Option<String>,
    /// `organizationUuid`.
    pub organization_uuid: Option<String>,
}

impl Identity {
    /// Reads the value of `oauthAccount`; what is missing or of another type stays unknown.
    #[must_use]
    pub fn from_oauth_account(value: &Value) -> Self {
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            email: text("emailAddress"),
            organization: text("organizationName"),
            account_uuid: text("accountUuid"),
            organization_uuid: text("organizationUuid"),
        }
    }

    /// The same keys again; unknown ones are left out.
    #[must_use]
    pub fn to_oauth_account(&self) -> Value {
        let mut object = Map::new();
        for (key, text) in [
            ("emailAddress", &self.email),
            ("organizationName", &self.organization),
            ("accountUuid", &self.account_uuid),
            ("organizationUuid", &self.organization_uuid),
        ] {
            if let Some(text) = text {
                object.insert(key.to_owned(), Value::from(text.as_str()));
            }
        }
        Value::Object(object)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self == &Self::default()
    }

    /// Whether both are known to be the same account in the same organisation. Two unknown
    /// identities are not the same: what cannot be shown is not assumed.
    #[must_use]
    pub fn same_login(&self, other: &Self) -> bool {
        self.account_uuid.is_some()
            && self.account_uuid == other.account_uuid
            && self.organization_uuid == other.organization_uuid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_shown_is_not_the_same() {
        let known = |account: &str, organization: &str| {
            Identity::from_oauth_account(
                &json!({"accountUuid": account, "organizationUuid": organization}),
            )
        };
        assert!(known("a", "o").same_login(&known("a", "o")));
        assert!(!known("a", "o").same_login(&known("a", "p")));
        assert!(!Identity::default().same_login(&Identity::default()));
    }

    #[test]
    fn odd_types_stay_unknown() {
        assert!(
            Identity::from_oauth_account(&json!({"emailAddress": 5, "accountUuid": ""}))
                .is_unknown()
        );
        assert!(Identity::from_oauth_account(&json!(null)).is_unknown());
    }
}
