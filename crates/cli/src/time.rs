//! Times as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Now, by the system's clock; 1970 if it stands before that.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A duration in its two largest units: `3h12m`, `2d4h`, `45s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        return format!("{large}{large_unit}");
    }
    format!("{large}{large_unit}{small}{small_unit}")
}

/// How long ago something was: `2 days ago`. What lies ahead of the clock is `in the future`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    if now.until(then) > Duration::from_secs(MINUTE) {
        return "in the future".to_owned();
    }
    let seconds = then.until(now).as_secs();
    let (count, unit) = match seconds {
        0..MINUTE => return "just now".to_owned(),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// SQLite's `datetime('now')`: `YYYY-MM-DD HH:MM:SS` in UTC.
pub(crate) fn parse_stored(text: &str) -> Option<Timestamp> {
    let moment: DateTime = text.trim().parse().ok()?;
    let zoned = moment.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

/// Date and time where the reader is, with the difference to UTC: `2026-01-31 13:05 +01:00`.
pub(crate) fn local(moment: Timestamp) -> String {
    shown(moment, TimeZone::system(), "%Y-%m-%d %H:%M %:z")
}

/// The same to the second, without the difference: `2026-01-31 13:05:09`.
pub(crate) fn to_the_second(moment: Timestamp) -> String {
    shown(moment, TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

/// RFC 3339 in UTC, to the second, for programs.
pub(crate) fn rfc3339(moment: Timestamp) -> Option<String> {
    let moment = jiff::Timestamp::from_millisecond(moment.as_millis()).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn shown(moment: Timestamp, zone: TimeZone, format: &str) -> String {
    match jiff::Timestamp::from_millisecond(moment.as_millis()) {
        Ok(moment) => moment.to_zoned(zone).strftime(format).to_string(),
        // No calendar reaches there; an expiry can hold any number.
        Err(_) => "in the far future or past".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(45), "45s");
        assert_eq!(shown(61), "1m1s");
        assert_eq!(shown(3 * HOUR + 12 * MINUTE + 5), "3h12m");
        assert_eq!(shown(8 * HOUR), "8h");
        assert_eq!(shown(2 * DAY + 4 * HOUR), "2d4h");
        assert_eq!(duration(Duration::MAX), "213503982334601d7h");
    }

    #[test]
    fn ages_are_round() {
        let now = at(1_000_000);
        assert_eq!(age(at(999_990), now), "just now");
        assert_eq!(age(at(1_000_010), now), "just now");
        assert_eq!(age(at(999_940), now), "1 minute ago");
        assert_eq!(age(at(1_000_000 - 7_300), now), "2 hours ago");
        assert_eq!(age(at(1_000_000 - 200_000), now), "2 days ago");
        assert_eq!(age(at(2_000_000), now), "in the future");
        assert!(age(Timestamp::from_millis(i64::MIN), now).ends_with("days ago"));
    }

    #[test]
    fn stored_times_are_utc() {
        let moment = parse_stored("2026-01-31 12:05:09").unwrap();
        assert_eq!(rfc3339(moment).unwrap(), "2026-01-31T12:05:09Z");
        assert_eq!(parse_stored("yesterday"), None);
        assert_eq!(parse_stored(""), None);
    }

    #[test]
    fn any_number_is_shown() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let format = "%Y-%m-%d %H:%M %:z";
        assert_eq!(
            shown(at(1_769_861_109), zone, format),
            "2026-01-31 13:05 +01:00"
        );
        assert_eq!(
            shown(Timestamp::from_millis(i64::MAX), TimeZone::UTC, format),
            "in the far future or past"
        );
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MAX)), None);
    }
}
