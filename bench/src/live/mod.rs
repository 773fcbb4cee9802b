//! Live sessions between two disposable hosts, beside plain `ssh`, at round trips of 0, 20 and 80 ms.

mod attach;
mod changes;
mod commands;
mod echo;
mod ready;
mod scene;

use std::time::Duration;

use scene::Scene;

use crate::{options, results};

/// In milliseconds, unless told otherwise by `--rtt=0,20,80`; what the network of the hosts themselves takes comes on top.
const ROUND_TRIPS: [u64; 3] = [0, 20, 80];

/// Measures one kind of work, and prints it.
type Line = fn(&Scene);

pub(crate) fn live() {
    println!("\nlive sessions beside plain ssh (ms); a bar is what must hold at that round trip");
    let lines: [(&str, Line); 5] = [
        ("echo", echo::echo),
        ("attach", attach::attach),
        ("changes", changes::changes),
        ("commands", commands::commands),
        ("ready", ready::ready),
    ];
    for round_trip in options::round_trips(&ROUND_TRIPS) {
        let scene = Scene::new(round_trip);
        for (_, measure) in lines
            .iter()
            .filter(|(name, _)| options::is_wanted_line(name))
        {
            measure(&scene);
        }
    }
}

/// A line of the report: how long something took, and whether that is within the bar.
fn print(scene: &Scene, label: &str, took: Duration, bar: Duration, beside: &str) {
    let verdict = match took <= bar {
        true => "holds",
        false => "DOES NOT HOLD",
    };
    println!(
        "  {:>3} ms  {label:<46} {:>9.2}   bar {:>8.2}   {:>5.2} of it   {verdict}{beside}",
        scene.round_trip.as_millis(),
        millis(took),
        millis(bar),
        millis(took) / millis(bar),
    );
}

/// Keeps both sides, in milliseconds; see [`results`].
fn keep(scene: &Scene, line: &str, ours: Duration, beside: Duration) {
    let id = format!("live/{line}/{}", scene.round_trip.as_millis());
    results::keep(&id, millis(ours), millis(beside));
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What `part` of the times are within.
fn quantile(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
