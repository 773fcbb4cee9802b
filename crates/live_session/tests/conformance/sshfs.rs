//! The second adapter, `--mount sshfs`: what sshfs can do has to go through ours, and what it has been found to do here may
//! not become less. What it cannot do, and why, is in `docs/mount.md`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use live::control::Adapter;
use mount::Options;
use publish::{Limits, Service};
use testkit::{Isolation, isolated};

use crate::fsx::{FIXED_SEED, exercise, fsx, random_seed};
use crate::git::script;
use crate::pjdfstest::{Asked, Outcome, ROOT, SETTINGS, run_suite};
use crate::programs::{command, find, run};
use crate::session::{Session, with_adapter};

/// The cases of `pjdfstest` that have passed, one a line.
const PASSING: &str = include_str!("pjdfstest_sshfs.txt");

/// sshfs has no `fallocate` that makes holes.
const WITHOUT_MAPS: &str = "
[weights]
close_open = 1
read = 10
write = 10
mapread = 0
mapwrite = 0
truncate = 5
fsync = 1
fdatasync = 1
sendfile = 3
posix_fadvise = 1
copy_file_range = 3
";
const WITH_MAPS: &str = "
[weights]
close_open = 1
read = 10
write = 10
mapread = 10
mapwrite = 10
invalidate = 1
truncate = 5
fsync = 1
fdatasync = 1
sendfile = 3
posix_fadvise = 1
copy_file_range = 3
";

/// Runs `body` with a session whose mount sshfs makes, or skips the test.
fn with_sshfs(test_name: &str, body: impl FnOnce(&Session)) {
    if find("sshfs", "apt-get install sshfs").is_some() {
        with_adapter(test_name, Adapter::Sshfs, body);
    }
}

#[test]
fn a_file_reads_as_it_was_written_mapped_or_not() {
    with_sshfs(
        "sshfs::a_file_reads_as_it_was_written_mapped_or_not",
        |session| {
            let Some(program) = fsx() else { return };
            for seed in [FIXED_SEED, random_seed()] {
                exercise(session, &program, "without-maps", WITHOUT_MAPS, seed);
                exercise(session, &program, "with-maps", WITH_MAPS, seed);
            }
        },
    );
}

#[test]
fn a_file_reads_as_it_was_written_while_the_connection_breaks() {
    with_sshfs(
        "sshfs::a_file_reads_as_it_was_written_while_the_connection_breaks",
        |session| {
            let Some(program) = fsx() else { return };
            let _cutting = session.cutting();
            let seed = random_seed();
            exercise(session, &program, "without-maps", WITHOUT_MAPS, seed);
            exercise(session, &program, "with-maps", WITH_MAPS, seed);
        },
    );
}

#[test]
fn a_repository_is_cloned_committed_to_rebased_and_collected() {
    with_sshfs(
        "sshfs::a_repository_is_cloned_committed_to_rebased_and_collected",
        |session| {
            if find("git", "apt-get install git").is_some() {
                script(session);
            }
        },
    );
}

#[test]
fn links_that_lead_up_are_followed_by_the_server() {
    with_sshfs(
        "sshfs::links_that_lead_up_are_followed_by_the_server",
        |session| {
            fs::create_dir_all(session.laptop("node_modules/.bin")).unwrap();
            fs::create_dir(session.laptop("node_modules/tool")).unwrap();
            let tool = session.laptop("node_modules/tool/cli.sh");
            fs::write(&tool, "#!/bin/sh\necho ran\n").unwrap();
            fs::set_permissions(&tool, Permissions::from_mode(0o755)).unwrap();
            symlink("../tool/cli.sh", session.laptop("node_modules/.bin/tool")).unwrap();
            let link = session.server("node_modules/.bin/tool");
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("../tool/cli.sh"));
            let said = run(command(session, &link, &session.server("")));
            assert_eq!(said, "ran\n");
            // One that is made here, and an absolute one, are on the laptop what they say.
            symlink("../elsewhere", session.server("node_modules/up")).unwrap();
            symlink("/etc/hostname", session.server("absolute")).unwrap();
            let says = |path: &str| fs::read_link(session.laptop(path)).unwrap();
            assert_eq!(says("node_modules/up"), Path::new("../elsewhere"));
            assert_eq!(says("absolute"), Path::new("/etc/hostname"));
        },
    );
}

#[test]
fn what_passed_of_pjdfstest_passes() {
    isolated(
        "sshfs::what_passed_of_pjdfstest_passes",
        Isolation::MOUNTS,
        || {
            if !Path::new("/dev/fuse").exists() {
                return testkit::skip("needs /dev/fuse");
            }
            let suite = find("pjdfstest", "cargo install --locked pjdfstest");
            let sshfs = find("sshfs", "apt-get install sshfs");
            if let (Some(suite), Some(_)) = (suite, sshfs) {
                compare(&suite);
            }
        },
    );
}

/// The suite changes users, so other users are let in here, as in the test of the native mount.
fn compare(program: &Path) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let place = |name| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (laptop, server) = (place("laptop"), place("server"));
    let settings = directory.path().join("settings.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let service = Arc::new(Service::new(Limits::default()));
    service.publish(ROOT, &laptop, false).unwrap();
    let options = Options {
        name: "test".to_owned(),
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
        read_only: false,
        for_others: true,
    };
    let files = Arc::new(Asked::new(&service));
    let mounted = ::sshfs::mount(&server, ROOT, files, &options, || {}).unwrap();
    let outcomes = run_suite(program, &settings, &server);
    mounted.unmount().unwrap();
    let passed = |name: &str| outcomes.get(name) == Some(&Outcome::Passed);
    let failed: Vec<_> = PASSING
        .lines()
        .filter(|name| !passed(name))
        .map(|name| format!("{name}: {:?}", outcomes.get(name)))
        .collect();
    let now: Vec<_> = outcomes
        .keys()
        .filter(|name| passed(name))
        .cloned()
        .collect();
    println!("{} cases pass:\n{}", now.len(), now.join("\n"));
    assert!(failed.is_empty(), "no longer:\n{}", failed.join("\n"));
}
