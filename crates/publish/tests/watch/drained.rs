//! What has happened is told before who waits for that goes on.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Instant;

use live::files::{Change, Root};
use publish::watch::Watcher;
use tempfile::TempDir;
use testkit::wait_until;

use crate::mirror::{LIMIT, ROOT, Scene};

const ROUNDS: usize = 1000;
const OTHER: Root = Root(8);

fn append(path: &Path) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(b"more").unwrap();
}

#[test]
fn a_file_that_is_written() {
    let scene = Scene::new();
    let mut longest = Vec::new();
    for round in 0..ROUNDS {
        append(&scene.path(&(round % 7).to_string()));
        let start = Instant::now();
        scene.check_drained(&format!("round {round}"));
        longest.push(start.elapsed());
    }
    longest.sort();
    println!(
        "median {:?}, longest {:?}",
        longest[ROUNDS / 2],
        longest[ROUNDS - 1]
    );
    assert!(scene.is_watched());
}

#[test]
fn directories_that_are_made_at_once() {
    let scene = Scene::new();
    for round in 0..ROUNDS {
        let top = scene.path(&format!("{}/a/b", round % 5));
        fs::create_dir_all(top.join("c/d")).unwrap();
        append(&top.join("c/file"));
        fs::create_dir(top.join("c/d/e")).unwrap();
        append(&top.join("c/d/e/file"));
        scene.check_drained(&format!("made in round {round}"));
        fs::remove_dir_all(scene.path(&(round % 5).to_string())).unwrap();
        if round % 2 == 0 {
            scene.check_drained(&format!("removed in round {round}"));
        }
    }
}

#[test]
fn names_that_move() {
    let scene = Scene::new();
    fs::create_dir_all(scene.path("one/deep/er")).unwrap();
    fs::create_dir(scene.path("two")).unwrap();
    append(&scene.path("one/deep/er/file"));
    let outside = scene.outside.join("deep");
    for round in 0..ROUNDS / 4 {
        fs::rename(scene.path("one/deep"), scene.path("two/deep")).unwrap();
        append(&scene.path("two/deep/er/file"));
        scene.check_drained(&format!("moved in round {round}"));
        fs::rename(scene.path("two/deep"), &outside).unwrap();
        append(&outside.join("er/file"));
        scene.check_drained(&format!("moved away in round {round}"));
        append(&outside.join("er/file"));
        fs::rename(&outside, scene.path("one/deep")).unwrap();
        scene.check_drained(&format!("back in round {round}"));
        append(&scene.path("one/deep/er/file"));
        fs::rename(
            scene.path("one/deep/er/file"),
            scene.path("one/deep/er/new"),
        )
        .unwrap();
        scene.check_drained(&format!("renamed in round {round}"));
        fs::rename(
            scene.path("one/deep/er/new"),
            scene.path("one/deep/er/file"),
        )
        .unwrap();
    }
}

#[test]
fn many_files_that_come_and_go_at_once() {
    let scene = Scene::new();
    for round in 0..20 {
        let directory = scene.path(&format!("{round}"));
        fs::create_dir(&directory).unwrap();
        for number in 0..1500 {
            append(&directory.join(number.to_string()));
        }
        scene.check_drained(&format!("made in round {round}"));
        fs::remove_dir_all(&directory).unwrap();
        scene.check_drained(&format!("removed in round {round}"));
    }
}

#[test]
fn more_directories_than_are_visited_at_once() {
    let scene = Scene::new();
    for round in 0..2 {
        for number in 0..1000 {
            let directory = scene.path(&format!("{round}/{number}/a"));
            fs::create_dir_all(&directory).unwrap();
            append(&directory.join("file"));
        }
        scene.check_drained(&format!("round {round}"));
        for number in 0..1000 {
            append(&scene.path(&format!("{round}/{number}/a/file")));
        }
        scene.check_drained(&format!("again in round {round}"));
    }
    scene.wait_for_mirror();
}

#[test]
fn more_than_the_kernel_keeps() {
    let scene = Scene::new();
    let gate = scene.gate.lock().unwrap();
    for number in 0..50_000 {
        fs::write(scene.path(&number.to_string()), b"x").unwrap();
    }
    for number in 0..49_900 {
        fs::remove_file(scene.path(&number.to_string())).unwrap();
    }
    let (drained, is_drained) = mpsc::channel();
    scene.watcher.drain(move || drained.send(()).unwrap());
    assert!(is_drained.try_recv().is_err());
    drop(gate);
    is_drained.recv_timeout(LIMIT).unwrap();
    assert!(scene.told().anything() > 0, "nothing was lost");
    scene.check_drained("after that");
}

