//! Accounts as JSON: the array of the Python program, with our fields added.

use model::{AccountName, AuthType, CredentialDocument, Identity, Secret, Timestamp};
use serde::ser::{SerializeSeq as _, Serializer as _};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::columns::stored_moment;
use crate::{Account, Cause, Credential, NewAccount, Unsealed, Vault, VaultError};

/// Largest import, in bytes: some ten thousand accounts.
pub const EXPORT_LIMIT: usize = 64 * 1024 * 1024;

/// What an account takes in an export, in bytes, with all that is usually known of it.
const USUAL_ENTRY: usize = 2048;

/// An account read from an import.
pub type ImportEntry = NewAccount;

/// Why an import cannot be read. Nothing of its contents but names is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// More than [`EXPORT_LIMIT`] bytes.
    #[error("it is larger than {} MiB", EXPORT_LIMIT / (1024 * 1024))]
    TooLarge,
    /// Not JSON.
    #[error("it is not JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON, but no array.
    #[error("it is JSON, but not an array of accounts")]
    NotAnArray,
    /// Some accounts in it cannot be taken.
    #[error("{} of its accounts cannot be taken: {}", .0.len(), describe(.0))]
    Entries(Vec<EntryError>),
}

/// What is wrong with one account of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryError {
    /// Which one, counted from 1.
    pub position: usize,
    /// What is wrong.
    pub problem: String,
    /// Whether nothing else is wrong with it than that another one has its name.
    pub is_second: bool,
}

fn describe(errors: &[EntryError]) -> String {
    const SHOWN: usize = 5;
    let mut parts: Vec<String> = errors
        .iter()
        .take(SHOWN)
        .map(|error| format!("number {}: {}", error.position, error.problem))
        .collect();
    if errors.len() > SHOWN {
        parts.push(format!("and {} more", errors.len() - SHOWN));
    }
    parts.join("; ")
}

/// All accounts with their secrets in the clear, as a JSON array.
///
/// # Errors
/// If one record cannot be opened: an export that leaves something out without saying so would be
/// taken for a backup.
pub fn export_json(vault: &Vault) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    export_accounts(vault, &vault.accounts()?)
}

/// Some accounts of a vault with their secrets in the clear, as a JSON array.
///
/// # Errors
/// As [`export_json`].
pub fn export_accounts(
    vault: &Vault,
    accounts: &[Account],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    // Room for all, as a rule: a list that grows leaves copies of itself in memory.
    let room = accounts.len() * USUAL_ENTRY + USUAL_ENTRY;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let mut serializer = serde_json::Serializer::pretty(&mut *bytes);
    let mut list = serializer
        .serialize_seq(Some(accounts.len()))
        .expect("memory takes all");
    for account in accounts {
        let mut entry = export_entry(account, &vault.unseal(account)?);
        list.serialize_element(&entry)
            .expect("JSON values serialise");
        wipe(&mut entry);
    }
    list.end().expect("memory takes all");
    bytes.push(b'\n');
    Ok(bytes)
}

fn export_entry(account: &Account, unsealed: &Unsealed) -> Value {
    let key = match &unsealed.credential {
        Credential::ApiKey(key) => key.expose(),
        Credential::None | Credential::Login(_) => "",
    };
    let login = unsealed.login();
    let token = |read: fn(&CredentialDocument) -> Secret| login.map_or(Secret::new(""), read);
    let mut entry = json!({
        "name": account.name,
        "auth_type": account.auth_type.as_str(),
        "api_key": key,
        "access_token": token(CredentialDocument::access_token).expose(),
        "refresh_token": token(CredentialDocument::refresh_token).expose(),
        "expires_at": stored_moment(account.expires_at),
    });
    let object = entry.as_object_mut().expect("made an object just above");
    if let Some(document) = login {
        object.insert("document".to_owned(), document.without_tokens().to_value());
    }
    if !unsealed.identity.is_unknown() {
        object.insert("identity".to_owned(), unsealed.identity.to_oauth_account());
    }
    if !unsealed.environment.is_empty() {
        let variables: Map<String, Value> = unsealed
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().into()))
            .collect();
        object.insert("environment".to_owned(), Value::Object(variables));
    }
    entry
}

