//! Two sides measured in turn.

use std::process::Command;
use std::time::{Duration, Instant};

/// Times of both sides, in the order of measuring.
pub(crate) struct Pair {
    base: Vec<Duration>,
    ours: Vec<Duration>,
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

    pub(crate) fn print(&self) {
        let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        let (base, ours) = (millis(self.base.0), millis(self.ours.0));
        println!(
            "  {:<44} {ours:>8.2}   beside {base:>8.2}   difference {:>+8.2}   ratio {:>6.2}   (95%: {:.2}, {:.2})",
            self.label,
            ours - base,
            ours / base,
            millis(self.ours.1),
            millis(self.base.1),
        );
    }
}

fn quantile(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
