//! Anything in any order, as fast as it goes.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use proptest::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::mirror::Scene;

#[derive(Clone, Debug)]
enum Step {
    MakeDirectory(PathBuf),
    MakeDirectories(PathBuf),
    Write(PathBuf, u8),
    Append(PathBuf),
    Truncate(PathBuf),
    Permissions(PathBuf, u8),
    Link(PathBuf),
    Rename(PathBuf, PathBuf),
    Exchange(PathBuf, PathBuf),
    Remove(PathBuf),
    RemoveDirectory(PathBuf),
    RemoveAll(PathBuf),
    /// What has been done so far is told before anything else is done.
    Wait,
    /// The same, and nobody has to wait for more than that it was asked for.
    Drain,
}

/// Few names, so that they meet; a tenth outside. No file gets a second name: nothing tells of what is done by the other.
fn path() -> impl Strategy<Value = PathBuf> {
    let name = || prop::sample::select(vec!["a", "b", "c"]);
    let top = prop_oneof![9 => Just("published"), 1 => Just("outside")];
    (top, prop::collection::vec(name(), 1..5))
        .prop_map(|(top, names)| PathBuf::from(top).join(names.iter().collect::<PathBuf>()))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => path().prop_map(Step::MakeDirectory),
        6 => path().prop_map(Step::MakeDirectories),
        8 => (path(), any::<u8>()).prop_map(|(path, size)| Step::Write(path, size)),
        3 => path().prop_map(Step::Append),
        1 => path().prop_map(Step::Truncate),
        2 => (path(), any::<u8>()).prop_map(|(path, mode)| Step::Permissions(path, mode)),
        1 => path().prop_map(Step::Link),
        9 => (path(), path()).prop_map(|(from, to)| Step::Rename(from, to)),
        4 => (path(), path()).prop_map(|(one, other)| Step::Exchange(one, other)),
        2 => path().prop_map(Step::Remove),
        2 => path().prop_map(Step::RemoveDirectory),
        2 => path().prop_map(Step::RemoveAll),
        1 => Just(Step::Wait),
        2 => Just(Step::Drain),
    ]
}

/// Whether it was possible. Most are not, since what they need is not there: that is as good a step as any.
fn take(scene: &Scene, step: &Step) -> bool {
    let home = scene.directory.parent().unwrap();
    let at = |path: &PathBuf| home.join(path);
    match step {
        Step::MakeDirectory(path) => fs::create_dir(at(path)).is_ok(),
        Step::MakeDirectories(path) => fs::create_dir_all(at(path)).is_ok(),
        Step::Write(path, size) => fs::write(at(path), vec![0; usize::from(*size)]).is_ok(),
        Step::Append(path) => OpenOptions::new()
            .append(true)
            .open(at(path))
            .and_then(|mut file| file.write_all(b"more"))
            .is_ok(),
        Step::Truncate(path) => OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(at(path))
            .is_ok(),
        Step::Permissions(path, mode) => {
            let is_link = fs::symlink_metadata(at(path)).is_ok_and(|is| is.is_symlink());
            let mode = Permissions::from_mode(0o700 | u32::from(*mode));
            !is_link && fs::set_permissions(at(path), mode).is_ok()
        }
        Step::Link(path) => symlink("../outside", at(path)).is_ok(),
        Step::Rename(from, to) => fs::rename(at(from), at(to)).is_ok(),
        Step::Exchange(one, other) => {
            renameat_with(CWD, at(one), CWD, at(other), RenameFlags::EXCHANGE).is_ok()
        }
        Step::Remove(path) => fs::remove_file(at(path)).is_ok(),
        Step::RemoveDirectory(path) => fs::remove_dir(at(path)).is_ok(),
        Step::RemoveAll(path) => fs::remove_dir_all(at(path)).is_ok(),
        Step::Wait => {
            scene.wait_for_mirror();
            true
        }
        Step::Drain => {
            scene.check_drained("drained");
            true
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_mirror_becomes_the_directory(steps in prop::collection::vec(step(), 1..300)) {
        let scene = Scene::new();
        for step in &steps {
            take(&scene, step);
        }
        scene.wait_for_mirror();
        prop_assert!(scene.is_watched());
        // Everything that is there is watched: one more change in each directory is told.
        let mut directories = vec![scene.directory.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).unwrap().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    directories.push(entry.path());
                }
            }
            fs::write(directory.join("last"), b"one more").unwrap();
        }
        scene.wait_for_mirror();
    }
}
