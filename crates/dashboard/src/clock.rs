//! The time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now in epoch milliseconds, by the system's clock; 0 if it stands before 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
