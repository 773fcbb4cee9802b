//! What came of the run, and the table and counts it ends with.

use std::fmt;
use std::time::Duration;

use super::summaries::Tally;

/// What came of one check or fuzz target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It held; the text, if any, says what was seen.
    Passed(String),
    /// It did not; the text is for whoever mends it.
    Failed(String),
    /// It could not be run, for this reason.
    Skipped(String),
}

impl Verdict {
    /// Passed where there are no complaints.
    pub(crate) fn from_complaints(complaints: &[String]) -> Self {
        if complaints.is_empty() {
            Self::Passed(String::new())
        } else {
            Self::Failed(complaints.join("\n"))
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "FAILED",
            Self::Skipped(_) => "skipped",
        }
    }

    fn tally(&self) -> Tally {
        match self {
            Self::Passed(_) => Tally {
                passed: 1,
                ..Tally::default()
            },
            Self::Failed(_) => Tally {
                failed: 1,
                ..Tally::default()
            },
            Self::Skipped(_) => Tally {
                skipped: 1,
                ..Tally::default()
            },
        }
    }
}

#[derive(Debug)]
struct Row {
    name: String,
    verdict: Verdict,
    elapsed: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, seconds) = (self.verdict.word(), self.elapsed.as_secs_f64());
        write!(formatter, "{word:<7}  {:<28} {seconds:>7.1} s", self.name)?;
        match &self.verdict {
            Verdict::Passed(note) if !note.is_empty() => write!(formatter, "  {note}"),
            Verdict::Skipped(reason) => write!(formatter, "  {reason}"),
            Verdict::Passed(_) | Verdict::Failed(_) => Ok(()),
        }
    }
}

/// Everything that was run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    suites: Vec<(String, Tally, Duration)>,
    skipped_tests: Vec<String>,
}

impl Report {
    /// Adds a check or a fuzz target, and prints its line; a failure's text comes before the line.
    pub(crate) fn add(&mut self, name: &str, verdict: Verdict, elapsed: Duration) {
        if let Verdict::Failed(text) = &verdict {
            println!("-- {name}\n{}", text.trim_end());
        }
        let row = Row {
            name: name.to_owned(),
            verdict,
            elapsed,
        };
        println!("{row}");
        self.rows.push(row);
    }

    /// Adds the tests that one runner ran.
    pub(crate) fn add_suite(&mut self, name: &str, tally: Tally, elapsed: Duration) {
        self.suites.push((name.to_owned(), tally, elapsed));
    }

    /// Adds the names and reasons of tests that said themselves that they could not run. The tally has them already.
    pub(crate) fn add_skipped_tests(&mut self, lines: Vec<String>) {
        self.skipped_tests.extend(lines);
    }

    /// Checks, fuzz targets and tests together.
    pub(crate) fn total(&self) -> Tally {
        let rows = self.rows.iter().map(|row| row.verdict.tally());
        rows.chain(self.suites.iter().map(|(_, tally, _)| *tally))
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(formatter, "{row}")?;
        }
        for (name, tally, elapsed) in &self.suites {
            let word = if tally.failed == 0 {
                "passed"
            } else {
                "FAILED"
            };
            let seconds = elapsed.as_secs_f64();
            writeln!(formatter, "{word:<7}  {name:<28} {seconds:>7.1} s  {tally}")?;
        }
        if !self.skipped_tests.is_empty() {
            writeln!(formatter, "\nTests that could not run:")?;
        }
        for line in &self.skipped_tests {
            writeln!(formatter, "  {line}")?;
        }
        writeln!(formatter, "\n{}", self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_rows_and_tests_together() {
        let mut report = Report::default();
        report.add("format", Verdict::Passed(String::new()), Duration::ZERO);
        report.add(
            "deny",
            Verdict::Skipped("no network".into()),
            Duration::ZERO,
        );
        let tests = Tally {
            passed: 5,
            failed: 1,
            skipped: 2,
        };
        report.add_suite("tests", tests, Duration::ZERO);
        report.add_skipped_tests(vec!["a: not root".into(), "b: not root".into()]);
        let text = report.to_string();
        assert_eq!(text.lines().last(), Some("6 passed, 1 failed, 3 skipped"));
        assert!(text.contains("no network") && text.contains("b: not root"));
    }
}
