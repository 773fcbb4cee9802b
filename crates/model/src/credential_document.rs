//! The client's `.credentials.json`, whole.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::{Secret, Timestamp, TokenAnswer};

/// Largest document that is read, in bytes. Real ones have about 1 KiB.
pub const DOCUMENT_LIMIT: usize = 1024 * 1024;

const LOGIN: &str = "claudeAiOauth";
const ACCESS_TOKEN: &str = "accessToken";
const REFRESH_TOKEN: &str = "refreshToken";
const EXPIRES_AT: &str = "expiresAt";

/// A credential document: a JSON object whose `claudeAiOauth` is the login.
///
/// Everything else in it, known or not, in order, survives a round trip; only what a method says
/// it changes is changed.
#[derive(Clone, PartialEq)]
pub struct CredentialDocument(Map<String, Value>);

/// Why bytes are not a usable credential document. No variant holds any of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// More than [`DOCUMENT_LIMIT`] bytes.
    #[error("it is larger than {} KiB", DOCUMENT_LIMIT / 1024)]
    TooLarge,
    /// Not JSON, with the place where that shows.
    #[error("it is not JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON, but not an object at the top.
    #[error("it is JSON, but not an object")]
    NotAnObject,
    /// No login in it.
    #[error("it has no login (`claudeAiOauth`)")]
    NoLogin,
    /// The client empties the tokens when the server refuses the refresh token.
    #[error("its tokens are blank: Claude Code was logged out")]
    Blanked,
    /// A key holds something of the wrong type.
    #[error("`claudeAiOauth.{0}` has the wrong type")]
    WrongType(&'static str),
    /// A token with a blank, a control character or a letter that no HTTP header can carry (RFC 9110, section 5.5).
    #[error("`claudeAiOauth.{0}` has a character in it that no token has")]
    NotAToken(&'static str),
}

impl CredentialDocument {
    /// Reads a document that holds a login with an access token.
    ///
    /// # Errors
    /// Says what is missing, without repeating the contents.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document = Self::parse_any(bytes)?;
        match document.0.get(LOGIN) {
            None | Some(Value::Null) => return Err(DocumentError::NoLogin),
            Some(Value::Object(_)) => {}
            Some(_) => return Err(DocumentError::NoLogin),
        }
        document.check_types()?;
        if document.access_token().is_empty() {
            return Err(DocumentError::Blanked);
        }
        Ok(document)
    }

    /// Reads any JSON object, with or without a login in it.
    ///
    /// # Errors
    /// If it is not one, or too large.
    pub fn parse_any(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > DOCUMENT_LIMIT {
            return Err(DocumentError::TooLarge);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(DocumentError::Empty);
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(DocumentError::NotAnObject),
            Err(error) => Err(DocumentError::NotJson {
                line: error.line(),
                column: error.column(),
            }),
        }
    }

    /// A document for bare tokens, with the two scopes without which the client says "Not logged in".
    #[must_use]
    pub fn from_tokens(access: &Secret, refresh: &Secret, expires_at: Option<Timestamp>) -> Self {
        let mut document = Self(Map::new());
        document.complete(access, refresh, expires_at);
        document
    }

    /// The access token; empty if there is none.
    #[must_use]
    pub fn access_token(&self) -> Secret {
        self.token(ACCESS_TOKEN)
    }

    /// The refresh token; empty if there is none, as in a view.
    #[must_use]
    pub fn refresh_token(&self) -> Secret {
        self.token(REFRESH_TOKEN)
    }

    /// When the access token ends; `None` if the document does not say.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let value = self.login()?.get(EXPIRES_AT)?;
        let number = value
            .as_i64()
            .or_else(|| value.as_f64().map(|float| float as i64))?;
        Timestamp::from_stored_expiry(number)
    }

    /// The scopes granted, separated by spaces as the token endpoint wants them.
    #[must_use]
    pub fn scope(&self) -> String {
        let scopes = self.login().and_then(|login| login.get("scopes"));
        let list = scopes.and_then(Value::as_array).map(Vec::as_slice);
        let words: Vec<&str> = list
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        words.join(" ")
    }

    /// The plan, as the client stores it: `max`, `pro`, `team`, …
    #[must_use]
    pub fn plan(&self) -> Option<String> {
        let plan = self.login()?.get("subscriptionType")?.as_str()?;
        Some(plan.to_owned())
    }

    /// The document with the tokens of `answer`. Without a refresh token in the answer the old
    /// one is kept, as the client does.
    #[must_use]
    pub fn renewed(&self, answer: &TokenAnswer, now: Timestamp) -> Self {
        let mut next = self.clone();
        let login = next.login_mut();
        login.insert(
            ACCESS_TOKEN.to_owned(),
            Value::from(answer.access_token.expose()),
        );
        if let Some(refresh) = &answer.refresh_token {
            login.insert(REFRESH_TOKEN.to_owned(), Value::from(refresh.expose()));
        }
        let expires_at = now.plus(answer.expires_in).as_millis();
        login.insert(EXPIRES_AT.to_owned(), Value::from(expires_at));
        if let Some(scope) = &answer.scope {
            let scopes: Vec<Value> = scope.split_whitespace().map(Value::from).collect();
            login.insert("scopes".to_owned(), Value::from(scopes));
        }
        next
    }

    /// What a session may hold: the login without its refresh token and nothing else, so that
    /// whoever reads it can neither renew nor revoke the login.
    #[must_use]
    pub fn view(&self) -> Self {
        let mut login = self.login().cloned().unwrap_or_default();
        login.remove(REFRESH_TOKEN);
        let mut object = Map::new();
        object.insert(LOGIN.to_owned(), Value::Object(login));
        Self(object)
    }

    /// The document without the three values that the database keeps in columns of their own, so
    /// that each has one place. [`CredentialDocument::complete`] is the way back.
    #[must_use]
    pub fn without_tokens(&self) -> Self {
        let mut rest = self.clone();
        if let Some(Value::Object(login)) = rest.0.get_mut(LOGIN) {
            for key in [ACCESS_TOKEN, REFRESH_TOKEN, EXPIRES_AT] {
                if let Some(Value::String(text)) =
                    login.insert(key.to_owned(), Value::Null).as_mut()
                {
                    text.zeroize();
                }
            }
        }
        rest
    }

    /// Puts tokens and expiry in; an empty refresh token means that there is none.
    pub fn complete(&mut self, access: &Secret, refresh: &Secret, expires_at: Option<Timestamp>) {
        let login = self.login_mut();
        login.insert(ACCESS_TOKEN.to_owned(), Value::from(access.expose()));
        if refresh.is_empty() {
            login.shift_remove(REFRESH_TOKEN);
        } else {
            login.insert(REFRESH_TOKEN.to_owned(), Value::from(refresh.expose()));
        }
        match expires_at {
            Some(at) => login.insert(EXPIRES_AT.to_owned(), Value::from(at.as_millis())),
            None => login.shift_remove(EXPIRES_AT),
        };
        if !login.contains_key("scopes") {
            let scopes = ["user:inference", "user:profile"].map(Value::from).to_vec();
            login.insert("scopes".to_owned(), Value::from(scopes));
        }
    }

    /// This document with the login of `other`; all other keys stay ours.
    #[must_use]
    pub fn with_login_of(&self, other: &Self) -> Self {
        let mut next = self.clone();
        if let Some(login) = other.0.get(LOGIN) {
            next.0.insert(LOGIN.to_owned(), login.clone());
        }
        next
    }

    /// What else is in the document, such as the tokens of MCP servers; `None` if that is nothing.
    #[must_use]
    pub fn without_login(&self) -> Option<Self> {
        let mut rest = self.0.clone();
        rest.shift_remove(LOGIN);
        (!rest.is_empty()).then_some(Self(rest))
    }

    /// As the bytes of a file. Never print them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("a map with string keys always serialises")
    }

    /// As a JSON value, for an export. Never print it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn login(&self) -> Option<&Map<String, Value>> {
        self.0.get(LOGIN).and_then(Value::as_object)
    }

    fn login_mut(&mut self) -> &mut Map<String, Value> {
        let login = self
            .0
            .entry(LOGIN)
            .or_insert_with(|| Value::Object(Map::new()));
        if !login.is_object() {
            *login = Value::Object(Map::new());
        }
        login.as_object_mut().expect("made an object just above")
    }

    fn token(&self, key: &str) -> Secret {
        let text = self
            .login()
            .and_then(|login| login.get(key))
            .and_then(Value::as_str);
        Secret::new(text.unwrap_or_default())
    }

    fn check_types(&self) -> Result<(), DocumentError> {
        let Some(login) = self.login() else {
            return Err(DocumentError::NoLogin);
        };
        for key in [ACCESS_TOKEN, REFRESH_TOKEN] {
            if !matches!(login.get(key), None | Some(Value::Null | Value::String(_))) {
                return Err(DocumentError::WrongType(key));
            }
            let token = login.get(key).and_then(Value::as_str).unwrap_or_default();
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(DocumentError::NotAToken(key));
            }
        }
        if !matches!(
            login.get(EXPIRES_AT),
            None | Some(Value::Null | Value::Number(_))
        ) {
            return Err(DocumentError::WrongType(EXPIRES_AT));
        }
        if !matches!(
            login.get("scopes"),
            None | Some(Value::Null | Value::Array(_))
        ) {
            return Err(DocumentError::WrongType("scopes"));
        }
        Ok(())
    }
}

