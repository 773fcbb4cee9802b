//! The time.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// Now, by the system's clock; 1970 if it stands before that.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
