//! Homes, isolation, skipping, and the search for planted secrets.

#![allow(
    clippy::disallowed_methods,
    reason = "reads what it wrote itself, and the environment of the runner"
)]

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use testkit::{
    Isolation, PlantedSecrets, TestHome, in_loopback_only, isolated, loopback_only_available,
    read_only, skip, small_tmpfs,
};

#[test]
fn a_network_of_loopback_only() {
    isolated("a_network_of_loopback_only", Isolation::NETWORK, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let interfaces = fs::read_to_string("/proc/net/dev").unwrap();
        assert_eq!(
            interfaces.lines().filter(|line| line.contains(':')).count(),
            1,
            "{interfaces}"
        );
    });
}

#[test]
fn a_full_disk() {
    isolated("a_full_disk", Isolation::MOUNTS, || {
        let disk = small_tmpfs(64 * 1024).unwrap();
        let path = disk.path().to_owned();
        let filler = disk.fill();
        let error = fs::write(path.join("more"), vec![1; 8192]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        fs::remove_file(filler).unwrap();
        fs::write(path.join("more"), vec![1; 8192]).unwrap();
        drop(disk);
        assert!(!path.exists());
    });
}

#[test]
fn a_directory_that_nobody_can_write() {
    isolated(
        "a_directory_that_nobody_can_write",
        Isolation::MOUNTS,
        || {
            let home = TestHome::new();
            let file = home.home().join("file");
            fs::write(&file, "as it was").unwrap();
            let mount = read_only(&home.home()).unwrap();
            let error = fs::write(&file, "changed").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
            assert_eq!(fs::read(&file).unwrap(), b"as it was");
            drop(mount);
            fs::write(&file, "changed").unwrap();
        },
    );
}

/// Does something only when started by `a_failure_inside_is_a_failure`.
#[test]
fn fails_inside_when_told_to() {
    if std::env::var_os("FAIL_FOR_A_TEST").is_some() {
        isolated("fails_inside_when_told_to", Isolation::NETWORK, || {
            panic!("on purpose")
        });
    }
}

#[test]
fn a_failure_inside_is_a_failure() {
    if let Err(reason) = loopback_only_available() {
        return skip(reason);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["fails_inside_when_told_to", "--exact", "--nocapture"])
        .env("FAIL_FOR_A_TEST", "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("on purpose"));
}

#[test]
#[should_panic(expected = "no test is named not_there")]
fn a_wrong_name_is_noticed() {
    if let Err(reason) = loopback_only_available() {
        skip(reason);
        panic!("no test is named not_there");
    }
    in_loopback_only("not_there", || {});
}

/// Does something only when started by `a_skip_is_noted`.
#[test]
fn skips_when_told_to() {
    if std::env::var_os("SKIP_FOR_A_TEST").is_some() {
        skip("told to");
    }
}

#[test]
fn a_skip_is_noted() {
    let home = TestHome::new();
    let noted = home.root().join("skipped");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "skips_when_told_to",
            "--exact",
            "--nocapture",
            "--test-threads=2",
        ])
        .env_remove("NEXTEST_TEST_NAME")
        .env("SKIP_FOR_A_TEST", "1")
        .env("TESTKIT_SKIPPED", &noted)
        .output()
        .unwrap();
    assert!(output.status.success());
    let line = "SKIPPED: skips_when_told_to: told to\n";
    assert!(String::from_utf8_lossy(&output.stderr).contains(line));
    assert_eq!(fs::read_to_string(noted).unwrap(), line);
}

#[test]
fn without_root_isolation_is_skipped_with_its_reason() {
    let home = TestHome::new();
    let noted = home.root().join("skipped");
    let program = home.root().join("test");
    // By a child: a file that this process had open for writing could not be started while another test forks.
    assert!(
        Command::new("cp")
            .arg(std::env::current_exe().unwrap())
            .arg(&program)
            .status()
            .unwrap()
            .success()
    );
    let mut command = if rustix::process::geteuid().is_root() {
        fs::set_permissions(home.root(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--clear-groups"])
            .arg(&program);
        command
    } else {
        Command::new(&program)
    };
    let output = command
        .args(["a_network_of_loopback_only", "--exact", "--nocapture"])
        .env("TESTKIT_SKIPPED", &noted)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        fs::read_to_string(noted)
            .unwrap()
            .starts_with("SKIPPED: a_network_of_loopback_only: needs root")
    );
}

#[test]
fn a_home_is_private_short_and_gone_afterwards() {
    let mut home = TestHome::new();
    let root = home.root().to_owned();
    assert!(root.as_os_str().len() <= 60, "{}", root.display());
    assert_eq!(
        fs::metadata(home.runtime()).unwrap().permissions().mode() & 0o7777,
        0o700
    );
    home.set("SET_FOR_LATER", "yes");
    let mut command = home.command("env");
    let said = testkit::Ran::of({
        command.arg("-0");
        command
    });
    let said = said.success().stdout;
    let mut names: Vec<_> = said
        .split_terminator('\0')
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    names.sort_unstable();
    let expected = "HOME LANG PATH SET_FOR_LATER TMPDIR TZ XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR \
                    XDG_STATE_HOME";
    assert_eq!(names.join(" "), expected);
    let (sender, receiver) = std::sync::mpsc::channel();
    let seen = root.clone();
    home.on_drop(move || sender.send(seen.exists()).unwrap());
    drop(home);
    assert_eq!((receiver.recv(), root.exists()), (Ok(true), false));
}

#[test]
fn planted_secrets_are_found_wherever_they_are() {
    let home = TestHome::new();
    let mut planted = PlantedSecrets::new();
    let secret = planted.plant("sk-ant-ort01-FAKEplanted");
    let found = |excluding: &[&std::path::Path]| {
        let mut paths: Vec<PathBuf> = planted
            .find_in_tree(&[home.root()], excluding)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        paths.sort_unstable();
        paths
    };
    assert!(found(&[]).is_empty());
    fs::write(
        home.home().join("in-file"),
        format!("ssk-ant-{}-sk-{secret}tail", "ort01"),
    )
    .unwrap();
    symlink(&secret, home.home().join("in-target")).unwrap();
    fs::create_dir(home.home().join(&secret)).unwrap();
    fs::write(home.home().join("near"), &secret[..secret.len() - 1]).unwrap();
    let expected = ["in-file", "in-target", &secret].map(|name| home.home().join(name));
    assert_eq!(found(&[]), expected);
    assert!(found(&[&home.home()]).is_empty());
    assert_eq!(
        planted.find_in_bytes(format!("x{secret}").as_bytes()),
        [secret]
    );
}
