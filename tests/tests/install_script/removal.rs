//! What is removed, what stays, and what has to be taken back first.

use crate::scene::{SCRIPT, SHELLS, Scene, assert_says};

#[test]
fn what_was_changed_stays_and_is_named() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let (old, new) = (
        scene.archive("0.1.0", &["first"]),
        scene.archive("0.2.0", &[]),
    );
    let shell = SHELLS[2];
    let run = |words: &[&str]| scene.as_user(&[shell, &[SCRIPT], words].concat());
    drop(run(&["--archive", &old]).success());
    let documents = "/home/anna/.local/share/doc/claude-accounts";
    let unit = "/home/anna/.local/share/systemd/user/made-up-keeper.service";
    scene.sh(&format!(
        "echo mine >> {documents}/first/index.md; echo '# mine' >> {unit}"
    ));
    // An upgrade puts aside what it replaces, and leaves what it has no more.
    let ran = run(&["--archive", &new]).success();
    assert_says(
        &ran.stderr,
        &[&format!("{unit}.~1~ now"), "first/index.md stays"],
    );
    assert_says(&scene.host.read_text(&format!("{unit}.~1~")), &["# mine"]);
    scene.sh(&format!("echo mine >> {documents}/README.md"));
    let dry = run(&["--uninstall", "--dry-run"]).success();
    assert_says(
        &dry.stdout,
        &["would remove /home/anna/.local/bin/cs\n", "would keep"],
    );
    let ran = run(&["--uninstall"]).success();
    assert_says(&ran.stderr, &[&format!("{documents}/README.md stays")]);
    let left = scene.sh("cd /home/anna/.local && find . -type f | sort");
    let expected = "./share/doc/claude-accounts/README.md\n./share/doc/claude-accounts/first/index.md\n\
            ./share/systemd/user/made-up-keeper.service.~1~\n";
    assert_eq!(left, expected);
    let ran = run(&["--uninstall"]).code(3);
    assert_says(
        &ran.stderr,
        &["this script has installed nothing in /home/anna/.local"],
    );
    scene.sh("rm -r /home/anna/.local");
}

#[test]
fn a_server_is_taken_down_before_its_programs_are() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let owned = "mkdir -p /etc/claude-share /var/lib/claude-share /root/.claude /root/.claude-accounts &&
        echo SHARED_DIR=/shared > /etc/claude-share/config && echo {} > /var/lib/claude-share/state.json &&
        echo {} > /root/.claude/settings.json && echo x > /root/.claude-accounts/accounts.db";
    scene.sh(owned);
    let places = [
        "/etc/claude-share",
        "/var/lib/claude-share",
        "/root",
        "/usr/local",
    ];
    let before = scene.listing(&places);
    let shell = SHELLS[0];
    let run = |words: &[&str]| scene.host.run(&[shell, &[SCRIPT], words].concat());
    drop(run(&["--archive", &archive]).success());
    let installed = scene.listing(&places);
    let ran = run(&["--uninstall"]).code(15);
    assert_says(
        &ran.stderr,
        &[
            "a server is set up",
            "claude-share server uninstall",
            "--force",
        ],
    );
    assert_eq!(scene.listing(&places), installed);
    // A user's own programs are none of the server's.
    drop(
        scene
            .as_user(&[shell, &[SCRIPT, "--archive", &archive]].concat())
            .success(),
    );
    drop(
        scene
            .as_user(&[shell, &[SCRIPT, "--uninstall"]].concat())
            .success(),
    );
    drop(run(&["--uninstall", "--force"]).success());
    assert_eq!(scene.listing(&places), before);
}

/// A stand-in for systemctl that notes how it was called.
#[test]
fn systemd_is_told() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let systemctl = "#!/bin/sh
        echo \"$(id -un): $*\" >> /run/calls
        case \"$*\" in
        *--property=FragmentPath*made-up-server*) echo /usr/local/lib/systemd/system/made-up-server.service ;;
        *--property=FragmentPath*) echo /etc/systemd/user/made-up-keeper.service ;;
        esac";
    scene
        .host
        .write("/usr/local/sbin/systemctl", systemctl, 0o755);
    scene.sh("mkdir -p /run/systemd/system; : > /run/calls; chmod 666 /run/calls");
    drop(
        scene
            .host
            .run(&["dash", SCRIPT, "--archive", &archive])
            .success(),
    );
    // Enabled for all users.
    let enable = |unit: &str| {
        let wants = "/etc/systemd/user/default.target.wants";
        scene.sh(&format!("mkdir -p {wants} && ln -sf {unit} {wants}/"));
    };
    enable("/usr/local/lib/systemd/user/made-up-keeper.service");
    drop(scene.host.run(&["dash", SCRIPT, "--uninstall"]).success());
    let expected = "root: daemon-reload\n\
        root: show --property=FragmentPath --value made-up-server.service\n\
        root: disable --now made-up-server.service\n\
        root: --global disable made-up-keeper.service\n\
        root: daemon-reload\n";
    assert_eq!(scene.host.read_text("/run/calls"), expected);
    // One of the same name that is somebody else's goes on.
    drop(
        scene
            .host
            .run(&["dash", SCRIPT, "--archive", &archive])
            .success(),
    );
    enable("/usr/lib/systemd/user/made-up-keeper.service");
    scene.sh(": > /run/calls");
    drop(scene.host.run(&["dash", SCRIPT, "--uninstall"]).success());
    let calls = scene.host.read_text("/run/calls");
    assert!(!calls.contains("--global"), "{calls}");
    scene.sh(": > /run/calls");
    drop(
        scene
            .as_user(&["dash", SCRIPT, "--archive", &archive])
            .success(),
    );
    drop(scene.as_user(&["dash", SCRIPT, "--uninstall"]).success());
    let expected = "anna: --user daemon-reload\n\
        anna: --user show --property=FragmentPath --value made-up-keeper.service\n\
        anna: --user daemon-reload\n";
    assert_eq!(scene.host.read_text("/run/calls"), expected);
    scene.sh(": > /run/calls");
    drop(
        scene
            .as_user(&["dash", SCRIPT, "--no-services", "--archive", &archive])
            .success(),
    );
    drop(
        scene
            .as_user(&["dash", SCRIPT, "--no-services", "--uninstall"])
            .success(),
    );
    assert_eq!(scene.host.read_text("/run/calls"), "");
}
