//! Versions of the programs.

use std::fmt;

/// A version as `--version` prints it behind the program's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: [u64; 3],
    /// One that is still to come has something behind a hyphen, and is older than the finished one.
    is_finished: bool,
}

impl Version {
    /// From `NAME 1.2.3`; `None` if it is the version of something else.
    #[must_use]
    pub fn of_program(name: &str, line: &str) -> Option<Self> {
        let text = line.trim().strip_prefix(name)?.strip_prefix(' ')?;
        Self::parse(text)
    }

    /// From `1.2.3`, or `1.2.3-something`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split('+').next()?;
        let (numbers, later) = text.split_once('-').unwrap_or((text, ""));
        let mut parts = numbers.split('.').map(str::parse);
        let mut next = || parts.next()?.ok();
        let numbers = [next()?, next()?, next()?];
        parts.next().is_none().then_some(Self {
            numbers,
            is_finished: later.is_empty(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        let unfinished = if self.is_finished { "" } else { "-pre" };
        write!(formatter, "{major}.{minor}.{patch}{unfinished}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        let of = |text| Version::parse(text).unwrap();
        assert!(of("0.9.12") < of("0.10.0") && of("1.0.0-rc.1") < of("1.0.0"));
        assert_eq!(of("1.2.3+build"), of("1.2.3"));
        for text in ["", "1.2", "1.2.3.4", "a.b.c", "1.2.-3"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_a_programs_own_line_counts() {
        let of = |line| Version::of_program("cs", line);
        assert_eq!(of("cs 0.1.0\n").unwrap().to_string(), "0.1.0");
        assert_eq!(of("csound 0.1.0"), None);
        assert_eq!(of("bash: cs: cannot execute binary file"), None);
    }
}
