//! Runs every fuzz target for a while, on the stable toolchain.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::options::Options;
use super::provision::Provisions;
use super::report::{Report, Verdict};
use crate::Result;
use crate::process::{self, Echo, Finished};
use crate::workspace::Workspace;

/// How many targets run at a time.
const LANES: usize = 2;
/// How many lines of a failed target's output are shown; the crash is told at its end.
const SHOWN_LINES: usize = 60;

/// What came of building the targets, and how long it took; `None` if they cannot be built.
pub(crate) type Built = Option<(Finished, Duration)>;

/// Builds the targets, with what processor time others leave: the tests often wait for each other.
pub(crate) fn build(workspace: &Workspace, provisions: &Provisions) -> Built {
    if missing(provisions).is_some() {
        return None;
    }
    // Without a sanitizer the stable toolchain is enough: safe Rust's mistakes are panics, which the fuzzer sees.
    let cargo = workspace.cargo(&["fuzz", "build", "--sanitizer", "none"]);
    let mut command = process::nice(&cargo);
    let log = workspace.log("fuzz build");
    Some(process::timed(|| {
        process::run(&mut command, &log, Echo::Silent)
    }))
}

fn missing(provisions: &Provisions) -> Option<&str> {
    let tools = ["cargo-fuzz", "c++"];
    tools.iter().find_map(|tool| provisions.missing(tool))
}

/// Runs the targets that were built, [`LANES`] at a time.
pub(crate) fn run(
    workspace: &Workspace,
    options: &Options,
    provisions: &Provisions,
    built: Built,
    report: &mut Report,
) -> Result<()> {
    let targets = targets(workspace)?;
    if targets.is_empty() {
        println!("no fuzz targets");
        return Ok(());
    }
    let Some((built, elapsed)) = built else {
        let reason = missing(provisions).unwrap_or("were not built");
        for target in &targets {
            report.add(
                &format!("fuzz {target}"),
                Verdict::Skipped(reason.to_owned()),
                Duration::ZERO,
            );
        }
        return Ok(());
    };
    if !built.succeeded {
        report.add("fuzz build", Verdict::Failed(built.output), elapsed);
        return Ok(());
    }
    report.add("fuzz build", Verdict::Passed(String::new()), elapsed);
    run_in_lanes(workspace, options, targets, report);
    Ok(())
}

/// The names of the targets: the files in `fuzz/fuzz_targets`.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let directory = workspace.root.join("fuzz/fuzz_targets");
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

fn run_in_lanes(
    workspace: &Workspace,
    options: &Options,
    targets: Vec<String>,
    report: &mut Report,
) {
    let waiting = Mutex::new(VecDeque::from(targets));
    let report = Mutex::new(report);
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let next = waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some(target) = next else { return };
                    let (verdict, elapsed) =
                        process::timed(|| run_target(workspace, &target, options.fuzz_time));
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    report.add(&format!("fuzz {target}"), verdict, elapsed);
                }
            });
        }
    });
}

fn run_target(workspace: &Workspace, target: &str, time: Duration) -> Verdict {
    let command = command(workspace, target, time);
    let log = workspace.log(&format!("fuzz {target}"));
    let finished = command.map(|mut command| process::run(&mut command, &log, Echo::Silent));
    match finished {
        Ok(finished) if finished.succeeded => Verdict::Passed(executions(&finished)),
        Ok(finished) => Verdict::Failed(last_lines(&finished.output)),
        Err(error) => Verdict::Failed(error.to_string()),
    }
}

fn command(workspace: &Workspace, target: &str, time: Duration) -> Result<Command> {
    // The fuzzer writes what it finds into the first directory and only reads the others: the seeds stay as committed.
    let found: PathBuf = workspace.target.join("fuzz-corpus").join(target);
    std::fs::create_dir_all(&found)?;
    let seeds = workspace.root.join("fuzz/corpus").join(target);
    let mut command = workspace.cargo(&["fuzz", "run", "--sanitizer", "none", target]);
    command
        .arg(found)
        .args(seeds.is_dir().then_some(seeds))
        .arg("--");
    command.arg(format!("-max_total_time={}", time.as_secs()));
    // The fuzzer's own limit for a single input is 20 minutes: an input that hangs a parser would go unnoticed.
    command.args(["-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1"]);
    // A backtrace would push the panic's message out of the lines that are shown.
    command.env("RUST_BACKTRACE", "0");
    Ok(command)
}

/// How many inputs were tried, from the fuzzer's closing statistics.
fn executions(finished: &Finished) -> String {
    let lines = finished.output.lines();
    let number = lines
        .filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .next_back();
    number.map_or_else(String::new, |number| format!("{} inputs", number.trim()))
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
