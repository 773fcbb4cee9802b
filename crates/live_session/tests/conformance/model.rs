//! Random operations on both sides while the connection breaks, and the same on plain directories.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::wait_until;

use crate::session::{FAR, LIMIT, Session, with_far_session, with_session};

const STEPS: usize = 4_000;
/// Where many of them take a round trip that is long.
const STEPS_FAR_AWAY: usize = 1_000;

/// Numbers that are the same in every run with the same seed (`xorshift64*`).
#[derive(Clone)]
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
            .map(|_| ["a", "b", "c", "d"][usize::try_from(self.below(4)).unwrap()])
            .collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let letter = b'a' + u8::try_from(self.below(26)).unwrap();
        vec![letter; usize::try_from(self.below(20_000)).unwrap()]
    }
}

/// Takes one step in `directory`; what a program is told of it.
fn step(directory: &Path, open: &mut Option<File>, random: &mut Random) -> io::Result<String> {
    let (kind, at, other) = (
        random.below(16),
        directory.join(random.path()),
        directory.join(random.path()),
    );
    // The same numbers are used up whatever happens.
    let (bytes, number) = (random.bytes(), random.below(30_000));
    match kind {
        0 | 1 => fs::write(at, bytes)?,
        2 => OpenOptions::new()
            .append(true)
            .create(true)
            .open(at)?
            .write_all(&bytes)?,
        3 => OpenOptions::new()
            .write(true)
            .open(at)?
            .write_all_at(&bytes, number)?,
        4 => OpenOptions::new().write(true).open(at)?.set_len(number)?,
        5 | 6 => fs::create_dir(at)?,
        7 => fs::remove_file(at)?,
        8 => fs::remove_dir(at)?,
        9 => fs::remove_dir_all(at)?,
        10 => fs::rename(at, other)?,
        11 => fs::hard_link(at, other)?,
        12 => symlink(other.strip_prefix(directory).unwrap(), at)?,
        13 => {
            let mode = 0o700 | u32::try_from(number % 0o100).unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(mode))?;
        }
        14 => return fs::read(at).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        _ => return use_open(&at, open, &bytes, number),
    }
    Ok(String::new())
}

/// Goes on with the file that was opened before, whatever has become of its name, and opens another one.
fn use_open(at: &Path, open: &mut Option<File>, bytes: &[u8], number: u64) -> io::Result<String> {
    let mut said = String::new();
    if let Some(file) = open {
        file.write_all_at(bytes, number)?;
        let data = file.metadata()?;
        said = format!("{} {}", data.len(), data.nlink());
    }
    *open = Some(OpenOptions::new().read(true).write(true).open(at)?);
    Ok(said)
}

/// Takes the same steps in both directories, and compares what a program is told of each.
fn take_steps(name: &str, steps: usize, real: &Path, plain: &Path, seed: u64) {
    let (mut one, mut other) = (Random(seed), Random(seed));
    let (mut open, mut plain_open) = (None, None);
    for number in 0..steps {
        let mut ahead = one.clone();
        let chosen = (ahead.below(16), ahead.path(), ahead.path());
        let told = |result: io::Result<String>| result.map_err(|error| error.raw_os_error());
        let result = told(step(real, &mut open, &mut one));
        let expected = told(step(plain, &mut plain_open, &mut other));
        assert_eq!(
            result, expected,
            "{name}: step {number}, seed {seed}: {chosen:?}"
        );
    }
}

/// Everything in a directory, as far as two may be alike. An error for what changes meanwhile.
fn tree(directory: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(at)? {
            let path = entry?.path();
            let data = fs::symlink_metadata(&path)?;
            let contents = if data.is_symlink() {
                format!("{:?}", fs::read_link(&path)?)
            } else if data.is_dir() {
                waiting.push(path.clone());
                String::new()
            } else {
                String::from_utf8_lossy(&fs::read(&path)?).into_owned()
            };
            let name = path.strip_prefix(directory).unwrap().to_owned();
            let said = format!("{:o} {} {contents}", data.mode(), data.nlink());
            found.insert(name, said);
        }
    }
    Ok(found)
}

fn compare(session: &Session, steps: usize, seed: u64, is_looked_at: bool) {
    for side in ["laptop", "server"] {
        fs::create_dir(session.beside(side)).unwrap();
        fs::create_dir(session.laptop(side)).unwrap();
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Whatever it sees, it fills the caches with what is about to be old.
        let looking = scope.spawn(|| {
            while is_looked_at && !is_over.load(Ordering::SeqCst) {
                drop(tree(&session.server("laptop")));
            }
        });
        let here = scope.spawn(|| {
            let (real, plain) = (session.laptop("laptop"), session.beside("laptop"));
            take_steps("the laptop", steps, &real, &plain, seed);
        });
        let there = scope.spawn(|| {
            let (real, plain) = (session.server("server"), session.beside("server"));
            take_steps("the server", steps, &real, &plain, seed + 1);
        });
        let ended = [here.join(), there.join()];
        is_over.store(true, Ordering::SeqCst);
        looking.join().unwrap();
        for end in ended {
            end.unwrap();
        }
    });
    for side in ["laptop", "server"] {
        let expected = tree(&session.beside(side)).unwrap();
        assert!(!expected.is_empty());
        let on_laptop = tree(&session.laptop(side)).unwrap();
        assert_eq!(
            on_laptop, expected,
            "what the {side} has written, on the laptop; seed {seed}"
        );
        let what = format!("what the {side} has written, on the server; seed {seed}");
        wait_until(&what, LIMIT, || {
            tree(&session.server(side)).is_ok_and(|tree| tree == expected)
        });
    }
}

#[test]
fn both_sides_are_as_plain_directories_while_the_connection_breaks() {
    with_session(
        "model::both_sides_are_as_plain_directories_while_the_connection_breaks",
        |session| {
            let cutting = session.cutting();
            compare(session, STEPS, 4, false);
            drop(cutting);
            assert!(session.connections() > 2, "the connection broke");
        },
    );
}

#[test]
fn both_sides_are_as_plain_directories() {
    with_session("model::both_sides_are_as_plain_directories", |session| {
        compare(session, STEPS, 5, false);
    });
}

#[test]
fn both_sides_are_as_plain_directories_while_the_server_looks_at_everything() {
    let name = "model::both_sides_are_as_plain_directories_while_the_server_looks_at_everything";
    with_session(name, |session| compare(session, STEPS, 6, true));
}

#[test]
fn both_sides_are_as_plain_directories_far_away() {
    let name = "model::both_sides_are_as_plain_directories_far_away";
    with_far_session(name, FAR, |session| {
        compare(session, STEPS_FAR_AWAY, 7, false);
    });
}
