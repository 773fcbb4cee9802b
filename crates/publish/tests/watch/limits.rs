//! Fewer watches than directories.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::{skip, wait_until};

use crate::mirror::{LIMIT, ROOT, Scene};
use live::files::Root;
use publish::watch::Watcher;

const INSIDE: &str = "WATCH_TEST_INSIDE";

fn ten_directories(directory: &Path) {
    for number in 0..10 {
        fs::create_dir(directory.join(number.to_string())).unwrap();
    }
}

#[test]
fn too_few_watches_are_told() {
    let scene = Scene::with(5, ten_directories);
    assert!(!scene.is_watched());
    // What is watched is told all the same.
    fs::write(scene.path("file"), b"x").unwrap();
    wait_until("the file", LIMIT, || {
        scene.told().paths().contains(&"file".to_owned())
    });
}

#[test]
fn no_watch_at_all_is_told() {
    assert!(!Scene::with(0, ten_directories).is_watched());
}

#[test]
fn watches_that_are_used_up_later_are_told() {
    let scene = Scene::with(15, ten_directories);
    assert!(scene.is_watched());
    fs::create_dir_all(scene.path("1/2/3/4/5/6/7")).unwrap();
    wait_until("too few", LIMIT, || !scene.is_watched());
}

#[test]
fn watches_are_given_back() {
    let scene = Scene::with(11, ten_directories);
    assert!(scene.is_watched());
    for round in 0..20 {
        fs::remove_dir(scene.path("3")).unwrap();
        scene.wait_for_mirror();
        fs::create_dir(scene.path("3")).unwrap();
        scene.wait_for_mirror();
        fs::rename(scene.path("4"), scene.outside.join("4")).unwrap();
        scene.wait_for_mirror();
        fs::rename(scene.outside.join("4"), scene.path("4")).unwrap();
        scene.wait_for_mirror();
        assert!(scene.is_watched(), "round {round}");
    }
    scene.watcher.remove(ROOT);
    let other = Root(8);
    wait_until("room for another", LIMIT, || {
        scene.watcher.add(other, &scene.directory).unwrap();
        wait_until("setting up", LIMIT, || {
            scene.told().watched.contains_key(&other)
        });
        let all = scene.told().watched.remove(&other).unwrap();
        scene.watcher.remove(other);
        all
    });
}

#[test]
fn the_kernel_has_too_few_watches() {
    if env::var_os(INSIDE).is_some() {
        assert!(!Scene::with(usize::MAX, ten_directories).is_watched());
        return;
    }
    let script = "echo 5 > /proc/sys/user/max_inotify_watches && exec \"$@\"";
    let inside = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script, "sh"]);
        command.args(arguments).env(INSIDE, "1").output()
    };
    if !inside(&["true"]).is_ok_and(|output| output.status.success()) {
        return skip("needs a user namespace with limits of its own");
    }
    let this = env::current_exe().unwrap();
    let name = "limits::the_kernel_has_too_few_watches";
    let output = inside(&[this.to_str().unwrap(), name, "--exact", "--test-threads=1"]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn a_file_system_that_does_not_tell_is_told() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let telling = std::sync::Arc::clone(&told);
    let watcher = Watcher::new(move |changes| telling.lock().unwrap().extend(changes)).unwrap();
    watcher.add(ROOT, Path::new("/proc/sys/user")).unwrap();
    let refused = live::files::Change::Watched {
        root: ROOT,
        all: false,
    };
    wait_until("that it is not watched", LIMIT, || {
        told.lock().unwrap().contains(&refused)
    });
}
