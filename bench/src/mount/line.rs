//! The lines of the table.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::tree::Tree;
use crate::results;

/// What takes longer is ended.
const LONGEST: Duration = Duration::from_secs(180);

/// What each is called in names of files.
const NATIVE: &str = "native";
const SSHFS: &str = "sshfs";

/// How long it took with ours, and with what is beside it; `None`: too long.
pub(super) type Pair = (Option<Duration>, Option<Duration>);

/// One kind of work.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// It is done a second time in the same mount.
    again: bool,
    /// On the laptop before it is mounted, for `sh`.
    before: &'static str,
    /// In the mount, for `sh`.
    command: &'static str,
}

const fn line(name: &'static str, again: bool, command: &'static str) -> Line {
    Line {
        name,
        again,
        before: "",
        command,
    }
}

pub(super) const LINES: [Line; 10] = [
    line("find -type f", true, "find . -type f | wc -l"),
    line("ls -lR", true, "ls -lR . | wc -l"),
    line(
        "git status",
        true,
        "git --no-optional-locks status --porcelain | wc -l",
    ),
    line(
        "git status, as in a session",
        true,
        "git -c core.checkStat=minimal -c core.trustctime=false --no-optional-locks status --porcelain | wc -l",
    ),
    line(
        "grep -r",
        true,
        "grep -r 'is in no file' node_modules src | wc -l",
    ),
    line(
        "write one file, stat 500",
        true,
        "date > written && xargs stat -c %s < $BESIDE/every13th | wc -l",
    ),
    line("read 100 MB", true, "cat large | wc -c"),
    line(
        "write 100 MB + fsync",
        false,
        "dd if=/dev/zero of=written bs=128k count=800 conv=fsync status=none",
    ),
    line(
        "untar 1,000 small files",
        false,
        "mkdir NEW && tar -x -C NEW -f $BESIDE/small.tar",
    ),
    Line {
        before: "mkdir NEW && tar -x -C NEW -f $BESIDE/small.tar",
        ..line("remove 1,000 small files", false, "rm -r NEW")
    },
];

impl Line {
    /// Does what comes before it is mounted.
    pub(super) fn prepare(&self, tree: &Tree) {
        for name in [NATIVE, SSHFS] {
            tree.shell(&named(self.before, name));
        }
    }

    /// Each by itself, so that neither slows the other.
    pub(super) fn measure(&self, tree: &Tree, native: &Path, sshfs: &Path) -> Vec<Pair> {
        let ours = self.times(tree, native, NATIVE);
        let beside = self.times(tree, sshfs, SSHFS);
        // What was ended is not whole.
        if ours.iter().chain(&beside).all(Option::is_some) {
            tree.check();
        }
        ours.into_iter().zip(beside).collect()
    }

    /// Medians of what was measured.
    pub(super) fn print(&self, round_trip: Duration, rounds: &[Vec<Pair>]) {
        let phases = ["cold", "warm"]
            .into_iter()
            .take(1 + usize::from(self.again));
        for (number, phase) in phases.enumerate() {
            let of_phase = |side: fn(&Pair) -> Option<Duration>| {
                let times = rounds.iter().filter_map(|round| round.get(number));
                median(times.map(side).collect())
            };
            let (ours, beside) = (of_phase(|pair| pair.0), of_phase(|pair| pair.1));
            println!(
                "  {:>3} ms  {:<30} {phase}   {}   beside {}   ratio {}",
                round_trip.as_millis(),
                self.name,
                seconds(ours),
                seconds(beside),
                ratio(ours, beside),
            );
            if let (Some(ours), Some(beside)) = (ours, beside) {
                let id = format!("mount/{}/{}/{phase}", self.name, round_trip.as_millis());
                results::keep(&id, ours.as_secs_f64(), beside.as_secs_f64());
            }
        }
    }

    fn times(&self, tree: &Tree, point: &Path, name: &str) -> Vec<Option<Duration>> {
        if !self.before.is_empty() {
            // What finding takes, other lines tell.
            run(tree, point, &named("find NEW | wc -l", name));
        }
        let command = named(self.command, name);
        let runs = 0..=usize::from(self.again);
        runs.map(|_| run(tree, point, &command)).collect()
    }
}

/// With a new directory of its own.
fn named(command: &str, name: &str) -> String {
    command.replace("NEW", &format!("new-{name}"))
}

/// What took too long is last.
fn median(mut times: Vec<Option<Duration>>) -> Option<Duration> {
    times.sort_unstable_by_key(|took| took.unwrap_or(Duration::MAX));
    times.get(times.len() / 2).copied().flatten()
}

/// How long it takes; `None`: too long.
fn run(tree: &Tree, directory: &Path, command: &str) -> Option<Duration> {
    let mut shell = Command::new("timeout");
    shell
        .args([&LONGEST.as_secs().to_string(), "sh", "-c", command])
        .current_dir(directory)
        .env("BESIDE", tree.beside(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let began = Instant::now();
    let status = shell.status().unwrap();
    let took = began.elapsed();
    assert!(
        status.success() || status.code() == Some(124),
        "{command}: {status}"
    );
    status.success().then_some(took)
}

fn seconds(took: Option<Duration>) -> String {
    match took {
        Some(took) => format!("{:>8.3}", took.as_secs_f64()),
        None => format!("  >{:>5}", LONGEST.as_secs()),
    }
}

fn ratio(ours: Option<Duration>, beside: Option<Duration>) -> String {
    let of = |took: Duration, other: Duration| took.as_secs_f64() / other.as_secs_f64();
    match (ours, beside) {
        (Some(ours), Some(beside)) => format!("{:>7.3}", of(ours, beside)),
        (Some(ours), None) => format!("< {:.3}", of(ours, LONGEST)),
        (None, Some(beside)) => format!("> {:.3}", of(LONGEST, beside)),
        (None, None) => "unknown".to_owned(),
    }
}