impl fmt::Debug for CredentialDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CredentialDocument([redacted])")
    }
}

impl Drop for CredentialDocument {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::Duration;

    fn real() -> Value {
        json!({"claudeAiOauth": {"accessToken": "sk-ant-oat01-FAKEa", "refreshToken": "sk-ant-ort01-FAKEr",
            "expiresAt": 1_790_000_000_000_i64, "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max", "rateLimitTier": "default_claude_max_20x"},
            "mcpOAuth": {"server": {"token": "other"}}})
    }

    fn parse(value: &Value) -> Result<CredentialDocument, DocumentError> {
        CredentialDocument::parse(value.to_string().as_bytes())
    }

    #[test]
    fn reads_what_the_client_writes() {
        let document = parse(&real()).unwrap();
        assert_eq!(document.access_token().expose(), "sk-ant-oat01-FAKEa");
        assert_eq!(document.refresh_token().expose(), "sk-ant-ort01-FAKEr");
        assert_eq!(
            document.expires_at(),
            Some(Timestamp::from_millis(1_790_000_000_000))
        );
        assert_eq!(document.scope(), "user:inference user:profile");
        assert_eq!(document.plan().as_deref(), Some("max"));
        assert_eq!(document.to_value(), real());
    }

    #[test]
    fn says_what_is_wrong() {
        let of = |text: &str| CredentialDocument::parse(text.as_bytes()).unwrap_err();
        assert_eq!(of(""), DocumentError::Empty);
        assert_eq!(of(" \n"), DocumentError::Empty);
        assert_eq!(of("[1]"), DocumentError::NotAnObject);
        assert!(matches!(
            of("{\"a\": sk-ant-secret"),
            DocumentError::NotJson { line: 1, .. }
        ));
        assert_eq!(of("{}"), DocumentError::NoLogin);
        assert_eq!(of("{\"claudeAiOauth\": null}"), DocumentError::NoLogin);
        assert_eq!(of("{\"claudeAiOauth\": {}}"), DocumentError::Blanked);
        assert_eq!(
            of(
                "{\"claudeAiOauth\": {\"accessToken\": \"\", \"refreshToken\": \"\", \"expiresAt\": 0}}"
            ),
            DocumentError::Blanked
        );
        assert_eq!(
            of("{\"claudeAiOauth\": {\"accessToken\": 7}}"),
            DocumentError::WrongType("accessToken")
        );
        let huge = vec![b' '; DOCUMENT_LIMIT + 1];
        assert_eq!(
            CredentialDocument::parse(&huge).unwrap_err(),
            DocumentError::TooLarge
        );
    }

