//! The usual work in a mount of a live session, beside the same in `sshfs` with its caches tuned, over the same delay.
//!
//! Both ends of each run here. What is said between them takes half of a round trip each way, and is not limited otherwise;
//! `ssh` itself, which both need, is left out. `sshfs` is `sshfs -o passive` with an `sftp-server`, its caches good for
//! an hour: it shows no change of the laptop's for that long, so nobody could use it like that. It is an upper bound.

mod line;
mod sessions;
mod tree;

use std::time::Duration;

use line::{LINES, Line, Pair};
use sessions::{Native, Sshfs};
use tree::Tree;

use crate::options;

/// In milliseconds, unless told otherwise by `--rtt=0,20,80`.
const ROUND_TRIPS: [u64; 3] = [0, 20, 80];

pub(crate) fn mount() {
    println!(
        "\nmounts (s, cold and warm): the session's own beside sshfs, passive and tuned; a ratio above 1 is slower"
    );
    if !Sshfs::is_installed() {
        return println!("  left out: needs root, /dev/fuse, sshfs and sftp-server");
    }
    let directory = tempfile::tempdir().unwrap();
    let tree = Tree::make(directory.path());
    println!(
        "  {} files in git, {} directories",
        tree.files, tree.directories
    );
    for round_trip in options::round_trips(&ROUND_TRIPS) {
        // What takes no time by itself is soon something else's time.
        let rounds = if round_trip.is_zero() { 5 } else { 1 };
        for line in &LINES {
            if options::is_wanted_line(line.name) {
                let measured: Vec<_> = (0..rounds)
                    .map(|_| measure(&tree, line, round_trip))
                    .collect();
                line.print(round_trip, &measured);
            }
        }
    }
}

/// In mounts that are new.
fn measure(tree: &Tree, line: &Line, round_trip: Duration) -> Vec<Pair> {
    tree.clear();
    line.prepare(tree);
    let (native, sshfs) = (
        Native::mount(tree, round_trip),
        Sshfs::mount(tree, round_trip),
    );
    line.measure(tree, native.point(), sshfs.point())
}
