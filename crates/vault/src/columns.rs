//! Columns of any type, read as what they should be.
//!
//! SQLite columns hold any type whatever they were declared as: one odd value must not hide a whole
//! list.

use model::Timestamp;
use rusqlite::Row;
use rusqlite::types::ValueRef;

/// What is there as text; empty for nothing.
///
/// # Errors
/// If there is no such column.
pub fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            // Valid text, which it is but for damage, is quicker to tell than to repair.
            let valid = std::str::from_utf8(bytes).map(str::to_owned);
            valid.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
        }
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => String::new(),
    })
}

/// What is there as a number; 0 for what is none.
///
/// # Errors
/// If there is no such column.
pub fn integer(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(number) => number,
        ValueRef::Real(number) => number as i64,
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0),
        ValueRef::Blob(_) | ValueRef::Null => 0,
    })
}

/// The bytes of a text or a blob; `None` for what is neither.
pub(crate) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_owned()),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Null => None,
    })
}

pub(crate) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(Some(integer(row, column)?)
        .filter(|&ms| ms > 0)
        .map(Timestamp::from_millis))
}

/// Where in time something stands, for columns that count epoch milliseconds.
pub(crate) fn stored_moment(moment: Option<Timestamp>) -> i64 {
    moment.map_or(0, Timestamp::as_millis)
}
