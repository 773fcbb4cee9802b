//! Archives that somebody made to do harm, or that are damaged.

use crate::scene::{RELEASES, SCRIPT, SHELLS, Scene, assert_says, directory_name};

/// Each changes the unpacked archive in the working directory's `$1`, and packs it as `$2`.
const CASES: [(&str, &str, &str); 14] = [
    (
        "a name outside",
        "echo x > x; tar -czf $2 --transform='s|^x$|../x|' -P $1 x",
        "is no archive of a release",
    ),
    (
        "a name that leads out",
        "tar -czf $2 -P $1 --transform='s|/share/doc|/../doc|'",
        "is no archive of a release",
    ),
    (
        "an absolute name",
        "echo x > x; tar -czf $2 --transform='s|^x$|/tmp/evil|' -P $1 x",
        "is no archive of a release",
    ),
    (
        "a link",
        "ln -s /tmp $1/share/evil; tar -czf $2 $1",
        "more than files and directories",
    ),
    (
        "a program that is a link",
        "ln -sf /bin/true $1/bin/cs; tar -czf $2 $1",
        "more than files and directories",
    ),
    (
        "a hard link",
        "ln $1/bin/cs $1/bin/evil; tar -czf $2 $1",
        "more than files and directories",
    ),
    (
        "a device",
        "mknod $1/share/evil c 1 3; tar -czf $2 $1",
        "more than files and directories",
    ),
    (
        "a FIFO",
        "mkfifo $1/share/evil; tar -czf $2 $1",
        "more than files and directories",
    ),
    (
        "two directories",
        "mkdir other; tar -czf $2 $1 other",
        "lies beside",
    ),
    (
        "a letter that tools mistake",
        "echo x > \"$1/share/a b\"; tar -czf $2 $1",
        "it holds the name",
    ),
    (
        "a file that nobody listed",
        "echo x > $1/share/evil; tar -czf $2 $1",
        "share/evil is not as SHA256SUMS",
    ),
    (
        "a file that was changed",
        "echo x >> $1/bin/cs; tar -czf $2 $1",
        "bin/cs is not as SHA256SUMS",
    ),
    (
        "a file that is missing",
        "rm $1/share/man/man1/cs.1; tar -czf $2 $1",
        "share/man/man1/cs.1 is not as SHA256SUMS",
    ),
    (
        "half of it",
        "tar -czf whole $1; head -c 1500 whole > $2",
        "is no archive of a release",
    ),
];

#[test]
fn a_hostile_or_damaged_archive_changes_nothing() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let name = directory_name("0.1.0");
    scene.sh("mkdir /opt/tools && for tool in $(busybox --list); do ln -s \"$(command -v busybox)\" /opt/tools/$tool; done");
    let before = scene.listing(&["/home/anna"]);
    for (case, script, message) in CASES {
        let pack = format!(
            "set -e; rm -rf /opt/evil; mkdir /opt/evil; cd /opt/evil; tar -xzf {archive}; set -- {name} /opt/evil.tar.gz; {script}"
        );
        scene.sh(&pack);
        // The tar of the machine, and BusyBox's.
        for tools in ["PATH=/usr/bin:/bin", "PATH=/opt/tools"] {
            let words = [
                "env",
                tools,
                "/bin/dash",
                SCRIPT,
                "--archive",
                "/opt/evil.tar.gz",
            ];
            let ran = scene.as_user(&words).code(9);
            assert_says(&ran.stderr, &[message]);
            assert_eq!(scene.listing(&["/home/anna"]), before, "{case}");
        }
    }
}

#[test]
fn an_unpacked_archive_is_checked_too() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let unpacked = scene.unpack(&scene.archive("0.1.0", &[]));
    let script = format!("{unpacked}/install.sh");
    let before = scene.listing(&["/home/anna"]);
    for (change, undo, message) in [
        (
            "echo x >> bin/claude-share",
            "sed -i '$d' bin/claude-share",
            "bin/claude-share is not as SHA256SUMS",
        ),
        (
            "ln -s /etc/passwd share/evil",
            "rm share/evil",
            "share/evil is neither file nor directory",
        ),
        ("mv bin/cs cs", "mv cs bin/cs", "bin/cs is missing"),
    ] {
        scene.sh(&format!("cd {unpacked} && {change}"));
        for shell in SHELLS {
            let ran = scene.as_user(&[shell, &[&script]].concat()).code(9);
            assert_says(&ran.stderr, &[message]);
            assert_eq!(scene.listing(&["/home/anna"]), before, "{change}");
        }
        scene.sh(&format!("cd {unpacked} && {undo}"));
    }
    drop(scene.as_user(&["dash", &script]).success());
}

/// Somebody else may have put an archive's files into /tmp, where the script was downloaded to.
#[test]
fn what_lies_beside_the_script_where_anybody_may_write_is_not_installed() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let unpacked = scene.unpack(&scene.archive("0.1.0", &[]));
    let script = format!("{unpacked}/install.sh");
    let before = scene.listing(&["/home/anna"]);
    scene.sh(&format!("chmod 1777 {unpacked}"));
    for shell in SHELLS {
        let ran = scene.as_user(&[shell, &[&script]].concat()).code(2);
        assert_says(&ran.stderr, &["Nothing lies beside this script"]);
        assert_eq!(scene.listing(&["/home/anna"]), before, "{shell:?}");
    }
    scene.sh(&format!("chmod 755 {unpacked}"));
    drop(scene.as_user(&["dash", &script]).success());
}

/// Root removes what a list says that somebody else may have written.
#[test]
fn a_list_that_names_files_elsewhere_is_refused() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let prefix = ["--prefix", "/opt/there"];
    drop(
        scene
            .host
            .run(&[&["dash", SCRIPT, "--archive", &archive][..], &prefix].concat())
            .success(),
    );
    scene.sh("mkdir -p /opt/empty && echo x > /opt/victim");
    let manifest = "/opt/there/share/claude-accounts/manifest";
    let sum = scene.sh("sha256sum /opt/victim")[..64].to_owned();
    let honest = scene.host.read_text(manifest);
    scene.host.write(
        manifest,
        format!("{honest}file {sum} 644 ../victim\n"),
        0o644,
    );
    let ran = scene
        .host
        .run(&[&["dash", SCRIPT, "--uninstall"][..], &prefix].concat())
        .code(9);
    assert_says(&ran.stderr, &["it holds the name ../victim"]);
    let directories = "directory /opt/empty\ndirectory /opt/there/../empty\n";
    scene
        .host
        .write(manifest, format!("{honest}{directories}"), 0o644);
    drop(
        scene
            .host
            .run(&[&["dash", SCRIPT, "--uninstall"][..], &prefix].concat())
            .success(),
    );
    assert!(scene.host.exists("/opt/victim") && scene.host.exists("/opt/empty"));
    assert!(!scene.host.exists("/opt/there") && scene.host.exists(RELEASES));
}
