//! One change after the other, to files.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use live::files::{Attributes, Change, Kind};
use testkit::wait_until;

use crate::mirror::{LIMIT, Scene, attributes_of};

/// Until exactly what `path` is now was told of it, the times of its attributes included.
#[track_caller]
fn wait_for(scene: &Scene, path: &str) -> Attributes {
    let is = attributes_of(&scene.path(path)).unwrap();
    let exact = |told: &Attributes| {
        let (accessed, blocks) = (is.accessed, is.blocks);
        Attributes {
            accessed,
            blocks,
            ..*told
        } == is
    };
    wait_until(path, LIMIT, || {
        let told = scene.told();
        let last = told.last(path);
        matches!(last, Some(Change::At { attributes: Some(told), .. }) if exact(told))
    });
    is
}

#[track_caller]
fn wait_for_absence(scene: &Scene, path: &str) {
    wait_until(path, LIMIT, || {
        let told = scene.told();
        matches!(
            told.last(path),
            Some(Change::At {
                attributes: None,
                ..
            })
        )
    });
}

#[test]
fn what_is_done_to_a_file_is_told() {
    let scene = Scene::new();
    let path = scene.path("file");
    fs::write(&path, b"").unwrap();
    wait_for(&scene, "file");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"twelve bytes").unwrap();
    assert_eq!(wait_for(&scene, "file").size, 12);
    file.write_all(b", and more").unwrap();
    assert_eq!(wait_for(&scene, "file").size, 22);
    file.set_len(5).unwrap();
    assert_eq!(wait_for(&scene, "file").size, 5);
    fs::set_permissions(&path, Permissions::from_mode(0o4751)).unwrap();
    assert_eq!(wait_for(&scene, "file").permissions, 0o4751);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::new(86_400, 5);
    file.set_modified(long_ago).unwrap();
    assert_eq!(wait_for(&scene, "file").modified.nanoseconds, 5);
    rustix::fs::setxattr(&path, "user.color", b"red", rustix::fs::XattrFlags::empty()).unwrap();
    wait_for(&scene, "file");
    fs::remove_file(&path).unwrap();
    wait_for_absence(&scene, "file");
    scene.wait_for_names();
}

#[test]
fn the_directory_that_a_name_is_in_is_told_too() {
    let scene = Scene::with(usize::MAX, |directory| {
        fs::create_dir(directory.join("a")).unwrap();
    });
    fs::write(scene.path("a/file"), b"x").unwrap();
    wait_for(&scene, "a");
    fs::remove_file(scene.path("a/file")).unwrap();
    wait_for(&scene, "a");
    fs::create_dir(scene.path("a/b")).unwrap();
    assert_eq!(wait_for(&scene, "a").kind, Kind::Directory);
    fs::write(scene.path("file"), b"x").unwrap();
    wait_for(&scene, "");
    scene.wait_for_names();
}

#[test]
fn both_names_of_a_rename_are_told() {
    let scene = Scene::new();
    fs::write(scene.outside.join("in"), b"from elsewhere").unwrap();
    fs::write(scene.path("within"), b"x").unwrap();
    fs::rename(scene.path("within"), scene.path("there")).unwrap();
    wait_for_absence(&scene, "within");
    wait_for(&scene, "there");
    fs::rename(scene.outside.join("in"), scene.path("in")).unwrap();
    wait_for(&scene, "in");
    fs::rename(scene.path("in"), scene.path("there")).unwrap();
    wait_for_absence(&scene, "in");
    assert_eq!(wait_for(&scene, "there").size, 14);
    fs::rename(scene.path("there"), scene.outside.join("out")).unwrap();
    wait_for_absence(&scene, "there");
    scene.wait_for_names();
}

#[test]
fn what_is_written_to_a_mapping_is_told_when_it_ends() {
    let scene = Scene::new();
    let path = scene.path("mapped");
    fs::write(&path, [0; 100]).unwrap();
    wait_for(&scene, "mapped");
    let mut command = std::process::Command::new("python3");
    let program = "import mmap, sys\nwith open(sys.argv[1], 'r+b') as file:\n  mmap.mmap(file.fileno(), 0)[0:3] = b'new'";
    let Ok(status) = command
        .env_clear()
        .args(["-c", program])
        .arg(&path)
        .status()
    else {
        return testkit::skip("needs python3 to write to a mapping");
    };
    assert!(status.success());
    assert_eq!(&fs::read(&path).unwrap()[..3], b"new");
    wait_for(&scene, "mapped");
}

