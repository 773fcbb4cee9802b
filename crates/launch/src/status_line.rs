//! One line about the session, for the client's status line and for prompts.

use std::time::Duration;

use model::printable;

/// `work · max · 3h12m`, `work · sign in again`, `key`.
///
/// `left` is the time until the access token ends: zero reads `expired`, `None` (a key, or not
/// known) reads as nothing.
#[must_use]
pub fn format_status_line(
    name: &str,
    plan: Option<&str>,
    left: Option<Duration>,
    needs_sign_in: bool,
) -> String {
    let mut parts = vec![printable(name)];
    if needs_sign_in {
        parts.push("sign in again".to_owned());
    } else {
        parts.extend(plan.map(printable));
        parts.extend(left.map(|left| match left.as_secs() {
            0 => "expired".to_owned(),
            _ => duration_short(left),
        }));
    }
    parts.join(" · ")
}

/// A duration in its two largest units, rounded down: `2d4h`, `3h12m`, `12m`, `45s`. A second
/// unit of zero is left out; minutes are not split into seconds.
#[must_use]
pub fn duration_short(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = duration.as_secs();
    let pair = |large: u64, letter: char, small: u64, small_letter: char| match (
        seconds / large,
        seconds % large / small,
    ) {
        (count, 0) => format!("{count}{letter}"),
        (count, rest) => format!("{count}{letter}{rest}{small_letter}"),
    };
    match seconds {
        DAY.. => pair(DAY, 'd', HOUR, 'h'),
        HOUR.. => pair(HOUR, 'h', MINUTE, 'm'),
        MINUTE.. => format!("{}m", seconds / MINUTE),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_at_a_glance() {
        let short = |seconds| duration_short(Duration::from_secs(seconds));
        assert_eq!(short(0), "0s");
        assert_eq!(short(45), "45s");
        assert_eq!(short(12 * 60 + 59), "12m");
        assert_eq!(short(3 * 3600 + 12 * 60 + 5), "3h12m");
        assert_eq!(short(3 * 3600), "3h");
        assert_eq!(short(2 * 86_400 + 4 * 3600 + 59), "2d4h");
        assert!(short(u64::MAX).ends_with('h'));
    }

    #[test]
    fn the_line_says_what_matters_most() {
        let left = Some(Duration::from_secs(3 * 3600 + 12 * 60));
        assert_eq!(
            format_status_line("work", Some("max"), left, false),
            "work · max · 3h12m"
        );
        assert_eq!(
            format_status_line("work", None, left, false),
            "work · 3h12m"
        );
        assert_eq!(
            format_status_line("work", Some("max"), left, true),
            "work · sign in again"
        );
        assert_eq!(format_status_line("key", None, None, false), "key");
        assert_eq!(
            format_status_line("work", Some("max"), Some(Duration::ZERO), false),
            "work · max · expired"
        );
        assert_eq!(
            format_status_line("a\x1b[2J", Some("m\n"), None, false),
            "a\\u{1b}[2J · m\\n"
        );
    }
}