    #[test]
    fn a_view_has_the_access_token_and_no_other_secret() {
        let view = parse(&real()).unwrap().view();
        let text = String::from_utf8(view.to_bytes()).unwrap();
        assert!(text.contains("sk-ant-oat01-FAKEa"));
        assert!(!text.contains("sk-ant-ort01-FAKEr") && !text.contains("mcpOAuth"));
        assert!(text.contains("rateLimitTier"));
        assert_eq!(format!("{view:?}"), "CredentialDocument([redacted])");
    }

    #[test]
    fn a_renewal_changes_tokens_alone() {
        let document = parse(&real()).unwrap();
        let answer = TokenAnswer {
            access_token: Secret::new("sk-ant-oat01-FAKEb"),
            refresh_token: None,
            expires_in: Duration::from_secs(60),
            scope: None,
        };
        let next = document.renewed(&answer, Timestamp::from_millis(1_000_000_000_000));
        assert_eq!(next.refresh_token(), document.refresh_token());
        assert_eq!(
            next.expires_at(),
            Some(Timestamp::from_millis(1_000_000_060_000))
        );
        assert_eq!(next.to_value()["mcpOAuth"], real()["mcpOAuth"]);
        assert_eq!(next.plan(), document.plan());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            "[^\u{0}]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-z]{1,6}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    fn any_document() -> impl Strategy<Value = Value> {
        let extra = || prop::collection::vec(("[a-z_]{1,8}", any_json()), 0..5);
        (
            extra(),
            extra(),
            "[!-~]{1,40}",
            "[!-~]{0,40}",
            1_i64..4_000_000_000_000,
        )
            .prop_map(|(top, inner, access, refresh, expires)| {
                let mut login: Map<String, Value> = inner.into_iter().collect();
                login.remove("scopes");
                login.insert(ACCESS_TOKEN.into(), access.into());
                login.insert(REFRESH_TOKEN.into(), refresh.into());
                login.insert(EXPIRES_AT.into(), expires.into());
                let mut object: Map<String, Value> = top.into_iter().collect();
                object.insert(LOGIN.into(), Value::Object(login));
                Value::Object(object)
            })
    }

