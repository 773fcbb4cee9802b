//! File systems below a published directory.

use std::fs;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use testkit::{Isolation, isolated, wait_until};

use crate::mirror::{LIMIT, Scene};

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
