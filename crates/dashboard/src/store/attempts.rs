//! Attempts to sign in: reserved before the password is looked at, so that no number of requests
//! at once is more than the limit.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use rusqlite::{Transaction, params};

use super::{Store, StoreError};

/// So many failures are allowed within [`WINDOW`].
const ALLOWED: i64 = 10;
/// Fifteen minutes, in milliseconds.
const WINDOW: i64 = 15 * 60 * 1000;
/// For so long, in milliseconds, an address from which somebody signed in is known: seven days.
const KNOWN_FOR: i64 = 7 * 24 * 60 * 60 * 1000;
/// So many known sources are kept; beyond, the oldest are forgotten.
const MOST_KNOWN: i64 = 1_000;

/// Where attempts come from, as they are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    text: String,
    /// Whether it has its own allowance, whatever others do.
    is_trusted: bool,
}

impl Source {
    /// Another machine: an address, or the /64 of IPv6 that one customer has.
    pub(crate) fn address(address: IpAddr) -> Self {
        let text = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(network))
            }
        };
        Self {
            text,
            is_trusted: false,
        }
    }

    /// A process of our own user on this machine.
    pub(crate) fn same_user() -> Self {
        Self {
            text: "this user".to_owned(),
            is_trusted: true,
        }
    }

    /// A browser that is signed in, and gives the password again.
    pub(crate) fn sign_in(id: &str) -> Self {
        Self {
            text: format!("sign-in {id}"),
            is_trusted: true,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Whether an attempt may be made.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Attempt {
    /// It counts as a failure until it is given back by this number.
    Reserved(i64),
    /// Not now; after so many seconds.
    Refused {
        /// At least one.
        retry_after: u64,
    },
}

impl Store {
    /// Reserves an attempt. Two limits: ten failures of one source, and ten of all together, which
    /// holds up every source that nobody has signed in from: whoever has, is not locked out by
    /// strangers.
    ///
    /// The clock is read when it is this attempt's turn: by an earlier time, those that came in
    /// between would lie in the future.
    pub(crate) fn reserve_attempt(
        &self,
        source: &Source,
        clock: impl FnOnce() -> i64,
    ) -> Result<Attempt, StoreError> {
        self.write(|transaction| {
            let now = clock();
            // What a clock that was set back has left in the future goes as well.
            let statement = "DELETE FROM attempts WHERE at <= ?1 OR at > ?2";
            transaction.execute(statement, params![now - WINDOW, now])?;
            let own = tenth_newest(transaction, "source = ?1", &source.text)?;
            let all = match source.is_trusted || is_known(transaction, source, now)? {
                true => None,
                false => tenth_newest(transaction, "?1 <> ''", &source.text)?,
            };
            if let Some(at) = own.max(all) {
                let wait = (at + WINDOW - now).max(1);
                let retry_after = u64::try_from(wait).unwrap_or(1).div_ceil(1000);
                return Ok(Attempt::Refused { retry_after });
            }
            let statement = "INSERT INTO attempts (source, at) VALUES (?1, ?2)";
            transaction.execute(statement, params![source.text, now])?;
            Ok(Attempt::Reserved(transaction.last_insert_rowid()))
        })
    }

    /// It was no failure.
    pub(crate) fn give_attempt_back(&self, attempt: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .execute("DELETE FROM attempts WHERE id = ?1", [attempt])
                .map(drop)
        })
    }

    /// Somebody signed in from there.
    pub(crate) fn know_source(&self, source: &Source, now: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            let statement = "INSERT INTO known_sources (source, signed_in_at) VALUES (?1, ?2)
                ON CONFLICT (source) DO UPDATE SET signed_in_at = excluded.signed_in_at";
            transaction.execute(statement, params![source.text, now])?;
            let statement = "DELETE FROM known_sources WHERE signed_in_at <= ?1 OR source IN
                (SELECT source FROM known_sources ORDER BY signed_in_at DESC LIMIT -1 OFFSET ?2)";
            transaction
                .execute(statement, params![now - KNOWN_FOR, MOST_KNOWN])
                .map(drop)
        })
    }

    /// Forgets all failures: the owner has set a new password on the machine itself.
    pub(crate) fn forget_attempts(&self) -> Result<(), StoreError> {
        self.write(|transaction| transaction.execute("DELETE FROM attempts", []).map(drop))
    }
}

/// When the failure was made whose end makes room for another one; `None` if there is room.
fn tenth_newest(
    transaction: &Transaction<'_>,
    condition: &str,
    source: &str,
) -> rusqlite::Result<Option<i64>> {
    let statement =
        format!("SELECT at FROM attempts WHERE {condition} ORDER BY at DESC LIMIT 1 OFFSET ?2");
    let mut statement = transaction.prepare_cached(&statement)?;
    let mut rows = statement.query_map(params![source, ALLOWED - 1], |row| row.get(0))?;
    rows.next().transpose()
}

fn is_known(transaction: &Transaction<'_>, source: &Source, now: i64) -> rusqlite::Result<bool> {
    let statement = "SELECT count(*) FROM known_sources WHERE source = ?1 AND signed_in_at > ?2";
    let mut statement = transaction.prepare_cached(statement)?;
    let count: i64 =
        statement.query_row(params![source.text, now - KNOWN_FOR], |row| row.get(0))?;
    Ok(count > 0)
}
