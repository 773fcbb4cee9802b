//! The server may be far away: whatever a round trip takes, everything works.

use std::time::Duration;

use end_to_end::LIMIT;
use testkit::wait_until;

use end_to_end::machines::Machines;

#[test]
fn a_session_next_door() {
    a_session_over(Duration::ZERO);
}

#[test]
fn a_session_over_20_ms() {
    a_session_over(Duration::from_millis(20));
}

#[test]
fn a_session_over_80_ms() {
    a_session_over(Duration::from_millis(80));
}

fn a_session_over(round_trip: Duration) {
    let Some(machines) = Machines::far_apart_or_skip(round_trip) else {
        return;
    };
    drop(
        machines
            .on_laptop("echo one > project/laptop.txt && echo data > data/one")
            .success(),
    );
    // The list of extra directories stays, also an empty one.
    for verb in ["add", "remove"] {
        drop(machines.cs(&[verb, "../data"]).success());
    }
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    wait_until("a round trip", LIMIT, || {
        round_trip_is(&machines, round_trip)
    });
    let mount = machines.main_mount();
    let there = format!("{mount}/laptop.txt");
    let read = || machines.on_server(&format!("cat {there}")).success().stdout;
    assert_eq!(read(), "one\n");
    drop(
        machines
            .on_laptop("echo two > project/laptop.txt")
            .success(),
    );
    wait_until("the change on the server", LIMIT, || read() == "two\n");
    let write = format!("echo three > {there} && sync {there}");
    drop(machines.on_server(&write).success());
    let here = machines.on_laptop("cat project/laptop.txt").success();
    assert_eq!(here.stdout, "three\n");

    let script = "cat laptop.txt; echo told >&2; exit 7";
    let ran = machines.cs(&["run", "sh", "-c", script]).code(7);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("three\n", "told\n")
    );
    drop(machines.cs(&["add", "../data"]).success());
    let extra = format!("cat {}/1-data/one", mount.replace("/mounts/", "/extras/"));
    assert_eq!(machines.on_server(&extra).success().stdout, "data\n");
    drop(machines.cs(&["remove", "../data"]).success());

    let stopped = machines.cs(&["stop"]).success();
    assert_eq!(stopped.stderr, "");
    drop(
        machines
            .on_laptop("[ $(cat project/laptop.txt) = three ]")
            .success(),
    );
    machines.wait_until_only(&before);
}

/// Whether one was measured. It takes as long as that at least: so the server is as far away as it is to be.
fn round_trip_is(machines: &Machines, least: Duration) -> bool {
    let measured = machines.session()["link"]["round_trip_us"].as_u64();
    measured.is_some_and(|measured| {
        assert!(u128::from(measured) >= least.as_micros(), "{measured} µs");
        true
    })
}
