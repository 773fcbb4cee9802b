//! A change on the laptop: from then until a process on the server sees it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use super::scene::{PATIENCE, PROJECT, Scene};
use super::{millis, print, quantile};

const ROUNDS: u32 = 50;
/// How often the reader looks.
const PAUSE: Duration = Duration::from_micros(200);
/// Holds the number of the last change.
const FILE: &str = "changing";

/// Makes the change of a number.
type Writer = Box<dyn FnMut(u32)>;
/// Finds the number of the last change.
type Reader = Box<dyn FnMut() -> u32 + Send>;

/// A kind of change. Each has a number.
struct Kind {
    label: &'static str,
    /// Of the first.
    first: u32,
    /// In a directory.
    writer: fn(&Path) -> Writer,
    /// In a directory, from the first on.
    reader: fn(&Path, u32) -> Reader,
}

const KINDS: [Kind; 4] = [
    Kind {
        label: "a change, read by name",
        first: 1_000,
        writer: write,
        reader: |directory, _| {
            let path = directory.join(FILE);
            Box::new(move || number(&fs::read(&path).unwrap()))
        },
    },
    Kind {
        label: "a change, read through an open file",
        first: 2_000,
        writer: write,
        reader: |directory, _| {
            let file = File::open(directory.join(FILE)).unwrap();
            Box::new(move || {
                let mut bytes = [0; 8];
                file.read_exact_at(&mut bytes, 0).unwrap();
                number(&bytes)
            })
        },
    },
    Kind {
        label: "a name that comes",
        first: 3_000,
        writer: |directory| {
            let directory = directory.to_owned();
            Box::new(move |number| drop(File::create_new(named(&directory, number)).unwrap()))
        },
        reader: |directory, first| names(directory, first, true),
    },
    Kind {
        label: "a name that goes",
        first: GOING,
        writer: |directory| {
            let directory = directory.to_owned();
            Box::new(move |number| fs::remove_file(named(&directory, number)).unwrap())
        },
        reader: |directory, first| names(directory, first, false),
    },
];
/// The number of the first name that goes.
const GOING: u32 = 4_000;

pub(super) fn changes(scene: &Scene) {
    let last = GOING + ROUNDS;
    scene.on_laptop(&format!(
        "cd {PROJECT} && printf '%08d' 0 > {FILE} && for each in $(seq {GOING} {last}); do : > name-$each; done"
    ));
    scene.cs(&["live", "--no-claude"]);
    let mount = PathBuf::from(scene.mount());
    for kind in &KINDS {
        let times = measured(scene, &mount, kind);
        let beside = format!("   (p50 {:.2})", millis(quantile(&times, 0.5)));
        print(
            scene,
            kind.label,
            quantile(&times, 0.99),
            scene.bar(1, 50),
            &beside,
        );
    }
    scene.cs(&["stop"]);
    scene.on_laptop(&format!("cd {PROJECT} && rm -f {FILE} name-*"));
}

fn measured(scene: &Scene, mount: &Path, kind: &Kind) -> Vec<Duration> {
    let Kind {
        first,
        writer,
        reader,
        ..
    } = *kind;
    let mut write = writer(&scene.laptop.path(PROJECT));
    let last = first + ROUNDS;
    thread::scope(|scope| {
        let (seen, sees) = channel();
        scope.spawn(move || {
            let user = scene.user();
            scene.server.in_mounts(|| {
                become_user(user);
                watch(reader(mount, first), last, &seen);
            });
        });
        write(first);
        until(&sees, first);
        (first + 1..=last)
            .map(|number| {
                let began = Instant::now();
                write(number);
                until(&sees, number).duration_since(began)
            })
            .collect()
    })
}

/// Writes the number into the file, which stays open.
fn write(directory: &Path) -> Writer {
    let file = OpenOptions::new().write(true).open(directory.join(FILE));
    let file = file.unwrap();
    Box::new(move |number| {
        file.write_all_at(format!("{number:08}").as_bytes(), 0)
            .unwrap();
    })
}

/// How far names are there from the `first` on, or are not.
fn names(directory: &Path, first: u32, are_there: bool) -> Reader {
    let (directory, mut next) = (directory.to_owned(), first);
    Box::new(move || {
        if named(&directory, next).exists() == are_there {
            next += 1;
        }
        next - 1
    })
}

fn named(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("name-{number}"))
}

/// Sends each number when it is read first, up to the `last` one.
fn watch(mut read: Reader, last: u32, seen: &Sender<(u32, Instant)>) {
    let mut newest = None;
    while newest != Some(last) {
        let number = read();
        if newest.replace(number) != Some(number) {
            seen.send((number, Instant::now())).unwrap();
        }
        thread::sleep(PAUSE);
    }
}

/// When `wanted` was read.
fn until(sees: &Receiver<(u32, Instant)>, wanted: u32) -> Instant {
    loop {
        let (number, at) = sees.recv_timeout(PATIENCE).unwrap();
        if number == wanted {
            return at;
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

/// This thread alone: nobody else may look into the mount, not even root.
fn become_user(user: u32) {
    let group = Gid::from_raw(user);
    set_thread_res_gid(group, group, group).unwrap();
    let user = Uid::from_raw(user);
    set_thread_res_uid(user, user, user).unwrap();
}
