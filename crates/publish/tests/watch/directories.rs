//! Directories that come, go and change places; published directories.

use std::fs;
use std::path::Path;

use live::files::{Change, Root};
use publish::PublishError;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use testkit::wait_until;

use crate::mirror::{LIMIT, ROOT, Scene, Tree, read_tree};
use live::RelativePath;

fn fill(directory: &Path) {
    fs::create_dir_all(directory.join("a/b/c")).unwrap();
    fs::write(directory.join("a/b/c/file"), b"x").unwrap();
    fs::write(directory.join("a/b/file"), b"x").unwrap();
}

#[test]
fn what_is_there_already_may_be_anything() {
    let scene = Scene::with(usize::MAX, fill);
    assert!(scene.is_watched());
    scene.wait_for_mirror();
}

#[test]
fn a_directory_made_with_contents_is_told_with_them() {
    let scene = Scene::new();
    fill(&scene.directory);
    scene.wait_for_mirror();
    fs::write(scene.path("a/b/c/file"), b"changed").unwrap();
    fs::write(scene.path("a/b/c/another"), b"changed").unwrap();
    scene.wait_for_mirror();
    assert!(scene.is_watched());
}

#[test]
fn what_changes_in_a_renamed_directory_is_told_below_its_new_name() {
    let scene = Scene::with(usize::MAX, fill);
    fs::rename(scene.path("a"), scene.path("z")).unwrap();
    scene.wait_for_names();
    for number in 0..10 {
        fs::write(scene.path("z/b/c/file"), b"x".repeat(number)).unwrap();
        fs::rename(scene.path("z"), scene.path("y")).unwrap();
        fs::write(scene.path("y/b/c/another"), b"x".repeat(number)).unwrap();
        fs::rename(scene.path("y"), scene.path("z")).unwrap();
    }
    scene.wait_for_mirror();
    fs::create_dir(scene.path("new")).unwrap();
    fs::rename(scene.path("z/b"), scene.path("new/b")).unwrap();
    fs::write(scene.path("new/b/c/file"), b"last").unwrap();
    scene.wait_for_mirror();
}

#[test]
fn directories_that_are_exchanged_keep_being_watched() {
    let scene = Scene::with(usize::MAX, |directory| {
        fill(directory);
        fs::create_dir_all(directory.join("other/d")).unwrap();
        fs::write(directory.join("plain"), b"x").unwrap();
    });
    let exchange = |one: &str, other: &str| {
        renameat_with(
            CWD,
            scene.path(one),
            CWD,
            scene.path(other),
            RenameFlags::EXCHANGE,
        )
        .unwrap();
    };
    exchange("a", "other");
    scene.wait_for_names();
    fs::write(scene.path("other/b/c/file"), b"after the exchange").unwrap();
    fs::write(scene.path("a/d/file"), b"after the exchange").unwrap();
    scene.wait_for_names();
    exchange("a", "plain");
    fs::write(scene.path("plain/d/file"), b"after the second").unwrap();
    scene.wait_for_names();
    fs::write(scene.path("plain/d/file"), b"after the second one").unwrap();
    scene.wait_for_names();
}

#[test]
fn what_is_moved_out_is_not_watched_any_more() {
    let scene = Scene::with(usize::MAX, fill);
    fs::rename(scene.path("a"), scene.outside.join("a")).unwrap();
    scene.wait_for_names();
    scene.told().changes.clear();
    fs::write(scene.outside.join("a/b/c/file"), b"private").unwrap();
    fs::write(scene.path("after"), b"x").unwrap();
    scene.wait_for_names();
    let paths = scene.told().paths();
    assert!(
        paths.iter().all(|path| path.is_empty() || path == "after"),
        "{paths:?}"
    );
    fs::rename(scene.outside.join("a"), scene.path("back")).unwrap();
    scene.wait_for_mirror();
    fs::write(scene.path("back/b/c/file"), b"told again").unwrap();
    scene.wait_for_mirror();
}