    proptest! {
        #[test]
        fn unknown_keys_survive_a_round_trip(value in any_document()) {
            let document = parse(&value).unwrap();
            prop_assert_eq!(document.to_bytes(), serde_json::to_vec(&value).unwrap());
        }

        #[test]
        fn splitting_the_tokens_off_and_back_keeps_every_key(value in any_document()) {
            let document = parse(&value).unwrap();
            let rest = document.without_tokens();
            let shown = String::from_utf8(rest.to_bytes()).unwrap();
            prop_assert!(rest.access_token().is_empty() && rest.refresh_token().is_empty());
            prop_assert!(document.access_token().expose().len() < 8 || !shown.contains(document.access_token().expose()));
            let mut again = rest;
            again.complete(&document.access_token(), &document.refresh_token(), document.expires_at());
            for key in value.as_object().unwrap().keys().filter(|key| *key != LOGIN) {
                prop_assert_eq!(&again.to_value()[key], &value[key]);
            }
            for (key, inner) in value[LOGIN].as_object().unwrap() {
                if ![REFRESH_TOKEN, EXPIRES_AT].contains(&key.as_str()) {
                    prop_assert_eq!(&again.to_value()[LOGIN][key], inner);
                }
            }
            prop_assert_eq!(again.refresh_token(), document.refresh_token());
            prop_assert_eq!(again.expires_at(), document.expires_at());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _document = CredentialDocument::parse(&bytes);
        }
    }
}