#[test]
fn what_is_not_watched_may_be_anything() {
    let scene = Scene::with(5, |directory| {
        for number in 0..10 {
            fs::create_dir(directory.join(number.to_string())).unwrap();
        }
    });
    assert!(!scene.is_watched());
    for round in 0..100 {
        for number in 0..10 {
            append(&scene.path(&format!("{number}/file")));
        }
        scene.check_drained(&format!("round {round}"));
    }
}

#[test]
fn what_is_not_set_up_may_be_anything() {
    for round in 0..100 {
        let home = TempDir::with_prefix("watch").unwrap();
        let (say, told) = mpsc::channel();
        let watcher = Watcher::new(move |changes| drop(say.send(changes))).unwrap();
        watcher.add(ROOT, home.path()).unwrap();
        append(&home.path().join("file"));
        let (drained, is_drained) = mpsc::channel();
        watcher.drain(move || drained.send(()).unwrap());
        is_drained.recv_timeout(LIMIT).unwrap();
        let is_anything = |change: &Change| matches!(change, Change::Anything { .. });
        let mut told = told.try_iter().flatten();
        assert!(told.any(|change| is_anything(&change)), "round {round}");
    }
}

#[test]
fn somebody_who_goes_on_writing_is_not_waited_for() {
    let scene = Scene::new();
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        for number in 0..2 {
            let path = scene.path(&format!("endless{number}"));
            let directory = scene.path(&format!("directory{number}"));
            let is_over = &is_over;
            threads.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    append(&path);
                    fs::create_dir_all(directory.join("a/b")).unwrap();
                    fs::remove_dir_all(&directory).unwrap();
                }
            });
        }
        for _ in 0..100 {
            scene.drain();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    scene.check_drained("at the end");
}

#[test]
fn several_directories_and_such_as_are_removed() {
    let homes = [(); 3].map(|()| TempDir::with_prefix("watch").unwrap());
    let told: Arc<Mutex<Vec<Change>>> = Arc::default();
    let telling = Arc::clone(&told);
    let watcher = Watcher::new(move |changes| telling.lock().unwrap().extend(changes)).unwrap();
    let roots = [ROOT, OTHER, Root(9)];
    for (root, home) in roots.iter().zip(&homes) {
        watcher.add(*root, home.path()).unwrap();
    }
    let is_set_up = |root| {
        let watched = Change::Watched { root, all: true };
        told.lock().unwrap().contains(&watched)
    };
    wait_until("setting up", LIMIT, || {
        roots.iter().all(|root| is_set_up(*root))
    });
    let drained = AtomicUsize::new(0);
    let drained = Arc::new(drained);
    for round in 0..ROUNDS / 4 {
        told.lock().unwrap().clear();
        for home in &homes {
            append(&home.path().join("file"));
        }
        let (say, is_drained) = mpsc::channel();
        watcher.drain(move || say.send(()).unwrap());
        is_drained.recv_timeout(LIMIT).unwrap();
        let told: Vec<Root> = told.lock().unwrap().iter().map(Change::root).collect();
        assert!(
            roots.iter().all(|root| told.contains(root)),
            "round {round}"
        );
    }
    // Removed, or gone, while somebody waits: nobody does for ever, and everybody once.
    for _ in 0..100 {
        let count = Arc::clone(&drained);
        watcher.drain(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    watcher.remove(OTHER);
    let [first, _, last] = homes;
    drop(last);
    for _ in 0..100 {
        let count = Arc::clone(&drained);
        watcher.drain(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    wait_until("all of them", LIMIT, || {
        drained.load(Ordering::SeqCst) == 200
    });
    let count = Arc::clone(&drained);
    watcher.drain(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    drop(watcher);
    wait_until("the last", LIMIT, || drained.load(Ordering::SeqCst) == 201);
    drop(first);
}

#[test]
fn without_any_directory_nothing_is_waited_for() {
    let watcher = Watcher::new(|_| {}).unwrap();
    let (drained, is_drained) = mpsc::channel();
    watcher.drain(move || drained.send(()).unwrap());
    is_drained.try_recv().unwrap();
}
