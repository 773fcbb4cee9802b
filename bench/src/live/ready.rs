//! From `cs live` to a mount that can be used.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::scene::{PROJECT, Scene};
use super::{millis, print, quantile};

const ROUNDS: usize = 5;
const MANY_FILES: usize = 100_000;
const AT_ONCE: usize = 10;

pub(super) fn ready(scene: &Scene) {
    let plain: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let mut command = scene.laptop.command_as_user("dev", "ssh");
            command.args(["-q", "-T", "dev@server", "true"]);
            timed(command)
        })
        .collect();
    let plain = quantile(&plain, 0.5);
    let bar = plain + Duration::from_secs(2);
    let beside = format!("   (plain ssh true: {:.1})", millis(plain));
    scene.on_laptop(&format!(
        "cd {PROJECT} && mkdir -p small && for n in $(seq 20); do echo $n > small/$n; done"
    ));
    let small = repeated(scene, &format!("{PROJECT}/small"));
    print(scene, "cs live, 20 files", small, bar, &beside);
    let make = format!(
        "mkdir many && cd many && for d in $(seq 100); do mkdir $d && (cd $d && seq {} | xargs touch); done",
        MANY_FILES / 100
    );
    scene.on_laptop(&make);
    let many = repeated(scene, "/home/dev/many");
    print(
        scene,
        &format!("cs live, {MANY_FILES} files"),
        many,
        bar,
        &beside,
    );
    let slowest = at_once(scene);
    let label = format!("{AT_ONCE} times cs live at once, the slowest");
    print(scene, &label, slowest, bar, &beside);
}

fn repeated(scene: &Scene, directory: &str) -> Duration {
    let times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let took = timed(scene.cs_in(directory, &["live", "--no-claude"]));
            scene.cs(&["stop"]);
            took
        })
        .collect();
    quantile(&times, 0.5)
}

fn at_once(scene: &Scene) -> Duration {
    scene.on_laptop(&format!(
        "for n in $(seq {AT_ONCE}); do mkdir -p sessions/$n && echo $n > sessions/$n/number; done"
    ));
    let slowest = thread::scope(|scope| {
        let starting: Vec<_> = (1..=AT_ONCE)
            .map(|number| {
                let directory = format!("/home/dev/sessions/{number}");
                scope.spawn(move || timed(scene.cs_in(&directory, &["live", "--no-claude"])))
            })
            .collect();
        let times = starting.into_iter().map(|thread| thread.join().unwrap());
        times.max().unwrap_or_default()
    });
    scene.cs(&["stop", "--all"]);
    slowest
}

fn timed(mut command: Command) -> Duration {
    command.stdout(Stdio::null());
    let began = Instant::now();
    let status = command.status().unwrap();
    let took = began.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took
}
