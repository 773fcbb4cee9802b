//! A change on the laptop: from the write until a process on the server reads it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
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

/// Makes what reads the number that the file holds.
type Reader = fn(&Path) -> Box<dyn FnMut() -> u32>;

pub(super) fn changes(scene: &Scene) {
    scene.on_laptop(&format!("printf '%08d' 0 > {PROJECT}/changing"));
    scene.cs(&["live", "--no-claude"]);
    let path = format!("{}/changing", scene.mount());
    let readers: [(&str, Reader); 2] = [
        ("a change, read by name", |path| {
            let path = path.to_owned();
            Box::new(move || number(&fs::read(&path).unwrap()))
        }),
        ("a change, read through an open file", |path| {
            let file = File::open(path).unwrap();
            Box::new(move || {
                let mut bytes = [0; 8];
                file.read_exact_at(&mut bytes, 0).unwrap();
                number(&bytes)
            })
        }),
    ];
    for ((label, reader), first) in readers.into_iter().zip([1_000, 2_000]) {
        let times = measured(scene, &path, reader, first);
        let beside = format!("   (p50 {:.2})", millis(quantile(&times, 0.5)));
        print(
            scene,
            label,
            quantile(&times, 0.99),
            scene.bar(1, 50),
            &beside,
        );
    }
    scene.cs(&["stop"]);
}

fn measured(scene: &Scene, path: &str, reader: Reader, first: u32) -> Vec<Duration> {
    let here = scene.laptop.path(&format!("{PROJECT}/changing"));
    let here = OpenOptions::new().write(true).open(here).unwrap();
    let write = |number: u32| {
        here.write_all_at(format!("{number:08}").as_bytes(), 0)
            .unwrap();
    };
    let last = first + ROUNDS;
    write(first);
    thread::scope(|scope| {
        let (seen, sees) = channel();
        scope.spawn(move || {
            let user = scene.user();
            scene.server.in_mounts(|| {
                become_user(user);
                watch(reader(Path::new(path)), last, &seen);
            });
        });
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

/// Sends each number when it is read first, up to the `last` one.
fn watch(mut read: Box<dyn FnMut() -> u32>, last: u32, seen: &Sender<(u32, Instant)>) {
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
