//! Two sides measured in turn.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::results;

/// Times of both sides, in the order of measuring.
pub(crate) struct Pair {
    base: Vec<Duration>,
    ours: Vec<Duration>,
}

impl Pair {
    /// Ours beside the other side of `other`, which was measured in the same run.
    pub(crate) fn beside(&self, other: &Pair) -> Row {
        let pair = Pair {
            base: other.ours.clone(),
            ours: self.ours.clone(),
        };
        Row::compared("", &pair)
    }
}

/// Runs both sides in turn, `rounds` times, after a warm-up.
pub(crate) fn alternate(
    rounds: usize,
    base: impl Fn() -> Command,
    ours: impl Fn() -> Command,
) -> Pair {
    let mut pair = Pair {
        base: Vec::new(),
        ours: Vec::new(),
    };
    for _ in 0..3 {
        time(base());
        time(ours());
    }
    for _ in 0..rounds {
        pair.base.push(time(base()));
        pair.ours.push(time(ours()));
    }
    pair
}

fn time(mut command: Command) -> Duration {
    let command = crate::quiet(&mut command);
    let began = Instant::now();
    let status = command.status().unwrap();
    let took = began.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took
}

/// A line of the report.
pub(crate) struct Row {
    label: String,
    base: (Duration, Duration),
    ours: (Duration, Duration),
}

impl Row {
    pub(crate) fn compared(label: &str, pair: &Pair) -> Self {
        let figures = |times: &[Duration]| (quantile(times, 0.5), quantile(times, 0.95));
        Self {
            label: label.to_owned(),
            base: figures(&pair.base),
            ours: figures(&pair.ours),
        }
    }

    /// Keeps the medians, in milliseconds; see [`results`].
    pub(crate) fn keep(&self, id: &str) {
        results::keep(id, millis(self.ours.0), millis(self.base.0));
    }

    pub(crate) fn print(&self) -> &Self {
        let (base, ours) = (millis(self.base.0), millis(self.ours.0));
        println!(
            "  {:<44} {ours:>8.2}   beside {base:>8.2}   difference {:>+8.2}   ratio {:>6.2}   (95%: {:.2}, {:.2})",
            self.label,
            ours - base,
            ours / base,
            millis(self.ours.1),
            millis(self.base.1),
        );
        self
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn quantile(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
