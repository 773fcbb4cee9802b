//! Coming back after a cut: from `cs attach` until the screen is painted.

use std::time::{Duration, Instant};

use testkit::{Terminal, wait_until};

use super::scene::{PATIENCE, Scene};
use super::{millis, print, quantile};

const ROUNDS: usize = 11;
/// A screen full, and then whatever is typed.
const PROGRAM: &str =
    "stty -echo; seq -f \"line %g of what was there before\" 1 500; echo painted; exec cat";

pub(super) fn attach(scene: &Scene) {
    scene.cs(&["live", "--command", PROGRAM]);
    let mut times = Vec::new();
    let mut connecting = Vec::new();
    for _ in 0..ROUNDS {
        cut(scene);
        wait_until("the connection", PATIENCE, || {
            scene.session()["link"]["state"] == "up"
        });
        times.push(painted(scene, "cs attach").0);
        cut(scene);
        // At once: the daemon is only about to connect again.
        connecting.push(painted(scene, "cs attach").0);
    }
    let plain: Vec<Duration> = (0..ROUNDS)
        .map(|_| painted(scene, "ssh -q -t dev@server 'echo painted; exec cat'").0)
        .collect();
    let beside = format!(
        "   (typed while it is cut: {:.1}; plain ssh -t until it shows anything: {:.1})",
        millis(quantile(&connecting, 0.5)),
        millis(quantile(&plain, 0.5)),
    );
    let took = quantile(&times, 0.5);
    print(
        scene,
        "cs attach after a cut, until painted",
        took,
        scene.bar(2, 50),
        &beside,
    );
    scene.cs(&["stop"]);
}

/// Ends the connection as a network does that forgets it: what carries it is killed on the laptop.
fn cut(scene: &Scene) {
    let script = "for each in /proc/[0-9]*; do
            [ \"$(cat $each/comm 2>/dev/null)\" = ssh ] && kill -KILL ${each#/proc/}
        done; true";
    scene.on_laptop(script);
}

/// How long it takes from starting the command until the last line is shown.
fn painted(scene: &Scene, command: &str) -> (Duration, Terminal) {
    let began = Instant::now();
    let terminal = scene.terminal(command);
    terminal.wait_for("painted", PATIENCE);
    (began.elapsed(), terminal)
}
