//! Output whose paths are the other end's.

use crate::{Pair, Paths};

/// Puts the server's paths in the place of the laptop's in what a command outputs, piece by piece. Only whole words: a
/// path that begins and ends where names do.
#[derive(Debug)]
pub struct OutputMapper {
    /// The longest of the laptop's paths first.
    pairs: Vec<Pair>,
    /// What may be the beginning of a path, and is not output yet.
    held: Vec<u8>,
    before: Before,
}

/// What came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Something that a path may follow.
    Boundary,
    /// What a name or path goes on after.
    Name,
    /// The byte that begins a control sequence.
    Escape,
    /// A control sequence, such as one that colours: it is between words, whichever letter ends it.
    Sequence,
}

impl Before {
    /// What it is when `byte` has come.
    fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (_, 0x1b) => Self::Escape,
            (Self::Escape, b'[') => Self::Sequence,
            (Self::Sequence, 0x20..=0x3f) => Self::Sequence,
            (Self::Sequence, _) => Self::Boundary,
            _ if byte == b'/' || is_of_a_name(byte) => Self::Name,
            _ => Self::Boundary,
        }
    }
}

/// What is at some place of the output.
enum Found {
    /// One of the laptop's paths, by its number.
    Path(usize),
    /// Perhaps one: more has to come.
    Perhaps,
    /// None.
    Nothing,
}

impl OutputMapper {
    /// One for a stream that begins.
    #[must_use]
    pub fn new(paths: &Paths) -> Self {
        let mut pairs = paths.pairs().to_vec();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.laptop.len()));
        Self {
            pairs,
            held: Vec::new(),
            before: Before::Boundary,
        }
    }

    /// What is to be output now that `bytes` have come. What may be the beginning of a path is held back.
    pub fn map(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.take(bytes, false)
    }

    /// What was held back: the stream has ended, or nothing has come for a while and somebody looks at it.
    pub fn flush(&mut self) -> Vec<u8> {
        self.take(b"", true)
    }

    fn take(&mut self, bytes: &[u8], is_end: bool) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.held);
        input.extend_from_slice(bytes);
        let mut output = Vec::with_capacity(input.len());
        let mut place = 0;
        while let Some(&byte) = input.get(place) {
            if byte == b'/' && self.before == Before::Boundary {
                match self.found(&input[place..], is_end) {
                    Found::Nothing => {}
                    Found::Path(number) => {
                        output.extend_from_slice(&self.pairs[number].server);
                        place += self.pairs[number].laptop.len();
                        self.before = Before::Name;
                        continue;
                    }
                    Found::Perhaps => {
                        self.held = input.split_off(place);
                        return output;
                    }
                }
            }
            output.push(byte);
            self.before = self.before.then(byte);
            place += 1;
        }
        output
    }

    fn found(&self, text: &[u8], is_end: bool) -> Found {
        for (number, pair) in self.pairs.iter().enumerate() {
            match text.strip_prefix(pair.laptop.as_slice()) {
                Some([next, ..]) if !is_of_a_name(*next) => return Found::Path(number),
                Some([]) if is_end => return Found::Path(number),
                Some([]) => return Found::Perhaps,
                None if !is_end && pair.laptop.starts_with(text) => return Found::Perhaps,
                Some([_, ..]) | None => {}
            }
        }
        Found::Nothing
    }
}

/// Whether a file's name goes on with this byte, as names usually are.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'~' | b'+' | b'@')
        || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths() -> Paths {
        let pair = |laptop: &str, server: &str| Pair {
            laptop: laptop.into(),
            server: server.into(),
        };
        Paths::new(vec![pair("/w/p", "/mnt/s"), pair("/w/p2/q", "/mnt/extra")])
    }

    fn mapped(pieces: &[&[u8]]) -> Vec<u8> {
        let mut mapper = OutputMapper::new(&paths());
        let mut output: Vec<u8> = pieces.iter().flat_map(|piece| mapper.map(piece)).collect();
        output.extend(mapper.flush());
        output
    }

    #[test]
    fn whole_words_are_mapped_and_nothing_else() {
        for (text, expected) in [
            ("/w/p", "/mnt/s"),
            ("error in /w/p/a.rs:3:4", "error in /mnt/s/a.rs:3:4"),
            ("(/w/p)", "(/mnt/s)"),
            ("\"/w/p2/q/x\" '/w/p'", "\"/mnt/extra/x\" '/mnt/s'"),
            ("a:/w/p,/w/p\n", "a:/mnt/s,/mnt/s\n"),
            ("\x1b[1;31m/w/p\x1b[0m:", "\x1b[1;31m/mnt/s\x1b[0m:"),
            ("\x1bm/w/p [m/w/p", "\x1bm/w/p [m/w/p"),
            ("/w/p2 /w/p.bak /w/p-x", "/w/p2 /w/p.bak /w/p-x"),
            ("x/w/p //w/p file:///w/p", "x/w/p //w/p file:///w/p"),
            ("/w/", "/w/"),
            ("/w/pé", "/w/pé"),
        ] {
            let output = mapped(&[text.as_bytes()]);
            assert_eq!(String::from_utf8_lossy(&output), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_become_a_path_any_more_is_not_held_back() {
        let mut mapper = OutputMapper::new(&paths());
        assert_eq!(mapper.map(b"$ /w"), b"$ ");
        assert_eq!(mapper.map(b"/x"), b"/w/x");
        assert_eq!(mapper.map(b" /w/p"), b" ");
        assert_eq!(mapper.flush(), b"/mnt/s");
        assert_eq!(mapper.flush(), b"");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_it_comes(text in "[/wpq2 .\\[m\x1b]{0,40}", cuts in prop::collection::vec(0..40usize, 0..6)) {
            let text = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut start = 0;
            for cut in cuts {
                pieces.push(&text[start..cut]);
                start = cut;
            }
            pieces.push(&text[start..]);
            prop_assert_eq!(mapped(&pieces), mapped(&[text]));
        }
    }
}
