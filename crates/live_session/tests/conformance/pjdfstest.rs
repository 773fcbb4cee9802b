//! `pjdfstest`: what POSIX says of file systems, case by case. What passes on this machine's own file system has to pass on
//! the mount, unless it is in `pjdfstest_exceptions.txt`, with its reason; and what is in there has to fail, but where it
//! says `sometimes`.
//!
//! The suite changes users, so other users are let in here, which a session does not do. Therefore the mount asks the
//! service directly.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use live::files::{Change, Request, Root};
use mount::{Answer, Files, Mounted, Options};
use publish::watch::Watcher;
use publish::{Limits, Service};
use testkit::{Isolation, Ran, isolated, wait_until};

use crate::programs::{find, plain_command};
use crate::session::LIMIT;

pub(crate) const ROOT: Root = Root(1);
const THREADS: usize = 4;
const EXCEPTIONS: &str = include_str!("pjdfstest_exceptions.txt");
/// The users are those that Debian has by itself.
pub(crate) const SETTINGS: &str = r#"
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.01
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"#;

/// Executes what the mount asks in threads of this process.
pub(crate) struct Asked(Mutex<Sender<(Request, Answer)>>);

impl Asked {
    pub(crate) fn new(service: &Arc<Service>) -> Asked {
        let (sender, receiver) = channel::<(Request, Answer)>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..THREADS {
            let (service, receiver) = (Arc::clone(service), Arc::clone(&receiver));
            thread::spawn(move || {
                loop {
                    let next = receiver.lock().unwrap().recv();
                    let Ok((request, answer)) = next else { return };
                    answer(service.execute(request));
                }
            });
        }
        Asked(Mutex::new(sender))
    }
}

impl Files for Asked {
    fn ask(&self, request: Request, answer: Answer) {
        drop(self.0.lock().unwrap().send((request, answer)));
    }
}

/// Mounts `laptop` at `server` for all users, with changes being told.
fn mounted(laptop: &Path, server: &Path) -> (Arc<Mounted>, Watcher) {
    let service = Arc::new(Service::new(Limits::default()));
    service.publish(ROOT, laptop, false).unwrap();
    let options = Options {
        name: "test".to_owned(),
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
        read_only: false,
        for_others: true,
    };
    let files = Arc::new(Asked::new(&service));
    let mounted = Arc::new(mount::mount(server, ROOT, files, &options).unwrap());
    let is_watched = Arc::new(Mutex::new(false));
    let (told, watched) = (Arc::downgrade(&mounted), Arc::clone(&is_watched));
    let watcher = Watcher::new(move |changes: Vec<Change>| {
        if let Some(mounted) = told.upgrade() {
            mounted.changed(&changes);
        }
        let all = |change: &Change| matches!(change, Change::Watched { all: true, .. });
        *watched.lock().unwrap() |= changes.iter().any(all);
    });
    let watcher = watcher.unwrap();
    watcher.add(ROOT, laptop).unwrap();
    wait_until("the watcher", LIMIT, || *is_watched.lock().unwrap());
    (mounted, watcher)
}

/// Runs the suite in `directory`; what became of each case, and what it said if it failed.
pub(crate) fn run_suite(
    program: &Path,
    settings: &Path,
    directory: &Path,
) -> BTreeMap<String, Outcome> {
    let mut suite = plain_command(program, directory);
    suite.arg("-c").arg(settings).arg("-p").arg(directory);
    let said = Ran::of(suite).stdout;
    let mut outcomes = BTreeMap::new();
    let mut last = None;
    for line in said.lines() {
        if let Some(reason) = line.strip_prefix('\t') {
            if let Some(Outcome::Failed(said)) =
                last.as_ref().and_then(|name| outcomes.get_mut(name))
            {
                said.push_str(reason);
            }
            continue;
        }
        let Some((name, word)) = line.split_once(' ') else {
            continue;
        };
        let outcome = match word.trim() {
            "ok" => Outcome::Passed,
            "FAILED" => Outcome::Failed(String::new()),
            "skipped" => Outcome::Skipped,
            _ => continue,
        };
        last = Some(name.to_owned());
        outcomes.insert(name.to_owned(), outcome);
    }
    assert!(outcomes.len() > 300, "few cases: {said}");
    outcomes
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Skipped,
}

/// How an exception is to come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exception {
    Fails,
    /// Whether it fails depends on which process is faster.
    FailsSometimes,
}

fn exceptions() -> BTreeMap<&'static str, Exception> {
    let lines = EXCEPTIONS.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.strip_suffix(" sometimes") {
            Some(name) => (name, Exception::FailsSometimes),
            None => (line, Exception::Fails),
        })
        .collect()
}

/// What is not as the exceptions say, a line each.
fn complaints(
    local: &BTreeMap<String, Outcome>,
    mount: &BTreeMap<String, Outcome>,
    exceptions: &BTreeMap<&str, Exception>,
) -> Vec<String> {
    let passing = local
        .iter()
        .filter(|(_, outcome)| **outcome == Outcome::Passed);
    let mut complaints: Vec<String> = passing
        .filter_map(|(name, _)| {
            let outcome = mount.get(name);
            let passes = outcome == Some(&Outcome::Passed);
            match exceptions.get(name.as_str()) {
                None if !passes => Some(format!("{name}: {outcome:?}")),
                Some(Exception::Fails) if passes => {
                    Some(format!("{name} passes by now: it is no exception any more"))
                }
                _ => None,
            }
        })
        .collect();
    let unknown = exceptions.keys().filter(|name| !local.contains_key(**name));
    complaints.extend(unknown.map(|name| format!("{name} is an exception, and no case")));
    complaints
}

#[test]
fn what_passes_on_the_laptop_passes_in_the_mount() {
    let name = "pjdfstest::what_passes_on_the_laptop_passes_in_the_mount";
    isolated(name, Isolation::MOUNTS, || {
        if !Path::new("/dev/fuse").exists() {
            return testkit::skip("needs /dev/fuse");
        }
        if let Some(program) = find("pjdfstest", "cargo install --locked pjdfstest") {
            compare(&program);
        }
    });
}

fn compare(program: &Path) {
    let directory = tempfile::tempdir().unwrap();
    // Other users get through here.
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let place = |name| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (local, laptop, server) = (place("local"), place("laptop"), place("server"));
    let settings = directory.path().join("settings.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let on_local = run_suite(program, &settings, &local);
    let (mounted, watcher) = mounted(&laptop, &server);
    let on_mount = run_suite(program, &settings, &server);
    drop(watcher);
    drop(mounted);
    let complaints = complaints(&on_local, &on_mount, &exceptions());
    assert!(
        complaints.is_empty(),
        "{} cases:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
