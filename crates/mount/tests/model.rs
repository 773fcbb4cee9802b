//! Random operations through the mount, and the same on a plain directory.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Wish, in_mount};

const STEPS: usize = 1500;

/// Numbers that are the same in every run with the same seed (`xorshift64*`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn path(&mut self) -> PathBuf {
        let depth = 1 + self.below(3);
        (0..depth)
            .map(|_| ["a", "b", "c", "d"][self.below(4) as usize])
            .collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(PathBuf, Vec<u8>),
    Append(PathBuf, Vec<u8>),
    WriteAt(PathBuf, u64, Vec<u8>),
    SetLength(PathBuf, u64),
    MakeDirectory(PathBuf),
    Remove(PathBuf),
    RemoveDirectory(PathBuf),
    RemoveAll(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Symlink(PathBuf, PathBuf),
    Permissions(PathBuf, u32),
    Read(PathBuf),
    List(PathBuf),
    Stat(PathBuf),
    Open(PathBuf),
    UseOpen(Vec<u8>),
}

fn step(random: &mut Random) -> Step {
    let bytes =
        |random: &mut Random| vec![b'a' + random.below(26) as u8; random.below(9000) as usize];
    match random.below(19) {
        0 | 1 => Step::Write(random.path(), bytes(random)),
        2 => Step::Append(random.path(), bytes(random)),
        3 => Step::WriteAt(random.path(), random.below(20_000), bytes(random)),
        4 => Step::SetLength(random.path(), random.below(20_000)),
        5 | 6 => Step::MakeDirectory(random.path()),
        7 => Step::Remove(random.path()),
        8 => Step::RemoveDirectory(random.path()),
        9 => Step::RemoveAll(random.path()),
        10 | 11 => Step::Rename(random.path(), random.path()),
        12 => Step::Link(random.path(), random.path()),
        13 => Step::Symlink(random.path(), random.path()),
        14 => Step::Permissions(random.path(), 0o400 | random.below(0o400) as u32),
        15 => Step::Read(random.path()),
        16 => Step::List(random.path()),
        17 => {
            if random.below(2) == 0 {
                Step::Stat(random.path())
            } else {
                Step::Open(random.path())
            }
        }
        _ => Step::UseOpen(bytes(random)),
    }
}

/// What a program is told of a step.
fn take(root: &Path, open: &mut Option<File>, step: &Step) -> Result<String, Option<i32>> {
    let at = |path: &PathBuf| root.join(path);
    let done = |result: io::Result<()>| result.map(|()| String::new());
    let result = match step {
        Step::Write(path, bytes) => done(fs::write(at(path), bytes)),
        Step::Append(path, bytes) => {
            let file = OpenOptions::new().append(true).create(true).open(at(path));
            done(file.and_then(|mut file| file.write_all(bytes)))
        }
        Step::WriteAt(path, offset, bytes) => {
            let file = OpenOptions::new().write(true).open(at(path));
            done(file.and_then(|file| file.write_all_at(bytes, *offset)))
        }
        Step::SetLength(path, length) => done(
            OpenOptions::new()
                .write(true)
                .open(at(path))
                .and_then(|file| file.set_len(*length)),
        ),
        Step::MakeDirectory(path) => done(fs::create_dir(at(path))),
        Step::Remove(path) => done(fs::remove_file(at(path))),
        Step::RemoveDirectory(path) => done(fs::remove_dir(at(path))),
        Step::RemoveAll(path) => done(fs::remove_dir_all(at(path))),
        Step::Rename(from, to) => done(fs::rename(at(from), at(to))),
        Step::Link(from, to) => done(fs::hard_link(at(from), at(to))),
        Step::Symlink(target, path) => done(symlink(target, at(path))),
        Step::Permissions(path, mode) => done(fs::set_permissions(
            at(path),
            fs::Permissions::from_mode(*mode),
        )),
        Step::Read(path) => {
            fs::read(at(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        }
        Step::List(path) => fs::read_dir(at(path)).map(|entries| {
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            format!("{names:?}")
        }),
        Step::Stat(path) => fs::symlink_metadata(at(path)).map(|data| {
            let length = if data.is_dir() { 0 } else { data.len() };
            format!("{:o} {length} {}", data.mode(), data.nlink())
        }),
        Step::Open(path) => OpenOptions::new()
            .read(true)
            .write(true)
            .open(at(path))
            .map(|file| {
                *open = Some(file);
                String::new()
            }),
        Step::UseOpen(bytes) => open.as_ref().map_or(Ok(String::new()), |file| {
            file.write_all_at(bytes, 100)?;
            let data = file.metadata()?;
            let mut start = vec![0; data.len().min(5000) as usize];
            file.read_exact_at(&mut start, 0)?;
            Ok(format!(
                "{} {} {:?}",
                data.len(),
                data.nlink(),
                String::from_utf8_lossy(&start)
            ))
        }),
    };
    result.map_err(|error| error.raw_os_error())
}

fn tree(root: &Path, at: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        let contents = if data.is_symlink() {
            format!("{:?}", fs::read_link(&path).unwrap())
        } else if data.is_dir() {
            tree(root, &path, found);
            String::new()
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
        };
        found.insert(
            path.strip_prefix(root).unwrap().to_owned(),
            format!("{:o} {} {contents}", data.mode(), data.nlink()),
        );
    }
}

fn whole_tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    tree(root, root, &mut found);
    found
}

fn compare(test_name: &str, seed: u64, watched: bool, with_watcher: bool, delay: Duration) {
    in_mount(
        test_name,
        Wish {
            watched,
            delay,
            ..Wish::default()
        },
        |mut world| {
            if with_watcher {
                world.watch();
            }
            let plain = world.beside("plain");
            fs::create_dir(&plain).unwrap();
            let (mut open, mut plain_open) = (None, None);
            let mut random = Random(seed);
            for number in 0..STEPS {
                let step = step(&mut random);
                let expected = take(&plain, &mut plain_open, &step);
                let result = take(&world.server(""), &mut open, &step);
                assert_eq!(result, expected, "step {number}: {step:?}");
                if number % 100 == 99 {
                    assert_eq!(
                        whole_tree(&world.server("")),
                        whole_tree(&plain),
                        "after step {number}"
                    );
                    assert_eq!(
                        whole_tree(&world.laptop("")),
                        whole_tree(&plain),
                        "after step {number}, on the laptop"
                    );
                }
            }
        },
    );
}

#[test]
fn it_is_as_a_plain_directory_where_changes_are_told() {
    let delay = Duration::from_micros(500);
    compare(
        "it_is_as_a_plain_directory_where_changes_are_told",
        1,
        true,
        true,
        delay,
    );
}

#[test]
fn it_is_as_a_plain_directory_where_nothing_changes_on_the_laptop() {
    compare(
        "it_is_as_a_plain_directory_where_nothing_changes_on_the_laptop",
        2,
        true,
        false,
        Duration::ZERO,
    );
}

#[test]
fn it_is_as_a_plain_directory_where_changes_are_not_told() {
    compare(
        "it_is_as_a_plain_directory_where_changes_are_not_told",
        3,
        false,
        false,
        Duration::ZERO,
    );
}
