//! Who edits on the server and runs on the laptop, and who runs on the laptop and reads on the server, never sees what was
//! there before. `CLAUDE_ACCOUNTS_TEST_ROUNDS=10000` does more rounds than the usual thousand.

use std::time::Duration;

use end_to_end::LIMIT;
use testkit::Process;

use crate::scene::{agreed_far_apart_or_skip, begin, driver, rounds};

const PROGRAM: &str = include_str!("rounds.py");
/// How long a round may take on a busy machine, beside the way.
const EACH: Duration = Duration::from_millis(240);

#[test]
fn no_byte_is_stale_next_door() {
    no_byte_is_stale(Duration::ZERO, rounds(1000));
}

#[test]
fn no_byte_is_stale_over_20_ms() {
    no_byte_is_stale(Duration::from_millis(20), rounds(1000) / 10);
}

#[test]
fn no_byte_is_stale_over_80_ms() {
    no_byte_is_stale(Duration::from_millis(80), rounds(1000) / 50);
}

fn no_byte_is_stale(round_trip: Duration, count: usize) {
    let Some(machines) = agreed_far_apart_or_skip(round_trip) else {
        return;
    };
    begin(&machines, &[]);
    let seed = std::process::id().to_string();
    let mut process = driver(&machines, PROGRAM, &[&count.to_string(), &seed]);
    // Each round takes several ways there and back for what the mount is asked.
    let each = EACH + 40 * round_trip;
    let status = process.wait(LIMIT + each * u32::try_from(count).unwrap());
    assert!(status.success(), "seed {seed}: {:#?}", last(&process));
    let told = process.wait_for_line(0, LIMIT);
    assert_eq!(told, format!("rounds {count} stale 0"));
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

/// The end of what it has said.
fn last(process: &Process) -> Vec<String> {
    let lines = process.lines();
    lines[lines.len().saturating_sub(30)..].to_vec()
}
