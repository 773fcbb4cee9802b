//! What a script on the server answers: lines of `NAME=VALUE` between two marks.

/// Behind whatever the user's own files print first.
const BEGIN: &str = "claude-share:begin";
const END: &str = "claude-share:end";

/// The answer of a script that came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    fields: Vec<(String, String)>,
}

impl Report {
    /// `None` if there is none in it, or it was cut off.
    pub(crate) fn parse(output: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(output);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines.iter().rposition(|line| *line == END)?;
        let begin = lines[..end].iter().rposition(|line| *line == BEGIN)?;
        // What is no field was printed by a program of the server's.
        let fields = lines[begin + 1..end]
            .iter()
            .filter_map(|line| line.split_once('='));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Some(Self {
            fields: fields.map(owned).collect(),
        })
    }

    /// The first value of that name; nothing counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Whether there is a field of that name, also an empty one.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Every value of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_before_and_between_does_not_matter() {
        let output =
            b"Welcome!\nclaude-share:begin\nhome=/wrong\nno line end\xff\nclaude-share:begin\nhome=/home/a b=c\n\
            perl: warning\nempty=\nremoved=1\nremoved=2\nclaude-share:end\nbye\nhome=/late\n";
        let report = Report::parse(output).unwrap();
        assert_eq!(report.get("home"), Some("/home/a b=c"));
        assert_eq!((report.get("empty"), report.has("empty")), (None, true));
        assert_eq!(report.all("removed").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn what_is_cut_off_is_no_answer() {
        for output in [
            "",
            "claude-share:begin\nhome=/home/st\n",
            "home=/home/st\nclaude-share:end\n",
            "This account is currently not available.\n",
        ] {
            assert_eq!(Report::parse(output.as_bytes()), None, "{output:?}");
        }
    }
}
