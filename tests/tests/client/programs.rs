//! What becomes of the programs on the server.

use crate::pair::{BIN, Pair, VERSION, script};
use end_to_end::LIMIT;
use rustix::process::Signal;
use testkit::{Process, wait_until};

fn plant(pair: &Pair, name: &str, text: &str) {
    let script = format!("mkdir -p {BIN} && cat > {BIN}/{name} && chmod 755 {BIN}/{name}");
    pair.as_st_with(&script, text.as_bytes());
}

#[test]
fn an_older_one_is_updated_a_newer_one_stays_a_broken_one_is_replaced() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    plant(&pair, "claude-share", &script("claude-share", "0.0.1"));
    plant(
        &pair,
        "claude-accounts",
        &script("claude-accounts", "99.0.0"),
    );
    plant(&pair, "cs", "#!/no/such/interpreter\n");
    let ran = pair.init(&["--name", "work"]).success();
    for line in [
        format!("✓ Updated claude-share from 0.0.1 to {VERSION} in ~/.local/bin"),
        format!("claude-accounts 99.0.0 is there, which is newer than {VERSION} here, and stays"),
        format!("✓ Copied cs {VERSION} to ~/.local/bin"),
    ] {
        assert!(ran.stdout.contains(&line), "{line:?}: {}", ran.stdout);
    }
    pair.assert_copied(&format!("{BIN}/claude-share"));
    assert_eq!(pair.names(BIN).len(), 3);
    // What the user put there, also in the place of ours, is his.
    plant(&pair, "cs", &script("cs", "98.0.0"));
    let ran = pair.run(&["remove", "--from-server"]).success();
    assert!(
        ran.stdout.contains("cs stays on the server"),
        "{}",
        ran.stdout
    );
    assert_eq!(pair.names(BIN), ["claude-accounts", "cs"]);
}

#[test]
fn one_that_is_installed_for_everybody_is_used() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    for name in ["claude-share", "claude-accounts", "cs"] {
        pair.server.write(
            &format!("/usr/local/bin/{name}"),
            script(name, VERSION),
            0o755,
        );
    }
    drop(pair.init(&[]).success());
    assert_eq!(pair.names("/home/st/.local"), [""; 0]);
    let status = pair.status(&["--check"]);
    assert_eq!(
        status["profiles"][0]["program"],
        "/usr/local/bin/claude-share"
    );
    assert_eq!(status["profiles"][0]["check"]["version"], VERSION);
}

#[test]
fn another_platform_is_told_what_to_install() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    let uname = "#!/bin/sh\ncase $1 in -m) echo riscv64 ;; *) echo Linux ;; esac\n";
    pair.server.write("/usr/local/bin/uname", uname, 0o755);
    let ran = pair.init(&[]).code(13);
    assert!(
        ran.stdout
            .contains("✗ claude-share was not copied: the server is Linux riscv64"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("error: the server is not ready"),
        "{}",
        ran.stderr
    );
    assert!(pair.names(BIN).is_empty());
    // Built for it and put there, it is used.
    plant(&pair, "claude-share", &script("claude-share", VERSION));
    drop(pair.init(&[]).success());
}

#[test]
fn one_that_does_not_run_there_is_not_left_there() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    pair.as_st("mkdir -p ~/.local/bin");
    let mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "noexec,mode=0777",
        "tmpfs",
        BIN,
    ];
    pair.server.run(&mount).success();
    let ran = pair.init(&[]).code(13);
    assert!(
        ran.stdout.contains("it does not run there"),
        "{}",
        ran.stdout
    );
    assert!(pair.names(BIN).is_empty(), "{:?}", pair.names(BIN));
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    pair.as_st("mkdir -p ~/.local/bin");
    let mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "size=1m,mode=0777",
        "tmpfs",
        BIN,
    ];
    pair.server.run(&mount).success();
    plant(&pair, "claude-share", &script("claude-share", "0.0.1"));
    let ran = pair.init(&[]).code(13);
    assert!(ran.stderr.contains("is the disk full?"), "{}", ran.stderr);
    assert_eq!(pair.names(BIN), ["claude-share"]);
    assert_eq!(
        pair.as_st("~/.local/bin/claude-share"),
        "claude-share 0.0.1\n"
    );
}

#[test]
fn a_copy_that_is_broken_off_leaves_nothing_and_is_done_the_next_time() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    // Large, and not to be made smaller on the way: there is time to break it off.
    let large = "printf '#!/bin/sh\\necho cs 0.1.0\\nexit\\n' > /opt/live/cs && head -c 200000000 /dev/urandom >> /opt/live/cs";
    pair.laptop
        .run(&["sh", "-c", &large.replace("0.1.0", VERSION)])
        .success();
    let destination = pair.destination();
    let words = ["init", &destination, "--identity", "/home/dev/.ssh/mine"];
    let mut process = Process::spawn(pair.command(&words));
    wait_until("a copy under way", LIMIT, || {
        pair.names(BIN).iter().any(|name| name.starts_with(".cs."))
    });
    pair.laptop.signal(&process, Signal::INT);
    assert!(!process.wait(LIMIT).success());
    wait_until("the end of what was begun", LIMIT, || {
        pair.names(BIN).iter().all(|name| !name.starts_with('.'))
    });
    assert!(
        !pair.names(BIN).contains(&"cs".to_owned()),
        "{:?}",
        pair.names(BIN)
    );
    pair.laptop
        .write("/opt/live/cs", script("cs", VERSION), 0o755);
    drop(pair.init(&[]).success());
    assert_eq!(pair.names(BIN).len(), 3);
    // What the run that was broken off had copied is known, and removed.
    drop(pair.run(&["remove", "--from-server"]).success());
    assert!(pair.names(BIN).is_empty(), "{:?}", pair.names(BIN));
}