fn wipe(value: &mut Value) {
    use zeroize::Zeroize as _;
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads an import: all of it or nothing.
///
/// # Errors
/// Every account that cannot be taken is named by its position.
pub fn parse_import(bytes: &[u8]) -> Result<Vec<ImportEntry>, ImportError> {
    if bytes.len() > EXPORT_LIMIT {
        return Err(ImportError::TooLarge);
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| ImportError::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    let Value::Array(items) = value else {
        return Err(ImportError::NotAnArray);
    };
    let mut entries: Vec<ImportEntry> = Vec::with_capacity(items.len());
    let mut errors = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let parsed = parse_entry(item).map_err(|problem| (problem, false));
        let parsed = parsed.and_then(|entry| {
            let name = entry.name.as_str();
            match seen.insert(name.to_lowercase()) {
                true => Ok(entry),
                false => Err((format!("the name {name:?} stands in it twice"), true)),
            }
        });
        match parsed {
            Ok(entry) => entries.push(entry),
            Err((problem, is_second)) => errors.push(EntryError {
                position: index + 1,
                problem,
                is_second,
            }),
        }
    }
    if errors.is_empty() {
        Ok(entries)
    } else {
        Err(ImportError::Entries(errors))
    }
}

fn parse_entry(item: &Value) -> Result<ImportEntry, String> {
    let object = item.as_object().ok_or("it is not an object")?;
    let name = text(object, "name")?;
    let name = AccountName::parse(name.trim()).map_err(|error| error.to_string())?;
    let [api_key, access, refresh] =
        ["api_key", "access_token", "refresh_token"].map(|key| credential(object, key));
    let (api_key, access, refresh) = (
        Secret::new(api_key?),
        Secret::new(access?),
        Secret::new(refresh?),
    );
    let auth_type = match (text(object, "auth_type")?, access.is_empty()) {
        ("", true) => AuthType::ApiKey,
        ("", false) => AuthType::OAuth,
        (stored, _) => {
            AuthType::from_stored(stored).ok_or("its `auth_type` is neither api_key nor oauth")?
        }
    };
    // Also where there is no login: what is wrong in it is likely to be wrong elsewhere.
    let expires_at = parse_expiry(object)?;
    if !matches!(
        object.get("document"),
        None | Some(Value::Null | Value::Object(_))
    ) {
        return Err("its `document` is not an object".to_owned());
    }
    let has_login = auth_type == AuthType::OAuth && !(access.is_empty() && refresh.is_empty());
    let login = if has_login {
        Some(parse_login(object, &access, &refresh, expires_at)?)
    } else {
        None
    };
    let identity = object
        .get("identity")
        .map(Identity::from_oauth_account)
        .unwrap_or_default();
    let api_key = if auth_type == AuthType::ApiKey {
        api_key
    } else {
        Secret::new("")
    };
    let environment = parse_environment(object)?;
    Ok(NewAccount {
        name,
        auth_type,
        api_key,
        login,
        identity,
        environment,
        cause: Cause::Imported,
    })
}

fn parse_login(
    object: &Map<String, Value>,
    access: &Secret,
    refresh: &Secret,
    expires_at: Option<Timestamp>,
) -> Result<CredentialDocument, String> {
    let mut document = match object.get("document") {
        None | Some(Value::Null) => {
            return Ok(CredentialDocument::from_tokens(access, refresh, expires_at));
        }
        Some(document) => CredentialDocument::parse_any(document.to_string().as_bytes())
            .map_err(|error| format!("its `document` is of no use: {error}"))?,
    };
    document.complete(access, refresh, expires_at);
    Ok(document)
}

/// When the access token ends, as far as that is given.
fn parse_expiry(object: &Map<String, Value>) -> Result<Option<Timestamp>, String> {
    Ok(match object.get("expires_at") {
        None | Some(Value::Null) => None,
        Some(Value::Number(number)) => {
            let millis = number
                .as_i64()
                .or_else(|| number.as_f64().map(|float| float as i64));
            millis.and_then(Timestamp::from_stored_expiry)
        }
        Some(_) => return Err("its `expires_at` is not a number".to_owned()),
    })
}

fn parse_environment(object: &Map<String, Value>) -> Result<Vec<(String, Secret)>, String> {
    let Some(value) = object.get("environment").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let variables = value
        .as_object()
        .ok_or("its `environment` is not an object")?;
    let pair = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) if is_variable_name(name) && !text.contains('\0') => {
            Ok((name.clone(), Secret::new(text)))
        }
        _ => Err("its `environment` has a variable that is none".to_owned()),
    };
    variables.iter().map(pair).collect()
}

