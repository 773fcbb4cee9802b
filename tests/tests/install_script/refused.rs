//! What cannot be done is said, with its own exit code, and leaves everything as it was.

use crate::scene::{RELEASES, SCRIPT, SHELLS, Scene, assert_says};
use testkit::Process;

#[test]
fn a_prefix_that_cannot_be_written_is_left_as_it_was() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let (old, new) = (
        scene.archive("0.1.0", &[]),
        scene.archive("0.2.0", &["new"]),
    );
    scene.sh("mkdir /opt/full /opt/fixed /opt/fixed/bin /opt/silent; chown -R anna /opt/full /opt/fixed /opt/silent");
    // Room for the first version, not for a second beside it.
    scene.host.small_file_system("/opt/full", 160 * 1024);
    scene.sh("mount --bind /opt/fixed /opt/fixed && mount -o remount,bind,ro /opt/fixed");
    scene.sh("mount -t tmpfs -o noexec,mode=0777 tmpfs /opt/silent");
    drop(
        scene
            .as_user(&["dash", SCRIPT, "--archive", &old, "--prefix", "/opt/full"])
            .success(),
    );
    scene.sh("head -c 1000000 /dev/zero > /opt/full/rest || head -c -4096 /opt/full/rest > /tmp/rest || true; rm -f /tmp/rest");
    let places = [
        "/home/anna",
        "/opt/full",
        "/opt/fixed",
        "/opt/silent",
        "/usr/local",
    ];
    let before = scene.listing(&places);
    let shell = SHELLS[1];
    for (prefix, code, message) in [
        ("/opt/full", 6, "cannot write in /opt/full"),
        ("/opt/fixed", 6, "cannot write in /opt/fixed"),
        ("/opt/silent", 14, "does not run in /opt/silent/bin"),
        ("/usr/local", 6, "cannot write in /usr/local"),
        ("/root/x", 6, "cannot write in /root"),
    ] {
        let words: &[&str] = &[SCRIPT, "--archive", &new, "--prefix", prefix];
        let ran = scene.as_user(&[shell, words].concat()).code(code);
        assert_says(&ran.stderr, &["error: ", "hint: ", message]);
        assert_eq!(scene.listing(&places), before, "{shell:?} {prefix}");
    }
    // Root can write everywhere, but not there.
    let words: &[&str] = &[SCRIPT, "--archive", &new, "--prefix", "/opt/fixed"];
    drop(scene.host.run(&[shell, words].concat()).code(6));
    scene.assert_version("/opt/full/bin", "0.1.0");
    let ran = scene
        .as_user(&["env", "TMPDIR=/none", "dash", SCRIPT, "--archive", &new])
        .code(6);
    assert_says(&ran.stderr, &["cannot write in /none"]);
}

#[test]
fn another_machine_or_a_missing_tool_is_told() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let before = scene.listing(&["/home/anna"]);
    // The header of a program for RISC-V.
    let unpacked = scene.unpack(&archive);
    scene.sh(&format!(
        "cd {unpacked} && printf '\\177ELF\\2\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\363\\0' > bin/claude-accounts &&
         find . -type f ! -name SHA256SUMS | sed 's|^./||' | xargs sha256sum > SHA256SUMS"
    ));
    let ran = scene
        .as_user(&["dash", &format!("{unpacked}/install.sh")])
        .code(14);
    assert_says(
        &ran.stderr,
        &["these programs are for another processor, and this machine is"],
    );
    // Tools that are missing are all named.
    scene.sh("mkdir /opt/tools && for tool in $(busybox --list); do ln -s \"$(command -v busybox)\" /opt/tools/$tool; done
        rm /opt/tools/gzip /opt/tools/sha256sum");
    let words = [
        "env",
        "PATH=/opt/tools",
        "/bin/dash",
        SCRIPT,
        "--archive",
        &archive,
    ];
    let ran = scene.as_user(&words).code(13);
    assert_says(&ran.stderr, &["not in PATH: gzip sha256sum"]);
    let uname = "#!/bin/sh\ncase $1 in -s) echo Darwin;; *) echo arm64;; esac\n";
    scene.host.write("/usr/local/bin/uname", uname, 0o755);
    let ran = scene
        .as_user(&["dash", SCRIPT, "--archive", &archive])
        .code(14);
    assert_says(&ran.stderr, &["releases are for Linux, and this is Darwin"]);
    assert_eq!(scene.listing(&["/home/anna"]), before);
}

