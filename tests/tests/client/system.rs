//! What the server's system has, and what to install.

use crate::pair::Pair;

#[test]
fn what_is_missing_is_told_in_the_words_of_the_distribution() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    for name in ["fusermount3", "sshfs", "claude"] {
        pair.server.remove_program(name);
    }
    for (release, command) in [
        ("ID=debian\n", "sudo apt install fuse3"),
        (
            "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
            "sudo dnf install fuse3",
        ),
        ("ID=alpine\n", "sudo apk add fuse3"),
    ] {
        pair.server.run(&["rm", "-f", "/etc/os-release"]).success();
        pair.server.write("/etc/os-release", release, 0o644);
        let ran = pair.init(&[]).code(13);
        let missing = format!("✗ fusermount3 is not there: install it on the server: {command}");
        assert!(ran.stdout.contains(&missing), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("only --mount sshfs needs it"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stderr.contains("warning: Claude Code is not there"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("error: the server is not ready") && ran.stderr.contains("hint: "),
            "{}",
            ran.stderr
        );
    }
    let check = pair.run(&["status", "--check"]).code(13);
    assert!(
        check.stdout.contains("✗ fusermount3 is not there"),
        "{}",
        check.stdout
    );
    // Everything else is in its place: what was asked for, installed, ends it.
    pair.server
        .write("/usr/local/bin/fusermount3", "#!/bin/sh\n", 0o755);
    let ran = pair.init(&[]).success();
    assert!(ran.stdout.contains("Nothing to do."), "{}", ran.stdout);
    drop(pair.run(&["status", "--check"]).success());
}

#[test]
fn a_device_that_the_user_may_not_open_is_told() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    if !pair.server.exists("/dev/fuse") {
        return testkit::skip("needs /dev/fuse");
    }
    pair.server.run(&["chmod", "600", "/dev/fuse"]).success();
    let ran = pair.init(&[]).code(13);
    assert!(
        ran.stdout.contains("✗ FUSE: /dev/fuse is there, but"),
        "{}",
        ran.stdout
    );
    pair.server.run(&["rm", "/dev/fuse"]).success();
    let ran = pair.init(&[]).code(13);
    assert!(
        ran.stdout.contains("✗ FUSE: there is no /dev/fuse"),
        "{}",
        ran.stdout
    );
    let quiet = pair.init(&["--quiet"]).code(13);
    assert!(
        quiet.stdout.is_empty() && quiet.stderr.contains("modprobe fuse"),
        "{quiet:?}"
    );
}