/// A name that a shell can export (POSIX.1-2017, 8.1).
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    let starts = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    starts
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A text, or nothing for a missing or null one; any other type is an error.
fn text<'value>(object: &'value Map<String, Value>, key: &str) -> Result<&'value str, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("its `{key}` is not a text")),
    }
}

/// A key or token; white space around it is left out. No HTTP header, and so no client, could carry
/// any other character (RFC 9110, section 5.5).
fn credential<'value>(
    object: &'value Map<String, Value>,
    key: &str,
) -> Result<&'value str, String> {
    let text = text(object, key)?.trim();
    match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(format!(
            "its `{key}` has a character in it that no key or token has"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(value: &Value) -> Result<Vec<ImportEntry>, ImportError> {
        parse_import(value.to_string().as_bytes())
    }

    #[test]
    fn takes_what_the_python_program_exports() {
        let entries = parse(&json!([
            {"name": "perso", "auth_type": "api_key", "api_key": "sk-ant-api03-FAKE"},
            {"name": " boulot ", "auth_type": "oauth", "access_token": "sk-ant-oat01-FAKE",
             "refresh_token": "sk-ant-ort01-FAKE", "expires_at": 1_790_000_000_000_i64},
        ]))
        .unwrap();
        assert_eq!(entries[0].api_key.expose(), "sk-ant-api03-FAKE");
        assert_eq!(entries[1].name.as_str(), "boulot");
        let login = entries[1].login.as_ref().unwrap();
        assert_eq!(login.refresh_token().expose(), "sk-ant-ort01-FAKE");
        assert_eq!(login.scope(), "user:inference user:profile");
    }

    #[test]
    fn half_good_is_not_good() {
        let error = parse(&json!([{"name": "ok"}, {"name": "a/b"}, 7, {"name": "OK"}, {"name": "x", "api_key": 1}]))
            .unwrap_err();
        let ImportError::Entries(errors) = &error else {
            panic!("another error")
        };
        assert_eq!(
            errors
                .iter()
                .map(|error| error.position)
                .collect::<Vec<_>>(),
            [2, 3, 4, 5]
        );
        assert!(
            error
                .to_string()
                .starts_with("4 of its accounts cannot be taken: number 2: the name contains '/'")
        );
    }

    #[test]
    fn rubbish_is_named_and_not_repeated() {
        assert!(matches!(
            parse_import(b"[{\"api_key\": sk-ant"),
            Err(ImportError::NotJson { line: 1, .. })
        ));
        assert_eq!(
            parse(&json!({"name": "x"})).unwrap_err(),
            ImportError::NotAnArray
        );
        assert_eq!(
            parse_import(&vec![b'['; EXPORT_LIMIT + 1]).unwrap_err(),
            ImportError::TooLarge
        );
        assert!(matches!(
            parse_import(&vec![b'['; 100_000]),
            Err(ImportError::NotJson { .. })
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _entries = parse_import(&bytes);
        }
    }
}