#[test]
fn files_of_something_else_are_not_replaced_unless_forced_and_then_kept() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let shell = SHELLS[2];
    let run =
        |words: &[&str]| scene.as_user(&[shell, &[SCRIPT, "--archive", &archive], words].concat());
    let local = "/home/anna/.local";
    // Another program of that name, a link, and a directory.
    scene.as_user(&["sh", "-c", "mkdir -p .local/bin && printf '#!/bin/sh\\necho 2.1.24\\n' > .local/bin/cs && chmod 755 .local/bin/cs"]).success();
    let before = scene.listing(&["/home/anna"]);
    let ran = run(&[]).code(4);
    assert_says(
        &ran.stderr,
        &[
            "something else has put /home/anna/.local/bin/cs there",
            "--force",
        ],
    );
    assert_eq!(scene.listing(&["/home/anna"]), before);
    scene
        .as_user(&["ln", "-s", "/bin/true", ".local/bin/claude-share"])
        .success();
    let ran = run(&["--force"]).success();
    assert_says(
        &ran.stderr,
        &["/home/anna/.local/bin/cs.~1~ now", "claude-share.~1~ now"],
    );
    scene.assert_version(&format!("{local}/bin"), "0.1.0");
    drop(scene.as_user(&["dash", SCRIPT, "--uninstall"]).success());
    assert_eq!(
        scene.sh("ls /home/anna/.local/bin"),
        "claude-share.~1~\ncs.~1~\n"
    );
    scene
        .as_user(&["sh", "-c", "rm .local/bin/*; mkdir .local/bin/cs"])
        .success();
    let before = scene.listing(&["/home/anna"]);
    let ran = run(&["--force"]).code(4);
    assert_says(&ran.stderr, &["there is a directory where a file belongs"]);
    assert_eq!(scene.listing(&["/home/anna"]), before);
    scene.sh("rm -r /home/anna/.local");
}

#[test]
fn one_installation_at_a_time() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    // A program that is tried, and stays until it is told.
    let unpacked = scene.unpack(&archive);
    scene.sh(&format!(
        "mkfifo /opt/go /opt/here; chmod 666 /opt/go /opt/here; cd {unpacked} &&
         printf '#!/bin/sh\\necho here > /opt/here; read -r go < /opt/go; echo cs 0.1.0\\n' > bin/cs &&
         find . -type f ! -name SHA256SUMS | sed 's|^./||' | xargs sha256sum > SHA256SUMS"
    ));
    let mut command = scene.host.command_as_user("anna", "dash");
    command.arg(format!("{unpacked}/install.sh"));
    let mut first = Process::spawn_talking(command);
    drop(scene.as_user(&["cat", "/opt/here"]).success());
    let ran = scene
        .as_user(&["dash", SCRIPT, "--archive", &archive])
        .code(10);
    assert_says(
        &ran.stderr,
        &["another installation in /home/anna/.local is under way: process "],
    );
    scene.as_user(&["sh", "-c", "echo go > /opt/go"]).success();
    assert!(first.wait(end_to_end::LIMIT).success());
    assert!(
        !scene
            .host
            .exists("/home/anna/.local/share/claude-accounts/lock")
    );
}

#[test]
fn usage_is_checked() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let before = scene.listing(&["/home/anna", "/usr/local"]);
    let cases: [(&[&str], &str); 8] = [
        (&["--frobnicate"], "there is no option --frobnicate"),
        (&["--user", "--system"], "contradict"),
        (&["--prefix"], "--prefix needs a value"),
        (&["--prefix", "/"], "not a directory to install into"),
        (
            &["--prefix", "/opt/../x"],
            "not a directory to install into",
        ),
        (&["--prefix", "/opt/$x"], "not a directory to install into"),
        (
            &["--prefix", "/opt/a\nb"],
            "not a directory to install into",
        ),
        (&["--prefix", "/opt/[a]"], "not a directory to install into"),
    ];
    for shell in SHELLS {
        for (options, message) in cases {
            let ran = scene
                .as_user(&[shell, &[SCRIPT, "--archive", &archive], options].concat())
                .code(2);
            assert_says(&ran.stderr, &[message]);
        }
        assert_says(
            &scene
                .as_user(&[shell, &[SCRIPT, "--help"]].concat())
                .success()
                .stdout,
            &["Exit codes:"],
        );
    }
    let ran = scene
        .as_user(&["env", "-u", "HOME", "dash", SCRIPT, "--archive", &archive])
        .code(2);
    assert_says(&ran.stderr, &["HOME is not set"]);
    // With sudo, HOME may be the caller's.
    let ran = scene
        .host
        .run(&[
            "env",
            "HOME=/home/anna",
            "dash",
            SCRIPT,
            "--user",
            "--archive",
            &archive,
        ])
        .code(2);
    assert_says(&ran.stderr, &["/home/anna is another user's"]);
    drop(
        scene
            .as_user(&["dash", SCRIPT, "--archive", &format!("{RELEASES}/none")])
            .code(9),
    );
    assert_eq!(scene.listing(&["/home/anna", "/usr/local"]), before);
}
