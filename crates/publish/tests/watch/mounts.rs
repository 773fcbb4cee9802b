//! File systems below a published directory.

use std::fs;
use std::os::unix::fs::FileExt as _;

use live::files::Change;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use testkit::{Isolation, isolated, wait_until};

use crate::mirror::{LIMIT, Scene, attributes_of, relative};

#[test]
fn another_file_system_below_is_watched_and_its_end_noticed() {
    isolated(
        "mounts::another_file_system_below_is_watched_and_its_end_noticed",
        Isolation::MOUNTS,
        || {
            let scene = Scene::with(usize::MAX, |directory| {
                fs::create_dir_all(directory.join("mounted/underneath")).unwrap();
                mount(
                    "tmpfs",
                    directory.join("mounted"),
                    "tmpfs",
                    MountFlags::empty(),
                    None,
                )
                .unwrap();
            });
            assert!(scene.is_watched());
            fs::create_dir_all(scene.path("mounted/a/b")).unwrap();
            fs::write(scene.path("mounted/a/b/file"), b"x").unwrap();
            scene.wait_for_mirror();
            unmount(scene.path("mounted"), UnmountFlags::empty()).unwrap();
            scene.wait_for_mirror();
            fs::write(scene.path("mounted/underneath/file"), b"x").unwrap();
            scene.wait_for_mirror();
        },
    );
}

#[test]
fn a_directory_in_two_places_is_not_followed_forever() {
    isolated(
        "mounts::a_directory_in_two_places_is_not_followed_forever",
        Isolation::MOUNTS,
        || {
            let scene = Scene::with(usize::MAX, |directory| {
                fs::create_dir_all(directory.join("a/loop")).unwrap();
                fs::create_dir_all(directory.join("b/c")).unwrap();
                fs::create_dir_all(directory.join("twin")).unwrap();
                mount_bind(directory, directory.join("a/loop")).unwrap();
                mount_bind(directory.join("b"), directory.join("twin")).unwrap();
            });
            assert!(!scene.is_watched());
            fs::write(scene.path("b/c/file"), b"x").unwrap();
            wait_until("one of both places", LIMIT, || {
                let paths = scene.told().paths();
                paths
                    .iter()
                    .any(|path| path == "b/c/file" || path == "twin/c/file")
            });
            for place in ["a/loop", "twin"] {
                unmount(scene.path(place), UnmountFlags::DETACH).unwrap();
            }
        },
    );
}

/// The times of ramfs tick on every system.
#[test]
fn two_writes_within_a_tick_are_told_as_two() {
    isolated(
        "mounts::two_writes_within_a_tick_are_told_as_two",
        Isolation::MOUNTS,
        || {
            let scene = Scene::with(usize::MAX, |directory| {
                let flags = MountFlags::empty();
                mount("ramfs", directory.join(""), "ramfs", flags, None).unwrap();
                fs::write(directory.join("file"), b"0").unwrap();
            });
            let path = scene.path("file");
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let (mut told, mut within_a_tick) = (None, 0);
            for round in 0..2_000 {
                file.write_all_at(&[b'0' + (round % 10) as u8], 0).unwrap();
                scene.drain();
                let changes = std::mem::take(&mut scene.told().changes);
                let has_anything = changes.iter().any(
                    |change| matches!(change, Change::Anything { path, .. } if *path == relative("file")),
                );
                let now = attributes_of(&path).unwrap().changed;
                if told.replace(now) == Some(now) {
                    within_a_tick += 1;
                    assert!(has_anything, "round {round}: {changes:?}");
                }
            }
            println!("{within_a_tick} within a tick");
        },
    );
}
