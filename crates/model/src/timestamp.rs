//! Points in time, as the client's credential file counts them.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z: the unit of `expiresAt` in `.credentials.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From epoch milliseconds, whatever they are.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Epoch milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// A stored `expires_at`: 0 or less means that none is known. Numbers too small to be
    /// milliseconds of any year after 1973 are taken as seconds, which some tools write, unless
    /// they are too small for that as well. So what is taken once is taken for the same again.
    #[must_use]
    pub fn from_stored_expiry(number: i64) -> Option<Self> {
        const SMALLEST_SECONDS: i64 = 100_000_000;
        const SMALLEST_MILLIS: i64 = SMALLEST_SECONDS * 1_000;
        match number {
            i64::MIN..=0 => None,
            SMALLEST_SECONDS..SMALLEST_MILLIS => Some(Self(number * 1_000)),
            _ => Some(Self(number)),
        }
    }

    /// This much later; stops at the end of the range.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long from `self` to `later`; zero if `later` is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        let millis = later.0.saturating_sub(self.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// Epoch milliseconds; programs that talk to people format dates themselves.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        let millis = Some(Timestamp::from_millis(1_790_000_000_000));
        assert_eq!(Timestamp::from_stored_expiry(1_790_000_000_000), millis);
        assert_eq!(Timestamp::from_stored_expiry(1_790_000_000), millis);
        assert_eq!(Timestamp::from_stored_expiry(0), None);
        assert_eq!(Timestamp::from_stored_expiry(-5), None);
        for number in [1, 79_000_000, 100_000_000, 99_999_999_999, i64::MAX] {
            let once = Timestamp::from_stored_expiry(number);
            let again = once.and_then(|at| Timestamp::from_stored_expiry(at.as_millis()));
            assert_eq!(once, again);
        }
    }

    #[test]
    fn arithmetic_never_overflows() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(
            Timestamp::from_millis(i64::MIN).until(end),
            Duration::from_millis(i64::MAX as u64)
        );
        assert_eq!(end.until(Timestamp::from_millis(0)), Duration::ZERO);
    }
}
