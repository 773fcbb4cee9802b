//! Cut off on the way here, killed, or stopped by its user.

use crate::scene::{SCRIPT, Scene, assert_says};

/// In front of PATH: a tool that ends the script when it is called for the `$AT`th time, and otherwise is the tool.
const ENDING_TOOL: &str = "#!/bin/sh
tool=${0##*/}
count=$(cat /run/ending/count); count=$((count + 1)); echo $count > /run/ending/count
if [ $count = $(cat /run/ending/at) ]; then kill -$(cat /run/ending/signal) $PPID; exit 1; fi
exec /bin/$tool \"$@\"
";

/// Has `tool` end the script when it is called for the `at`th time.
fn end_at(scene: &Scene, tool: &str, at: u32, signal: &str) {
    scene.sh("rm -rf /opt/ending /run/ending; mkdir -p /opt/ending; mkdir -m 777 /run/ending");
    scene
        .host
        .write(&format!("/opt/ending/{tool}"), ENDING_TOOL, 0o755);
    scene.sh(&format!(
        "cd /run/ending; echo 0 > count; echo {at} > at; echo {signal} > signal; chmod 666 *"
    ));
}

fn run_ending(scene: &Scene, shell: &str, words: &[&str]) -> testkit::Ran {
    let before: &[&str] = &["env", "PATH=/opt/ending:/usr/bin:/bin", shell, SCRIPT];
    scene.as_user(&[before, words].concat())
}

/// What a killed run leaves in the directory for temporary files is the one thing that the next does not remove.
fn forget_temporary_files(scene: &Scene) {
    scene.sh("rm -rf /tmp/claude-accounts-install.*");
}

#[test]
fn a_script_that_was_cut_off_does_nothing() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let before = scene.listing(&["/home/anna"]);
    let lengths = "length=$(wc -c < $1); seq 1 1231 $length; seq $((length - 60)) $((length - 2))";
    let script = format!(
        "for length in $({lengths}); do
            head -c $length $1 > $HOME/cut
            for shell in bash dash 'busybox ash'; do
                $shell -s -- --archive $2 < $HOME/cut > $HOME/out 2>&1
                if [ -e $HOME/.local ] || grep -q '^installing' $HOME/out; then echo \"$shell $length\"; fi
            done
        done
        rm $HOME/cut $HOME/out"
    );
    let ran = scene
        .as_user(&["sh", "-c", &script, "sh", SCRIPT, &archive])
        .success();
    assert_eq!(ran.stdout, "");
    assert_eq!(scene.listing(&["/home/anna"]), before);
    // The last newline is not needed.
    let whole = "head -c $(($(wc -c < $1) - 1)) $1 | dash -s -- --archive $2";
    drop(
        scene
            .as_user(&["sh", "-c", whole, "sh", SCRIPT, &archive])
            .success(),
    );
    scene.assert_version("/home/anna/.local/bin", "0.1.0");
}

#[test]
fn killed_anywhere_it_ends_well_when_it_is_run_again() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let (old, new) = (
        scene.archive("0.1.0", &["first"]),
        scene.archive("0.2.0", &["second"]),
    );
    let before = scene.listing(&["/home/anna"]);
    let killed = |tool: &str, at: u32, words: &[&str]| {
        let shell = if at.is_multiple_of(2) { "bash" } else { "dash" };
        end_at(&scene, tool, at, "KILL");
        let ran = run_ending(&scene, shell, words);
        assert!(
            !ran.status.success(),
            "{shell} was not killed at {tool} {at}"
        );
        forget_temporary_files(&scene);
    };
    let run = |words: &[&str]| {
        let ran = scene.as_user(&[&["dash", SCRIPT], words].concat());
        drop(ran.success());
    };
    // Before the list of files is there, among those that are staged, and among those that are renamed.
    for (tool, at) in [
        ("cp", 2),
        ("cp", 5),
        ("chmod", 3),
        ("mv", 2),
        ("mv", 3),
        ("mv", 8),
        ("rm", 3),
    ] {
        killed(tool, at, &["--archive", &old]);
        run(&["--archive", &old]);
        scene.assert_version("/home/anna/.local/bin", "0.1.0");
        killed(tool, at, &["--archive", &new]);
        run(&["--archive", &new]);
        scene.assert_version("/home/anna/.local/bin", "0.2.0");
        assert!(
            !scene
                .host
                .exists("/home/anna/.local/share/doc/claude-accounts/first")
        );
        killed(tool, at, &["--archive", &old]);
        run(&["--uninstall"]);
        assert_eq!(
            scene.listing(&["/home/anna"]),
            before,
            "killed at {tool} {at}"
        );
    }
    for (tool, at) in [("rm", 2), ("rm", 9), ("rmdir", 2)] {
        run(&["--archive", &old]);
        end_at(&scene, tool, at, "KILL");
        drop(run_ending(&scene, "dash", &["--uninstall"]));
        forget_temporary_files(&scene);
        run(&["--archive", &new]);
        run(&["--uninstall"]);
        assert_eq!(
            scene.listing(&["/home/anna"]),
            before,
            "killed at {tool} {at}"
        );
    }
}

#[test]
fn stopped_by_its_user_it_takes_back_what_it_did() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let before = scene.listing(&["/home/anna"]);
    // Not BusyBox: its tools may be built into its shell, and are not asked for in PATH.
    for shell in ["bash", "dash"] {
        for (tool, at, signal) in [
            ("gzip", 1, "TERM"),
            ("cp", 1, "INT"),
            ("cp", 9, "TERM"),
            ("chmod", 2, "HUP"),
        ] {
            end_at(&scene, tool, at, signal);
            let ran = run_ending(&scene, shell, &["--archive", &archive]).code(11);
            assert_says(&ran.stderr, &["error: stopped; nothing was changed"]);
            assert_eq!(
                scene.listing(&["/home/anna"]),
                before,
                "{shell:?} {tool} {at}"
            );
        }
        // While files are put in place, it goes on to the end.
        end_at(&scene, "mv", 6, "TERM");
        drop(run_ending(&scene, shell, &["--archive", &archive]));
        drop(
            scene
                .as_user(&["dash", SCRIPT, "--archive", &archive])
                .success(),
        );
        drop(scene.as_user(&["dash", SCRIPT, "--uninstall"]).success());
        assert_eq!(scene.listing(&["/home/anna"]), before);
    }
}
