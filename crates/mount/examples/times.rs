//! How long the usual work in a mount takes: laptop and server are this machine, and everything that is said between them
//! takes half of a round trip. The stream's own speed is not a part of it.
//!
//! `unshare --mount target/debug/examples/times ROUND_TRIP_MS [WORK…]`, where `WORK` is one of the names that it prints.
//! The tree is made anew, about as an installed npm tree is: 6,500 files, 1,300 directories. What is printed are seconds,
//! first with nothing known and then again, and what was asked. What takes more than a minute is ended.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it makes files that nobody has to recover, and panics if it cannot go on"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use live::files::{Change, Request, Root};
use mount::{Answer, Files, Mounted, Options};
use publish::watch::Watcher;
use publish::{Limits, Service};

const ROOT: Root = Root(1);
/// As many as a laptop has.
const WORKERS: usize = 8;
const PACKAGES: usize = 250;
const LARGE: u64 = 100 << 20;

/// What is measured: its name, whether it is done a second time, and how.
const WORK: [(&str, bool, &str); 8] = [
    ("find", true, "find . -type f | wc -l"),
    ("ls -lR", true, "ls -lR . | wc -l"),
    (
        "git status",
        true,
        "git -c core.checkStat=minimal -c core.trustctime=false --no-optional-locks status --porcelain | wc -l",
    ),
    (
        "grep -r",
        true,
        "grep -r 'is in no file' node_modules | wc -l",
    ),
    ("read 100 MB", true, "cat large | wc -c"),
    (
        "write 100 MB",
        false,
        "dd if=/dev/zero of=written bs=128k count=800 conv=fsync status=none",
    ),
    (
        "untar 1,000",
        false,
        "mkdir -p new && tar -x -C new -f ../small.tar",
    ),
    ("rm -r", false, "mkdir -p new && rm -r new"),
];

type Task = Box<dyn FnOnce() + Send>;

/// What happens after half of a round trip, in order.
#[derive(Clone)]
struct Way {
    tasks: Sender<(Instant, Task)>,
    delay: Duration,
}

impl Way {
    fn new(delay: Duration) -> Self {
        let (tasks, receiver) = mpsc::channel::<(Instant, Task)>();
        thread::spawn(move || {
            for (due, task) in receiver {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                task();
            }
        });
        Self { tasks, delay }
    }

    fn send(&self, task: impl FnOnce() + Send + 'static) {
        drop(
            self.tasks
                .send((Instant::now() + self.delay, Box::new(task))),
        );
    }
}

/// A laptop that is far away.
struct Distant {
    there: Way,
    work: Sender<(Request, Answer)>,
    counts: Mutex<BTreeMap<String, usize>>,
}

impl Distant {
    fn new(service: &Arc<Service>, delay: Duration, back: &Way) -> Self {
        let (work, waiting) = mpsc::channel::<(Request, Answer)>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WORKERS {
            let (service, waiting, back) =
                (Arc::clone(service), Arc::clone(&waiting), back.clone());
            thread::spawn(move || answer_all(&service, &waiting, &back));
        }
        let counts = Mutex::default();
        Self {
            there: Way::new(delay),
            work,
            counts,
        }
    }
}

fn answer_all(service: &Service, waiting: &Mutex<Receiver<(Request, Answer)>>, back: &Way) {
    loop {
        let next = waiting.lock().unwrap().recv();
        let Ok((request, answer)) = next else { return };
        let outcome = service.execute(request);
        back.send(move || answer(outcome));
    }
}

impl Files for Distant {
    fn ask(&self, request: Request, answer: Answer) {
        let debug = format!("{request:?}");
        let name = debug
            .split(|character: char| !character.is_alphanumeric())
            .next()
            .unwrap_or_default();
        *self
            .counts
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_default() += 1;
        let work = self.work.clone();
        self.there.send(move || drop(work.send((request, answer))));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let round_trip = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let wanted: Vec<_> = arguments.collect();
    let directory = tempfile::tempdir().unwrap();
    let [project, point] = ["project", "mount"].map(|name| directory.path().join(name));
    fs::create_dir(&point).unwrap();
    make_tree(&project);
    make_archive(&project);
    for (name, again, command) in WORK {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            let delay = Duration::from_millis(round_trip) / 2;
            let (times, counts) = measure(&project, &point, delay, command, again);
            let times: Vec<_> = times.iter().map(|time| format!("{time:8.2}")).collect();
            println!("{name:14} {:18} {counts:?}", times.join(" "));
        }
    }
}

