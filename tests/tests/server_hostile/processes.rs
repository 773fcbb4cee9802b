//! What a user can do to processes: those that work in his home have his number, so he may stop and kill them.

use end_to_end::LIMIT;
use rustix::process::Signal;
use testkit::Process;

use crate::scene::Scene;

const RENEWALS: usize = 10;

/// Sends a signal to everybody who may be sent one, all the time.
const SIGNAL: &str = r#"
import os, sys
number = int(sys.argv[1])
print('begun', flush=True)
while True:
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        pass
"#;

/// Locks the home as our workers do, and `.claude.json` as the client does, and stays.
const LOCK: &str = r#"
import fcntl, os, time
home = os.environ['HOME']
handle = os.open(home, os.O_RDONLY)
fcntl.flock(handle, fcntl.LOCK_EX)
lock = os.path.join(home, '.claude.json.lock')
try:
    os.mkdir(lock)
except FileExistsError:
    pass
print('begun', flush=True)
while True:
    os.utime(lock)
    time.sleep(1)
"#;

const CROWD: &str = r#"
import os, signal
count = 0
while count < 60:
    if os.fork() == 0:
        signal.pause()
    count += 1
print('begun', flush=True)
signal.pause()
"#;

const STOP: &str = "19";
const KILL: &str = "9";

fn end_all_of(scene: &Scene, mut hostile: Process) {
    // Itself and not what waits for it, so that it sends no signal any more.
    scene.host().signal(&hostile, Signal::KILL);
    hostile.wait(LIMIT);
    // By himself: it reaches the processes that work for him, too, and ends with itself.
    drop(
        scene
            .host()
            .run_quickly_as("mallory", &["sh", "-c", "kill -KILL -1"]),
    );
}

#[test]
fn stopped_killed_and_locked_out() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    for (what, script, arguments) in [
        ("every process of his is killed", SIGNAL, &[KILL][..]),
        ("every process of his is stopped", SIGNAL, &[STOP]),
        ("his home is locked", LOCK, &[]),
    ] {
        let hostile = scene.script("mallory", script, arguments);
        for _renewal in 0..RENEWALS {
            scene.serve_the_honest(what);
        }
        scene.assert_harmless(what);
        let told = scene.wait_for_trouble("mallory");
        eprintln!("{what}: {told}");
        end_all_of(&scene, hostile);
        scene.as_root(
            "rm -rf /home/mallory/.claude.json.lock /home/mallory/.claude/.credentials.json",
        );
        // He is looked at when there is something for him, at the latest after a minute.
        scene.server.renew();
        scene.server.wait_for_good_home("mallory");
        scene.wait_until_all_is_well(what);
    }
}

/// The keeper's own limit is what counts for the processes that have become the user.
#[test]
fn no_more_processes_for_him() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    let limit = format!(
        "for pid in {0} $(pgrep -P {0}); do prlimit --nproc=50:50 --pid $pid; done",
        scene.keeper_pid()
    );
    scene.as_root(&limit);
    let hostile = scene.script("mallory", CROWD, &[]);
    for _renewal in 0..RENEWALS {
        scene.serve_the_honest("too many processes");
    }
    scene.assert_harmless("too many processes");
    // They start nothing, so it costs not even him anything.
    scene.server.wait_for_good_home("mallory");
    end_all_of(&scene, hostile);
    scene.server.wait_for_good_home("mallory");
    scene.wait_until_all_is_well("too many processes");
}