#[test]
fn a_directory_replaced_by_another_has_nothing_of_it() {
    let scene = Scene::with(usize::MAX, fill);
    fs::rename(scene.path("a"), scene.outside.join("a")).unwrap();
    fs::create_dir(scene.path("a")).unwrap();
    scene.wait_for_names();
    fs::write(scene.path("a/file"), b"in the new one").unwrap();
    scene.wait_for_names();
}

#[test]
fn a_whole_tree_is_removed() {
    let scene = Scene::with(usize::MAX, |directory| {
        for number in 0..50 {
            fill(&directory.join(number.to_string()));
        }
    });
    fs::remove_dir_all(scene.path("7")).unwrap();
    scene.wait_for_names();
    for number in (0..50).filter(|number| *number != 7) {
        fs::remove_dir_all(scene.path(&number.to_string())).unwrap();
    }
    scene.wait_for_names();
}

#[test]
fn two_directories_are_told_apart_even_where_one_is_in_the_other() {
    let scene = Scene::with(usize::MAX, fill);
    let inner = Root(8);
    scene.watcher.add(inner, &scene.path("a/b")).unwrap();
    wait_until("both", LIMIT, || scene.told().watched.contains_key(&inner));
    scene.told().changes.clear();
    fs::write(scene.path("a/b/c/file"), b"told twice").unwrap();
    fs::write(scene.path("a/once"), b"told once").unwrap();
    scene.wait_for_names();
    wait_until("the inner one", LIMIT, || {
        let mut actual = Tree::new();
        read_tree(
            &scene.path("a/b/c/file"),
            &crate::mirror::relative("c/file"),
            &mut actual,
        );
        let told = scene.told();
        let path = crate::mirror::relative("c/file");
        told.trees[&inner].get(&path) == actual.get(&path)
    });
    let told = scene.told();
    let once = crate::mirror::relative("once");
    assert!(!told.trees[&inner].contains_key(&once));
}

#[test]
fn a_number_is_used_once_until_it_is_removed() {
    let scene = Scene::new();
    let taken = scene.watcher.add(ROOT, &scene.outside);
    assert!(matches!(taken, Err(PublishError::NumberTaken)), "{taken:?}");
    let missing = scene.watcher.add(Root(8), &scene.path("missing"));
    assert!(
        matches!(missing, Err(PublishError::NotOpened(_))),
        "{missing:?}"
    );
    scene.watcher.remove(ROOT);
    scene.watcher.add(ROOT, &scene.outside).unwrap();
}

#[test]
fn nothing_is_told_of_a_directory_that_is_withdrawn() {
    let scene = Scene::new();
    let other = Root(8);
    scene.watcher.add(other, &scene.outside).unwrap();
    wait_until("both", LIMIT, || scene.told().watched.contains_key(&other));
    fs::write(scene.path("before"), b"x").unwrap();
    scene.watcher.remove(ROOT);
    scene.told().changes.clear();
    fs::write(scene.path("after"), b"x").unwrap();
    fs::write(scene.outside.join("after"), b"x").unwrap();
    wait_until("the other one", LIMIT, || {
        scene.told().paths().contains(&"after".to_owned())
    });
    let is_of_other = |change: &Change| match change {
        Change::At { root, .. } | Change::Anything { root, .. } | Change::Watched { root, .. } => {
            *root == other
        }
    };
    assert!(scene.told().changes.iter().all(is_of_other));
}

#[test]
fn a_published_directory_may_be_renamed() {
    let scene = Scene::with(usize::MAX, fill);
    let renamed = scene.outside.join("renamed");
    fs::rename(&scene.directory, &renamed).unwrap();
    fs::write(renamed.join("a/b/c/file"), b"after it").unwrap();
    wait_until("the change", LIMIT, || {
        let mut actual = Tree::new();
        read_tree(&renamed, &RelativePath::root(), &mut actual);
        scene.told().trees[&ROOT] == actual
    });
    assert!(scene.is_watched());
}

#[test]
fn a_published_directory_may_be_removed() {
    let scene = Scene::with(usize::MAX, fill);
    fs::remove_dir_all(&scene.directory).unwrap();
    wait_until("its end", LIMIT, || !scene.is_watched());
    assert!(scene.told().trees[&ROOT].is_empty());
}
