//! Many changes at once.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use live::files::Change;
use testkit::wait_until;

use crate::mirror::{LIMIT, Scene, attributes_of, comparable};

#[test]
fn every_file_in_directories_made_at_once_is_told() {
    let scene = Scene::new();
    for number in 0..1000 {
        let path = format!("{number}/a/b/c");
        fs::create_dir_all(scene.path(&path)).unwrap();
        fs::write(scene.path(&path).join("file"), number.to_string()).unwrap();
    }
    scene.wait_for_mirror();
    let missing = |number: &usize| {
        let path = format!("{number}/a/b/c/file");
        let is = comparable(attributes_of(&scene.path(&path)).unwrap());
        let told = scene.told();
        !matches!(told.last(&path), Some(Change::At { attributes: Some(told), .. }) if comparable(*told) == is)
    };
    wait_until("every file told by name", LIMIT, || {
        !(0..1000).any(|number| missing(&number))
    });
    assert!(scene.is_watched());
}

#[test]
fn a_flood_is_told_to_its_end() {
    let scene = Scene::new();
    // Appended to: ext4 writes a file to the disk at once when it has been emptied and written again.
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    for number in 0..50_000 {
        let mut file = options
            .open(scene.path(&(number % 5_000).to_string()))
            .unwrap();
        file.write_all(b"more").unwrap();
    }
    scene.wait_for_mirror();
    wait_until("watched", LIMIT, || scene.is_watched());
    let told = scene.told();
    assert!(
        told.largest_batch <= publish::watch::LARGEST_BATCH,
        "{}",
        told.largest_batch
    );
}

#[test]
fn what_was_lost_may_be_anything_and_new_directories_are_found() {
    let scene = Scene::new();
    let gate = scene.gate.lock().unwrap();
    for number in 0..50_000 {
        fs::write(scene.path(&number.to_string()), b"x").unwrap();
    }
    fs::create_dir_all(scene.path("made/in/between")).unwrap();
    for number in 0..49_000 {
        fs::remove_file(scene.path(&number.to_string())).unwrap();
    }
    drop(gate);
    scene.wait_for_mirror();
    wait_until("watched", LIMIT, || scene.is_watched());
    assert!(
        scene.told().anything() > 0,
        "nothing was lost: the test is too small for this system"
    );
    let is_doubt = |change: &Change| matches!(change, Change::Watched { all: false, .. });
    assert!(scene.told().changes.iter().any(is_doubt));
    fs::write(scene.path("made/in/between/file"), b"x").unwrap();
    scene.wait_for_mirror();
}

#[test]
fn what_has_changed_while_events_were_lost_is_told_by_name() {
    let scene = Scene::with(usize::MAX, |directory| {
        fs::create_dir_all(directory.join("old/below")).unwrap();
        fs::create_dir(directory.join("many")).unwrap();
        for name in ["old/changed", "old/below/linked"] {
            fs::write(directory.join(name), b"before").unwrap();
        }
        fs::create_dir_all(directory.with_file_name("outside/moved")).unwrap();
        fs::write(directory.with_file_name("outside/moved/old"), b"before").unwrap();
    });
    let gate = scene.gate.lock().unwrap();
    for number in 0..50_000 {
        fs::write(scene.path(&format!("many/{}", number % 50)), b"x").unwrap();
        fs::write(scene.path("many/other"), b"x").unwrap();
    }
    fs::write(scene.path("old/changed"), b"after").unwrap();
    fs::hard_link(scene.path("old/below/linked"), scene.path("old/below/new")).unwrap();
    fs::create_dir(scene.path("old/made")).unwrap();
    fs::write(scene.path("old/made/file"), b"x").unwrap();
    fs::rename(scene.outside.join("moved"), scene.path("moved")).unwrap();
    drop(gate);
    scene.wait_for_mirror();
    assert!(scene.told().anything() > 0, "nothing was lost");
    for name in [
        "old/changed",
        "old/below/linked",
        "old/below/new",
        "old/made",
        "old/made/file",
        "moved",
        "moved/old",
        "many/49",
    ] {
        wait_until(name, LIMIT, || {
            matches!(scene.told().last(name), Some(Change::At { .. }))
        });
    }
    // Everything that is told by name is told after that.
    let told = scene.told();
    let anything =
        |change: &Change| matches!(change, Change::Anything { path, .. } if path.is_root());
    let last = told.changes.iter().rposition(anything).unwrap();
    let by_name = told.changes[last..]
        .iter()
        .filter(|change| matches!(change, Change::At { .. }));
    assert!(by_name.count() >= 8);
}

#[test]
fn a_large_directory_that_moves_is_told_as_anything() {
    let scene = Scene::with(usize::MAX, |directory| {
        for number in 0..20 {
            let below = directory.join("large").join(number.to_string());
            fs::create_dir_all(&below).unwrap();
            for number in 0..500 {
                fs::write(below.join(number.to_string()), b"").unwrap();
            }
        }
    });
    fs::rename(scene.path("large"), scene.path("moved")).unwrap();
    scene.wait_for_mirror();
    let count = scene.told().changes.len();
    assert!(count < 7_000, "{count}");
    scene.told().changes.clear();
    fs::write(scene.path("moved/19/499"), b"told by name").unwrap();
    scene.wait_for_mirror();
    let is = comparable(attributes_of(&scene.path("moved/19/499")).unwrap());
    wait_until("by name", LIMIT, || {
        let told = scene.told();
        matches!(told.last("moved/19/499"), Some(Change::At { attributes: Some(told), .. }) if comparable(*told) == is)
    });
    assert!(scene.is_watched());
}

#[test]
fn a_tree_that_changes_while_it_is_set_up_is_right_in_the_end() {
    let prepare = |directory: &std::path::Path| {
        for number in 0..2_000 {
            fs::create_dir_all(directory.join(format!("{}/{number}", number % 50))).unwrap();
        }
        let directory = directory.to_owned();
        std::thread::spawn(move || {
            for number in 0..2_000 {
                let path = directory.join(format!("{}/{number}", number % 50));
                fs::write(path.join("file"), b"x").unwrap();
                fs::rename(
                    &path,
                    directory.join(format!("{}/renamed-{number}", (number + 1) % 50)),
                )
                .unwrap();
            }
        });
    };
    let scene = Scene::with(usize::MAX, prepare);
    wait_until("the last rename", LIMIT, || {
        scene.path("0/renamed-1999").exists()
    });
    scene.wait_for_mirror();
    fs::write(scene.path("0/renamed-1999/file"), b"changed").unwrap();
    scene.wait_for_mirror();
}
