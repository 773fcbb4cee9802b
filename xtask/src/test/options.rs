//! The options of `cargo xtask test`.

use std::time::Duration;

use crate::Result;

/// What `cargo xtask test --help` prints.
pub(crate) const HELP: &str = "\
Install what the tests need, run every check, test and fuzz target, and count them.

Usage: cargo xtask test [OPTIONS] [FILTER]

FILTER selects the tests whose names contain it, and leaves out the checks and the fuzz targets.

Options:
  --quick             No fuzz targets, no cargo-deny, no cargo-machete, no book.
  --only PART         Only `checks`, `tests` or `fuzz`.
  --fuzz-seconds N    How long each fuzz target runs (60).
  --help              Print this.
";

/// A part of the run that can be asked for alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Formatting, lints, licences and the rules of this repository.
    Checks,
    /// The tests of the workspace.
    Tests,
    /// The fuzz targets.
    Fuzz,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leaves out what takes long.
    pub(crate) quick: bool,
    /// How long each fuzz target runs.
    pub(crate) fuzz_time: Duration,
    /// The tests whose names contain this.
    pub(crate) filter: Option<String>,
    only: Option<Part>,
}

impl Options {
    /// Reads the arguments after `test`; `None` where they ask for help.
    pub(crate) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            quick: false,
            fuzz_time: Duration::from_secs(60),
            filter: None,
            only: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--only" => options.only = Some(part(arguments.next())?),
                "--fuzz-seconds" => options.fuzz_time = seconds(arguments.next())?,
                "--help" | "-h" => return Ok(None),
                unknown if unknown.starts_with('-') => {
                    return Err(format!(
                        "no option `{unknown}`; `cargo xtask test --help` lists them"
                    )
                    .into());
                }
                _ if options.filter.is_some() => return Err("only one filter can be given".into()),
                filter => options.filter = Some(filter.to_owned()),
            }
        }
        Ok(Some(options))
    }

    /// Whether `part` is to be run.
    pub(crate) fn runs(&self, part: Part) -> bool {
        match (self.only, &self.filter) {
            (Some(only), _) => only == part,
            (None, Some(_)) => part == Part::Tests,
            (None, None) => !(self.quick && part == Part::Fuzz),
        }
    }
}

fn part(value: Option<&String>) -> Result<Part> {
    match value.map(String::as_str) {
        Some("checks") => Ok(Part::Checks),
        Some("tests") => Ok(Part::Tests),
        Some("fuzz") => Ok(Part::Fuzz),
        _ => Err("--only takes `checks`, `tests` or `fuzz`".into()),
    }
}

fn seconds(value: Option<&String>) -> Result<Duration> {
    let number = value
        .and_then(|value| value.parse().ok())
        .filter(|number| *number > 0);
    // Zero would be no limit at all to the fuzzer.
    Ok(Duration::from_secs(
        number.ok_or("--fuzz-seconds takes a whole number above 0")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    fn parts(line: &str) -> Vec<Part> {
        let options = parse(line).unwrap().unwrap();
        let all = [Part::Checks, Part::Tests, Part::Fuzz];
        all.into_iter().filter(|part| options.runs(*part)).collect()
    }

    #[test]
    fn each_option_selects_its_parts() {
        assert_eq!(parts(""), [Part::Checks, Part::Tests, Part::Fuzz]);
        assert_eq!(parts("--quick"), [Part::Checks, Part::Tests]);
        assert_eq!(parts("--only fuzz"), [Part::Fuzz]);
        assert_eq!(parts("renewal"), [Part::Tests]);
    }

    #[test]
    fn seconds_are_read_and_nonsense_is_refused() {
        let options = parse("--fuzz-seconds 5").unwrap().unwrap();
        assert_eq!(options.fuzz_time, Duration::from_secs(5));
        assert!(parse("--help").unwrap().is_none());
        for wrong in [
            "--fuzz-seconds 0",
            "--fuzz-seconds",
            "--only",
            "--only all",
            "--slow",
            "one two",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