/// Seconds that `command` takes in a new mount, and again; what was asked.
fn measure(
    project: &Path,
    point: &Path,
    delay: Duration,
    command: &str,
    again: bool,
) -> (Vec<f64>, BTreeMap<String, usize>) {
    let service = Arc::new(Service::new(Limits::default()));
    service.publish(ROOT, project, false).unwrap();
    let back = Way::new(delay);
    let distant = Arc::new(Distant::new(&service, delay, &back));
    let options = Options {
        name: "times".to_owned(),
        user: rustix::process::getuid().as_raw(),
        group: rustix::process::getgid().as_raw(),
        read_only: false,
        for_others: false,
    };
    let files: Arc<dyn Files> = Arc::<Distant>::clone(&distant);
    let mounted = Arc::new(mount::mount(point, ROOT, files, &options).unwrap());
    let watcher = watch(project, &mounted, &back);
    let run = |_| shell(point, command);
    let times = (0..=usize::from(again)).map(run).collect();
    drop(watcher);
    let counts = distant.counts.lock().unwrap().clone();
    (times, counts)
}

/// Watches the project, and waits until all of it is.
fn watch(project: &Path, mounted: &Arc<Mounted>, back: &Way) -> Watcher {
    let (told, all) = mpsc::channel();
    let (mounted, back) = (Arc::downgrade(mounted), Mutex::new(back.clone()));
    let watcher = Watcher::new(move |changes: Vec<Change>| {
        let (mounted, told) = (mounted.clone(), told.clone());
        back.lock().unwrap().send(move || {
            if let Some(mounted) = mounted.upgrade() {
                mounted.changed(&changes);
            }
            if changes
                .iter()
                .any(|change| matches!(change, Change::Watched { all: true, .. }))
            {
                told.send(()).ok();
            }
        });
    });
    let watcher = watcher.unwrap();
    watcher.add(ROOT, project).unwrap();
    all.recv_timeout(Duration::from_secs(60)).unwrap();
    watcher
}

fn shell(directory: &Path, command: &str) -> f64 {
    let started = Instant::now();
    let mut shell = Command::new("timeout");
    shell
        .args(["60", "sh", "-c", command])
        .current_dir(directory)
        .stdout(Stdio::null());
    let status = shell.status().unwrap();
    if status.code() == Some(124) {
        f64::INFINITY
    } else {
        started.elapsed().as_secs_f64()
    }
}

/// A thousand small files in 40 directories.
fn make_archive(project: &Path) {
    let small = project.with_file_name("small");
    for directory in 0..40 {
        let directory = small.join(format!("d{directory}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..25 {
            fs::write(directory.join(format!("{file}.js")), text(file, 2000)).unwrap();
        }
    }
    shell(project, "tar -c -C ../small -f ../small.tar .");
}

/// See the head of this file.
fn make_tree(project: &Path) {
    let modules = project.join("node_modules");
    fs::create_dir_all(project.join("src")).unwrap();
    for number in 0..40 {
        fs::write(
            project.join(format!("src/file{number}.ts")),
            text(number, 3000),
        )
        .unwrap();
    }
    for package in 0..PACKAGES {
        let path = modules.join(format!("package-{package}"));
        for directory in ["lib", "lib/internal", "dist", "test"] {
            let path = path.join(directory);
            fs::create_dir_all(&path).unwrap();
            for file in 0..5 + package % 3 {
                let length = 200 + (package * 37 + file * 911) % 9000;
                fs::write(
                    path.join(format!("module-{file}.js")),
                    text(package + file, length),
                )
                .unwrap();
            }
        }
        for name in ["package.json", "README.md"] {
            fs::write(path.join(name), text(package, 1500)).unwrap();
        }
    }
    shell(
        project,
        "git init -q && git add . && git -c user.name=x -c user.email=x@example.org commit -qm first && sleep 1.1 && git status > /dev/null",
    );
    fs::write(project.join("large"), vec![b'x'; LARGE as usize]).unwrap();
    shell(
        project,
        "echo large >> .git/info/exclude; echo written >> .git/info/exclude; echo new >> .git/info/exclude",
    );
}

fn text(seed: usize, length: usize) -> String {
    format!("// line of file {seed}\nmodule.exports = {{}};\n").repeat(length / 40 + 1)
}
