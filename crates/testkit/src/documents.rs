//! Credential documents as the client writes them, and private files to put them in.

use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The scopes of an ordinary subscription login, in the order the client writes them.
pub const SCOPES: &[&str] = &["user:inference", "user:profile"];

/// A whole `.credentials.json`. An empty `refresh` leaves the key out, which makes it a view.
/// `expires_at_ms` is in milliseconds since the epoch.
#[must_use]
pub fn credentials(access: &str, refresh: &str, expires_at_ms: u64) -> Value {
    let mut document = json!({"claudeAiOauth": {
        "accessToken": access,
        "refreshToken": refresh,
        "expiresAt": expires_at_ms,
        "scopes": SCOPES,
        "subscriptionType": "max",
        "rateLimitTier": "default_claude_max_20x",
        "subscriptionTypeSource": "sign_in",
    }});
    if refresh.is_empty() {
        // shift_remove keeps the order of the other keys, as a file that never had the key would have it.
        document["claudeAiOauth"]
            .as_object_mut()
            .expect("just made")
            .shift_remove("refreshToken");
    }
    document
}

/// The same, with keys that no version of the client is known to write: one beside `claudeAiOauth`
/// (which the client keeps) and one inside it (which the client drops).
#[must_use]
pub fn credentials_with_unknown_keys(access: &str, refresh: &str, expires_at_ms: u64) -> Value {
    let mut document = credentials(access, refresh, expires_at_ms);
    document["claudeAiOauth"]["inventedInside"] = json!({"kept": "as it came"});
    document["inventedBeside"] = json!([1, "two", null]);
    document
}

/// Milliseconds since the epoch, the unit of `expiresAt`.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("a clock before the year 584 million")
}

/// Writes `bytes` to `path` with mode 0600, making missing parents. Not crash-safe.
///
/// # Panics
/// When the file cannot be written.
pub fn write_private(path: &Path, bytes: impl AsRef<[u8]>) {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes.as_ref()))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
