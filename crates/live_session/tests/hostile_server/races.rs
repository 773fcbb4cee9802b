//! A directory that becomes a link outside while requests run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use live::files::{Handle, Outcome, Reply, Request};
use publish::Limits;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::mount::{MountFlags, mount};
use testkit::{Isolation, isolated};

use crate::driver::{Laptop, Server, play};
use crate::requests::{on, place};

/// How often all requests are made, at least.
const ROUNDS: usize = 30;
/// How many times two names have changed places, at least, while requests ran.
const SWAPS: usize = 1000;

/// Swaps two names until it is dropped.
struct Swapping {
    ends: Arc<AtomicBool>,
    swaps: Arc<AtomicUsize>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Swapping {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let (ends, swaps) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (end, count) = (Arc::clone(&ends), Arc::clone(&swaps));
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                // The server may have removed or renamed one of them.
                if renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            ends,
            swaps,
            thread: Some(thread),
        }
    }
}

impl Drop for Swapping {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// What is opened is used and closed; the driver looks at whatever comes.
async fn use_opened(server: &mut Server, outcomes: Vec<Outcome>) -> [usize; 2] {
    let (mut done, mut refused) = (0, 0);
    let mut following = Vec::new();
    for outcome in outcomes {
        *if outcome.is_ok() {
            &mut done
        } else {
            &mut refused
        } += 1;
        if let Ok(Reply::Opened { handle, .. }) = outcome {
            let (offset, length) = (0, 1000);
            following.extend([
                Request::Read {
                    handle,
                    offset,
                    length,
                },
                Request::ReadDirectory {
                    handle,
                    restart: true,
                },
                Request::Write {
                    handle,
                    offset,
                    bytes: "written".into(),
                },
            ]);
        }
    }
    let closing: Vec<_> = following
        .iter()
        .filter_map(|request| match request {
            Request::Read { handle, .. } => Some(Request::Close(*handle)),
            _ => None,
        })
        .collect();
    server.ask_all(following).await;
    server.ask_all(closing).await;
    [done, refused]
}

/// In `below`, which is empty or a directory of the project.
async fn race(laptop: &Laptop, below: &str) {
    let at = |name: &str| format!("{below}{name}");
    let on_disk = |name: &str| laptop.project().join(at(name));
    symlink(laptop.home.path(), on_disk("link")).unwrap();
    let mut server = laptop.connect().await;
    let names = [
        "dir/file",
        "dir/empty",
        "dir/directory",
        "dir/.ssh/id_ed25519",
        "dir/new",
        "dir",
    ];
    let mut seen = [0; 2];
    let (mut round, mut swaps) = (0, 0);
    while round < ROUNDS || swaps < SWAPS || seen.contains(&0) {
        // Not by a name that may be a link outside.
        let fresh = on_disk("fresh");
        fs::remove_dir_all(&fresh).ok();
        for made in ["empty", "directory", ".ssh"] {
            fs::create_dir_all(fresh.join(made)).unwrap();
        }
        for made in ["file", ".ssh/id_ed25519"] {
            fs::write(fresh.join(made), b"inside").unwrap();
        }
        put_back(
            &on_disk("dir"),
            &on_disk("link"),
            &fresh,
            laptop.home.path(),
        );
        fs::write(on_disk("inside"), b"inside").unwrap();
        let swapping = Swapping::start(on_disk("dir"), on_disk("link"));
        for name in names {
            // The last of them is what would take the directory away.
            let requests = on(&place(at(name)), Handle(1), &place(at("inside")));
            let outcomes = server.ask_all(requests).await;
            for (all, more) in seen.iter_mut().zip(use_opened(&mut server, outcomes).await) {
                *all += more;
            }
        }
        swaps += swapping.swaps.load(Ordering::Relaxed);
        drop(swapping);
        laptop.outside.check();
        round += 1;
    }
}

/// One of them a directory with everything in it, the other a link outside.
fn put_back(directory: &Path, link: &Path, fresh: &Path, outside: &Path) {
    for path in [directory, link] {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
            Ok(_) => fs::remove_file(path).unwrap(),
            Err(_) => {}
        }
    }
    let inside = link.with_file_name("inside");
    if fs::symlink_metadata(&inside).is_ok_and(|found| !found.is_file()) {
        fs::remove_dir_all(&inside)
            .or_else(|_| fs::remove_file(&inside))
            .unwrap();
    }
    fs::rename(fresh, directory).unwrap();
    symlink(outside, link).unwrap();
}

#[test]
fn a_directory_becomes_a_link_while_requests_run() {
    play(async {
        let laptop = Laptop::with(Limits::default(), false, |_| {});
        race(&laptop, "").await;
        laptop.check().await;
    });
}

/// Where another file system is below the published directory, the way is gone name by name (`Confinement::Steps`).
#[test]
fn the_same_where_the_way_is_gone_name_by_name() {
    let name = "races::the_same_where_the_way_is_gone_name_by_name";
    isolated(name, Isolation::MOUNTS, || {
        play(async {
            let laptop = Laptop::with(Limits::default(), false, |project| {
                let mounted = project.join("mounted");
                fs::create_dir(&mounted).unwrap();
                mount("tmpfs", &mounted, "tmpfs", MountFlags::empty(), None).unwrap();
            });
            race(&laptop, "mounted/").await;
            laptop.check().await;
        });
    });
}
