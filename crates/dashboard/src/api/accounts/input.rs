//! What callers give of accounts: read, checked, and never repeated in a refusal.

use std::collections::BTreeMap;

use model::{AccountName, NAME_LIMIT, NameError, Secret, Timestamp};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use vault::{TokenChange, is_variable_name};

use super::object::AuthKind;
use super::schema;
use crate::api::number::whole_or_none;
use crate::error::ApiError;

/// Longest key or token, in characters. Real ones have about 110.
pub(super) const CREDENTIAL_LIMIT: usize = 16 * 1024;
/// Most variables of one account.
pub(super) const VARIABLES_LIMIT: usize = 200;
/// Latest end of a token, in epoch milliseconds: the last moment of the year 9999.
pub(super) const LATEST: i64 = 253_402_300_799_999;

/// A key or token as it is given: printable ASCII, with white space around it.
#[derive(Clone, Debug)]
pub(crate) struct Credential(Secret);

/// Variables as they are given.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Variables(BTreeMap<String, Value>);

#[derive(Clone, Debug)]
struct Value(Secret);

/// An account to be added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccountBody {
    pub(crate) name: String,
    /// A key if it is not given.
    pub(crate) auth_type: Option<AuthKind>,
    pub(crate) api_key: Option<Credential>,
    pub(crate) access_token: Option<Credential>,
    pub(crate) refresh_token: Option<Credential>,
    #[serde(default, deserialize_with = "whole_or_none")]
    pub(crate) expires_at: Option<i64>,
    pub(crate) environment: Option<Variables>,
}

/// What is to be another one. Empty texts, as of fields of a form that nobody filled in, count as
/// not given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChangeBody {
    #[schema(schema_with = schema::changed_name)]
    pub(crate) name: Option<String>,
    /// Cannot be changed: refused unless it is what it was.
    pub(crate) auth_type: Option<AuthKind>,
    pub(crate) api_key: Option<Credential>,
    pub(crate) access_token: Option<Credential>,
    pub(crate) refresh_token: Option<Credential>,
    /// When the access token ends, in epoch milliseconds; 0 if that is not known.
    #[schema(minimum = 0, maximum = 253_402_300_799_999_i64)]
    #[serde(default, deserialize_with = "whole_or_none")]
    pub(crate) expires_at: Option<i64>,
    /// All variables that go with it, instead of those it had.
    pub(crate) environment: Option<Variables>,
    /// Whether it is taken where no directory is bound.
    pub(crate) default: Option<bool>,
}

impl AccountChangeBody {
    /// `None` if no token is to be another one.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn tokens(&self) -> Result<Option<TokenChange>, ApiError> {
        let change = TokenChange {
            access: given(self.access_token.as_ref()),
            refresh: given(self.refresh_token.as_ref()),
            expires_at: self.expires_at.map(expiry).transpose()?,
        };
        let is_nothing =
            change.access.is_none() && change.refresh.is_none() && change.expires_at.is_none();
        Ok((!is_nothing).then_some(change))
    }
}

/// The name that is meant: white space around it goes, and in it becomes `-`.
///
/// # Errors
/// 400 with what is wrong with it.
pub(crate) fn account_name(text: &str) -> Result<AccountName, ApiError> {
    let length = text.chars().count();
    if length > NAME_LIMIT {
        return Err(NameError::TooLong(length).into());
    }
    let words: Vec<&str> = text
        .split(is_plain_space)
        .filter(|word| !word.is_empty())
        .collect();
    Ok(AccountName::parse(&words.join("-"))?)
}

/// The name, if there is one.
///
/// # Errors
/// As [`account_name`].
pub(crate) fn given_name(text: Option<&str>) -> Result<Option<AccountName>, ApiError> {
    let name = text.filter(|text| !text.trim_matches(is_plain_space).is_empty());
    name.map(account_name).transpose()
}

/// The secret, if there is one.
pub(crate) fn given(credential: Option<&Credential>) -> Option<Secret> {
    credential
        .map(|Credential(secret)| secret.clone())
        .filter(|secret| !secret.is_empty())
}

/// The same for a key, which no token may pass for.
///
/// # Errors
/// 400.
pub(crate) fn given_key(credential: Option<&Credential>) -> Result<Option<Secret>, ApiError> {
    let key = given(credential);
    let is_token = |key: &Secret| {
        ["sk-ant-oat", "sk-ant-ort"]
            .iter()
            .any(|prefix| key.expose().starts_with(prefix))
    };
    if key.as_ref().is_some_and(is_token) {
        return Err(
            ApiError::bad_request("`api_key` is a token of a login, not an API key").hinted(
                "Add an account with `auth_type` `oauth`, and give it the whole credential file.",
            ),
        );
    }
    Ok(key)
}

/// When a token ends; `None` for 0.
///
/// # Errors
/// 400.
pub(crate) fn expiry(millis: i64) -> Result<Option<Timestamp>, ApiError> {
    if !(0..=LATEST).contains(&millis) {
        return Err(ApiError::bad_request(
            "`expires_at` is no moment from 1970 to 9999 in milliseconds",
        ));
    }
    Ok(Timestamp::from_stored_expiry(millis))
}

impl Variables {
    /// # Errors
    /// 400, without any of the values.
    pub(crate) fn check(&self) -> Result<Vec<(String, Secret)>, ApiError> {
        if self.0.len() > VARIABLES_LIMIT {
            return Err(ApiError::bad_request(format!(
                "`environment` has more than {VARIABLES_LIMIT} variables"
            )));
        }
        let pair = |(name, value): (&String, &Value)| {
            if !is_variable_name(name) {
                return Err(ApiError::bad_request(
                    "`environment` has a name that no variable can have",
                )
                .hinted("A name has letters, digits and `_`, and starts with no digit."));
            }
            if value.0.expose().contains('\0') {
                return Err(ApiError::bad_request(
                    "`environment` has a value with a NUL",
                ));
            }
            Ok((name.clone(), value.0.clone()))
        };
        self.0.iter().map(pair).collect()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl<'de> Deserialize<'de> for Credential {
    /// No HTTP header, and so no client, could carry any other character (RFC 9110, section 5.5).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = Secret::new(String::deserialize(deserializer)?);
        let trimmed = text.expose().trim_matches(is_plain_space);
        let is_good = trimmed.bytes().all(|byte| byte.is_ascii_graphic());
        match is_good && text.expose().len() <= CREDENTIAL_LIMIT {
            true => Ok(Self(Secret::new(trimmed))),
            false => Err(D::Error::custom(
                "not a credential, expected printable ASCII without white space in it",
            )),
        }
    }
}

fn is_plain_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}
