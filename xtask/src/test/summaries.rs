//! Reads what the test runners and the tests themselves say about how many passed.

use std::fmt;
use std::iter::Sum;

/// How many passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ran and held.
    pub(crate) passed: u64,
    /// Ran and did not hold, or did not end.
    pub(crate) failed: u64,
    /// Did not run.
    pub(crate) skipped: u64,
}

impl Tally {
    /// Counts `lines` tests as skipped that the runner counted as passed: to the runner, a test that gives up early passes.
    pub(crate) fn with_skipped(self, lines: u64) -> Self {
        Self {
            passed: self.passed.saturating_sub(lines),
            skipped: self.skipped + lines,
            ..self
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            passed: sum.passed + tally.passed,
            failed: sum.failed + tally.failed,
            skipped: sum.skipped + tally.skipped,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(
            formatter,
            "{passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

/// Reads cargo-nextest's last summary: `Summary [ 0.1s] 3 tests run: 1 passed (1 slow), 1 timed out, 1 skipped`.
///
/// Whatever is neither passed nor skipped counts as failed: kinds of failure have been added over time.
pub(crate) fn nextest(output: &str) -> Option<Tally> {
    let line = output
        .lines()
        .rfind(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, counts) = line.split_once(" run: ")?;
    let mut tally = Tally::default();
    for count in without_parentheses(counts).split(',') {
        let (number, kind) = count.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match kind.trim() {
            "passed" => tally.passed += number,
            "skipped" => tally.skipped += number,
            _ => tally.failed += number,
        }
    }
    Some(tally)
}

/// Sums the `test result:` lines of `cargo test`, one for each test executable or documented crate.
///
/// Only lines that start with it count: an indented one is output of a test.
pub(crate) fn cargo_test(output: &str) -> Option<Tally> {
    let results: Vec<Tally> = output
        .lines()
        .filter_map(|line| line.strip_prefix("test result: "))
        .filter_map(cargo_test_line)
        .collect();
    (!results.is_empty()).then(|| results.into_iter().sum())
}

fn cargo_test_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.split_once(". ")?;
    let count = |kind: &str| {
        let counts = counts.split(';').map(str::trim);
        let number = counts.filter_map(|count| count.strip_suffix(kind)).next()?;
        number.trim().parse::<u64>().ok()
    };
    Some(Tally {
        passed: count(" passed")?,
        failed: count(" failed")?,
        skipped: count(" ignored")?,
    })
}

/// The lines of the file in which a test says that it could not run, each its name and its reason.
pub(crate) fn skipped(file: &str) -> Vec<String> {
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn nextest_summaries_are_read() {
        let cases = [
            ("2 tests run: 1 passed, 1 failed, 1 skipped", tally(1, 1, 1)),
            ("0 tests run: 0 passed, 3 skipped", tally(0, 0, 3)),
            (
                "1 test run: 1 passed (1 slow, 1 leaky), 0 skipped",
                tally(1, 0, 0),
            ),
            (
                "9/12 tests run: 5 passed, 2 failed (1 due to being leaky), 1 exec failed, 1 timed out, 4 skipped",
                tally(5, 4, 4),
            ),
        ];
        for (counts, expected) in cases {
            let output =
                format!("noise\n     Summary [   0.081s] {counts}\n        FAIL [ 0.1s] a b\n");
            assert_eq!(nextest(&output), Some(expected), "{counts}");
        }
        assert_eq!(nextest("error: could not compile"), None);
    }

    #[test]
    fn cargo_test_results_are_summed_and_a_tests_own_output_is_not() {
        let output = "\
running 3 tests
    test result: ok. 99 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.0s
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.09s
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.00s
";
        assert_eq!(cargo_test(output), Some(tally(5, 1, 1)));
        assert_eq!(cargo_test("error[E0308]: mismatched types"), None);
    }

    #[test]
    fn a_test_that_gave_up_is_not_counted_as_passed() {
        let lines = skipped("host::boots: not root\n\nreal_client: no npm\n");
        assert_eq!(lines, ["host::boots: not root", "real_client: no npm"]);
        assert_eq!(tally(5, 1, 0).with_skipped(2), tally(3, 1, 2));
        assert_eq!(tally(0, 1, 0).with_skipped(1), tally(0, 1, 1));
    }
}