#[test]
fn a_link_is_told_as_one_and_not_followed() {
    let scene = Scene::new();
    fs::create_dir(scene.outside.join("below")).unwrap();
    symlink(&scene.outside, scene.path("link")).unwrap();
    symlink("nowhere", scene.path("dangling")).unwrap();
    assert_eq!(wait_for(&scene, "link").kind, Kind::Link);
    assert_eq!(wait_for(&scene, "dangling").kind, Kind::Link);
    fs::write(scene.outside.join("secret"), b"x").unwrap();
    fs::write(scene.outside.join("below/secret"), b"x").unwrap();
    // Events come in order: had those been told, they would have been told before this one.
    fs::write(scene.path("after"), b"x").unwrap();
    wait_for(&scene, "after");
    let paths = scene.told().paths();
    assert!(
        !paths
            .iter()
            .any(|path| path.contains("secret") || path.starts_with("link/")),
        "{paths:?}"
    );
    scene.wait_for_names();
}

#[test]
fn a_link_in_place_of_a_directory_leads_nowhere() {
    let scene = Scene::with(usize::MAX, |directory| {
        fs::create_dir(directory.join("a")).unwrap();
    });
    for _ in 0..100 {
        fs::rename(scene.path("a"), scene.outside.join("a")).unwrap();
        symlink(&scene.outside, scene.path("a")).unwrap();
        fs::remove_file(scene.path("a")).unwrap();
        fs::rename(scene.outside.join("a"), scene.path("a")).unwrap();
    }
    fs::rename(scene.path("a"), scene.outside.join("a")).unwrap();
    symlink(&scene.outside, scene.path("a")).unwrap();
    scene.wait_for_mirror();
    scene.told().changes.clear();
    fs::write(scene.outside.join("secret"), b"x").unwrap();
    fs::write(scene.outside.join("a/secret"), b"x").unwrap();
    fs::write(scene.path("after"), b"x").unwrap();
    wait_for(&scene, "after");
    let paths = scene.told().paths();
    assert!(
        !paths.iter().any(|path| path.contains("secret")),
        "{paths:?}"
    );
}

#[test]
fn names_need_not_be_text() {
    let scene = Scene::new();
    let name = OsStr::from_bytes(b"\xff\xfe \n\\");
    fs::create_dir(scene.directory.join(name)).unwrap();
    fs::write(scene.directory.join(name).join(name), b"x").unwrap();
    scene.wait_for_mirror();
    fs::remove_dir_all(scene.directory.join(name)).unwrap();
    scene.wait_for_mirror();
}

#[test]
fn reading_tells_nothing() {
    let scene = Scene::with(usize::MAX, |directory| {
        fs::create_dir(directory.join("a")).unwrap();
        fs::write(directory.join("a/file"), b"contents").unwrap();
    });
    for _ in 0..10 {
        let mut read = String::new();
        File::open(scene.path("a/file"))
            .unwrap()
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(fs::read_dir(scene.path("a")).unwrap().count(), 1);
        fs::metadata(scene.path("a/file")).unwrap();
    }
    fs::write(scene.path("after"), b"").unwrap();
    wait_for(&scene, "after");
    let paths = scene.told().paths();
    assert!(
        paths.iter().all(|path| path.is_empty() || path == "after"),
        "{paths:?}"
    );
}

#[test]
fn other_names_of_a_file_have_its_identity() {
    let scene = Scene::new();
    fs::write(scene.path("one"), b"x").unwrap();
    fs::hard_link(scene.path("one"), scene.path("two")).unwrap();
    let two = wait_for(&scene, "two");
    assert_eq!(two.links, 2);
    assert_eq!(
        attributes_of(&scene.path("one")).unwrap().identity,
        two.identity
    );
}

#[test]
fn pipes_and_sockets_are_told() {
    let scene = Scene::new();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.path("pipe"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    let socket = std::os::unix::net::UnixListener::bind(scene.path("socket")).unwrap();
    assert_eq!(wait_for(&scene, "pipe").kind, Kind::Pipe);
    assert_eq!(wait_for(&scene, "socket").kind, Kind::Socket);
    drop(socket);
}
