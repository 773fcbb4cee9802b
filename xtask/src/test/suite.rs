//! Builds the programs and runs the workspace's tests, with cargo-nextest where it is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment;
use super::options::Options;
use super::provision::Provisions;
use super::report::{Report, Verdict};
use super::summaries::{self, Tally};
use crate::Result;
use crate::dist;
use crate::process::{self, Echo, Finished};
use crate::workspace::Workspace;

/// What each runner's output is read with.
type Reader = fn(&str) -> Option<Tally>;

/// Builds, tests, and tries the examples in the documentation.
pub(crate) fn run(
    workspace: &Workspace,
    options: &Options,
    provisions: &Provisions,
    report: &mut Report,
) -> Result<()> {
    let mut suite = Suite {
        workspace,
        provisions,
        filter: options.filter.as_deref(),
        dist: None,
    };
    environment::renew_home(workspace)?;
    // The tests start the programs, so these are built first, and a build that fails is told apart from a test that does.
    let nextest = process::succeeds(&mut workspace.cargo(&["nextest", "--version"]));
    let tests: &[&str] = if nextest {
        &["nextest", "run", "--no-run"]
    } else {
        &["test", "--no-run"]
    };
    let builds = [("build", &["build", "--bins"][..]), ("build tests", tests)];
    if !builds
        .into_iter()
        .all(|(name, arguments)| suite.build(name, arguments, report))
    {
        return Ok(());
    }
    suite.pack(report);
    if nextest {
        suite.run_nextest(report)?;
    } else {
        suite.run_cargo_test("tests", &["test", "--workspace", "--no-fail-fast"], report)?;
    }
    if nextest && suite.filter.is_none() {
        // cargo-nextest leaves the examples in the documentation out.
        suite.run_cargo_test(
            "documented examples",
            &["test", "--workspace", "--doc", "--no-fail-fast"],
            report,
        )?;
    }
    Ok(())
}

struct Suite<'a> {
    workspace: &'a Workspace,
    provisions: &'a Provisions,
    filter: Option<&'a str>,
    /// Where what a release offers is, made of the programs that were built.
    dist: Option<PathBuf>,
}

impl Suite<'_> {
    fn build(&self, name: &str, arguments: &[&str], report: &mut Report) -> bool {
        let mut command = self.workspace.cargo(arguments);
        command.arg("--workspace");
        let log = self.workspace.log(name);
        let (finished, elapsed) = process::timed(|| process::run(&mut command, &log, Echo::Silent));
        let succeeded = finished.succeeded;
        let verdict = if succeeded {
            Verdict::Passed(String::new())
        } else {
            Verdict::Failed(finished.output)
        };
        report.add(name, verdict, elapsed);
        succeeded
    }

    /// Packs the programs for the tests of what a release offers; without cargo-deb there is no Debian package.
    fn pack(&mut self, report: &mut Report) {
        let with_deb = self.provisions.missing("cargo-deb").is_none();
        let (packed, elapsed) = process::timed(|| dist::for_tests(self.workspace, with_deb));
        let verdict = match packed {
            Ok(directory) => {
                self.dist = Some(directory);
                Verdict::Passed(String::new())
            }
            Err(error) => Verdict::Failed(error.to_string()),
        };
        report.add("dist", verdict, elapsed);
    }

    fn run_nextest(&self, report: &mut Report) -> Result<()> {
        let mut command =
            self.workspace
                .cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]);
        command
            .arg("--config-file")
            .arg(self.workspace.root.join("xtask/nextest.toml"));
        // A test that passes is not worth a line; which ones exist is for `cargo nextest list`.
        command.args([
            "--color",
            "never",
            "--status-level",
            "slow",
            "--final-status-level",
            "fail",
        ]);
        command.args(["--no-tests", "pass"]);
        // One more than there are processors: tests wait for links that are slow on purpose, and for clocks.
        let processors = std::thread::available_parallelism()?.get();
        command.arg("--test-threads");
        command.arg((processors + 1).to_string());
        self.run("tests", &mut command, summaries::nextest, report)
    }

    fn run_cargo_test(&self, name: &str, arguments: &[&str], report: &mut Report) -> Result<()> {
        let mut command = self.workspace.cargo(arguments);
        self.run(name, &mut command, summaries::cargo_test, report)
    }

    fn run(
        &self,
        name: &str,
        command: &mut Command,
        read: Reader,
        report: &mut Report,
    ) -> Result<()> {
        command.args(self.filter);
        environment::isolate(command, self.workspace);
        self.provisions.tell(command);
        if let Some(directory) = &self.dist {
            command.env("CLAUDE_ACCOUNTS_TEST_DIST", directory);
        }
        let skipped = SkippedFile::new(self.workspace)?;
        command.env("TESTKIT_SKIPPED", &skipped.path);
        let log = self.workspace.log(name);
        let (finished, elapsed) = process::timed(|| process::run(command, &log, Echo::Live));
        let lines = skipped.lines()?;
        let mut tally = self.count(&finished, read, lines.len() as u64);
        if self.filter.is_some() && tally == Tally::default() {
            println!("no test's name contains the filter");
            tally.failed = 1;
        }
        report.add_suite(name, tally, elapsed);
        report.add_skipped_tests(lines);
        Ok(())
    }

    /// What the runner counted, corrected by what the tests said and by how the runner ended.
    fn count(&self, finished: &Finished, read: Reader, skipped: u64) -> Tally {
        let mut tally = read(&finished.output).unwrap_or_default();
        if self.filter.is_some() {
            // The runner's number includes the tests that nobody asked for.
            tally.skipped = 0;
        }
        if !finished.succeeded && tally.failed == 0 {
            // The runner itself failed: that must not look like a run in which everything passed.
            tally.failed = 1;
        }
        tally.with_skipped(skipped)
    }
}

/// The file to which a test appends its name and its reason when it cannot run.
struct SkippedFile {
    path: PathBuf,
}

impl SkippedFile {
    fn new(workspace: &Workspace) -> Result<Self> {
        let path = workspace.target.join("skipped.txt");
        std::fs::write(&path, "")?;
        Self::share(&path)?;
        Ok(Self { path })
    }

    /// Lets every user append: some tests run as users that they made themselves.
    fn share(path: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        Ok(std::fs::set_permissions(
            path,
            std::fs::Permissions::from_mode(0o666),
        )?)
    }

    fn lines(&self) -> Result<Vec<String>> {
        let bytes = std::fs::read(&self.path)?;
        Ok(summaries::skipped(&String::from_utf8_lossy(&bytes)))
    }
}
