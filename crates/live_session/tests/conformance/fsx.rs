//! `fsx`: random reads, writes, truncations and maps of one file, each read compared with what has to be there.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::programs::{command, find, run};
use crate::session::{Session, with_session};

/// How much of it is run; a variable of that name has more run by hand.
const OPERATIONS: u32 = 2_500;
const OPERATIONS_VARIABLE: &str = "CONFORMANCE_FSX_OPERATIONS";
/// Run in every run, so that two runs can be compared.
pub(crate) const FIXED_SEED: u64 = 20_261_122;

const WITHOUT_MAPS: &str = "
[weights]
close_open = 1
read = 10
write = 10
mapread = 0
mapwrite = 0
truncate = 5
fsync = 1
fdatasync = 1
sendfile = 3
posix_fadvise = 1
posix_fallocate = 3
punch_hole = 3
copy_file_range = 3
";
const WITH_MAPS: &str = "
[weights]
close_open = 1
read = 10
write = 10
mapread = 10
mapwrite = 10
invalidate = 1
truncate = 5
fsync = 1
fdatasync = 1
sendfile = 3
posix_fadvise = 1
posix_fallocate = 3
punch_hole = 3
copy_file_range = 3
";
/// Here nothing but the kernel decides when what was written to memory goes to the laptop.
const UNSYNCED_MAPS: &str = "
nomsyncafterwrite = true
[opsize]
max = 20000
[weights]
close_open = 2
read = 10
write = 10
mapread = 10
mapwrite = 20
truncate = 5
fsync = 1
";

pub(crate) fn exercise(session: &Session, program: &Path, name: &str, settings: &str, seed: u64) {
    let operations = std::env::var(OPERATIONS_VARIABLE).map_or(OPERATIONS, |number| {
        number.parse().expect("a number of operations")
    });
    let configuration = session.beside(&format!("{name}.toml"));
    fs::write(&configuration, settings).unwrap();
    let file = format!("{name}-{seed}");
    println!("fsx {name}: {operations} operations, seed {seed}");
    let mut fsx = command(session, program, session.beside("").as_path());
    fsx.arg("-f").arg(configuration);
    fsx.args(["-N", &operations.to_string(), "-S", &seed.to_string(), "-P"]);
    fsx.arg(session.beside("")).arg(session.server(&file));
    run(fsx);
    // What the last process saw is what is on the laptop's disk.
    let (here, there) = (session.server(&file), session.laptop(&file));
    assert!(
        fs::read(here).unwrap() == fs::read(there).unwrap(),
        "{file} differs on the laptop"
    );
}

fn exercise_all(session: &Session, program: &Path, seeds: &[u64]) {
    for &seed in seeds {
        exercise(session, program, "without-maps", WITHOUT_MAPS, seed);
        exercise(session, program, "with-maps", WITH_MAPS, seed);
        exercise(session, program, "unsynced-maps", UNSYNCED_MAPS, seed);
    }
}

/// Another one in every run. It is printed: to run it again, make it the fixed one.
pub(crate) fn random_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos())
}

pub(crate) fn fsx() -> Option<std::path::PathBuf> {
    find("fsx", "cargo install --locked fsx")
}

#[test]
fn a_file_reads_as_it_was_written_mapped_or_not() {
    with_session(
        "fsx::a_file_reads_as_it_was_written_mapped_or_not",
        |session| {
            let Some(program) = fsx() else { return };
            exercise_all(session, &program, &[FIXED_SEED, random_seed()]);
        },
    );
}

#[test]
fn a_file_reads_as_it_was_written_while_the_connection_breaks() {
    with_session(
        "fsx::a_file_reads_as_it_was_written_while_the_connection_breaks",
        |session| {
            let Some(program) = fsx() else { return };
            let _cutting = session.cutting();
            exercise_all(session, &program, &[random_seed()]);
        },
    );
}
