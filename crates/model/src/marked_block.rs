//! The marked block in a shell's file: put in and taken out, all other bytes as they were.

const MADE: &[u8] = b"# This file was made for it and is removed with it.";
const UNENDED: &[u8] = b"# The line above had no line break at its end.";

/// Whose block it is, and what the block says about itself to whoever finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The program, which stands in both marker lines.
    pub program: &'static str,
    /// The command of it that puts the block in.
    pub made_by: &'static str,
    /// The command of it that takes the block out.
    pub removed_by: &'static str,
}

/// Markers of which nobody can tell what belongs between them. Each names the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// One of the two is missing, or they stand in the wrong order.
    #[error(
        "the lines `# >>> {0} >>>` and `# <<< {0} <<<` do not pair up; remove them and what is left between them by hand"
    )]
    Unbalanced(&'static str),
    /// More than one block.
    #[error("there are several blocks marked `# >>> {0} >>>`; remove all but one by hand")]
    Several(&'static str),
}

/// Where the block is, with both markers and the line break after the second.
struct Located {
    start: usize,
    end: usize,
    made: bool,
    unended: bool,
}

impl Marker {
    /// `file` with a block around `body` (whole lines) at its end, or with what is in its block
    /// replaced; `None` if nothing would change. `new_file` notes in the block that there was no
    /// file.
    ///
    /// # Errors
    /// If markers are there that do not make one block.
    pub fn add(
        &self,
        file: &[u8],
        body: &[u8],
        new_file: bool,
    ) -> Result<Option<Vec<u8>>, BlockError> {
        let located = self.locate(file)?;
        let (start, end) = located
            .as_ref()
            .map_or((file.len(), file.len()), |block| (block.start, block.end));
        let (made, unended) = match &located {
            Some(block) => (block.made, block.unended),
            None => (new_file, !file.is_empty() && !file.ends_with(b"\n")),
        };
        let mut edited = file[..start].to_vec();
        if located.is_none() && unended {
            edited.push(b'\n');
        }
        edited.extend(self.block(body, made, unended));
        edited.extend_from_slice(&file[end..]);
        Ok((edited != file).then_some(edited))
    }

    /// `file` without its block, byte for byte as it was before; `None` if there is no block.
    ///
    /// # Errors
    /// If markers are there that do not make one block.
    pub fn remove(&self, file: &[u8]) -> Result<Option<Vec<u8>>, BlockError> {
        let Some(block) = self.locate(file)? else {
            return Ok(None);
        };
        let (mut before, after) = (&file[..block.start], &file[block.end..]);
        // With something after it, the line break that we added has become somebody's.
        if block.unended && after.is_empty() {
            before = before.strip_suffix(b"\n").unwrap_or(before);
        }
        Ok(Some([before, after].concat()))
    }

    /// Whether the block in `file` says that the file was made for it.
    #[must_use]
    pub fn made_file(&self, file: &[u8]) -> bool {
        matches!(self.locate(file), Ok(Some(block)) if block.made)
    }

    fn begin(&self) -> Vec<u8> {
        format!("# >>> {} >>>", self.program).into_bytes()
    }

    fn end(&self) -> Vec<u8> {
        format!("# <<< {} <<<", self.program).into_bytes()
    }

    fn explanation(&self) -> Vec<u8> {
        let Self {
            program,
            made_by,
            removed_by,
        } = self;
        format!("# Made by `{program} {made_by}`; `{program} {removed_by}` removes it.")
            .into_bytes()
    }

    fn block(&self, body: &[u8], made: bool, unended: bool) -> Vec<u8> {
        let (begin, explanation, end) = (self.begin(), self.explanation(), self.end());
        let mut lines = vec![&begin[..], &explanation];
        lines.extend(made.then_some(MADE));
        lines.extend(unended.then_some(UNENDED));
        lines.extend([body.strip_suffix(b"\n").unwrap_or(body), &end]);
        let mut block = lines.join(&b"\n"[..]);
        block.push(b'\n');
        block
    }

    fn locate(&self, file: &[u8]) -> Result<Option<Located>, BlockError> {
        let unbalanced = BlockError::Unbalanced(self.program);
        let (begin_line, end_line) = (self.begin(), self.end());
        let (mut begin, mut end, mut offset) = (None, None, 0);
        let (mut made, mut unended) = (false, false);
        for line in file.split_inclusive(|&byte| byte == b'\n') {
            let next = offset + line.len();
            // An editor may have given the lines other ends.
            match line.trim_ascii_end() {
                line if line == begin_line => match (begin, end) {
                    (_, Some(_)) => return Err(BlockError::Several(self.program)),
                    (Some(_), None) => return Err(unbalanced),
                    (None, None) => begin = Some(offset),
                },
                line if line == end_line => match (begin, end) {
                    (Some(_), None) => end = Some(next),
                    _ => return Err(unbalanced),
                },
                MADE => made |= begin.is_some() && end.is_none(),
                UNENDED => unended |= begin.is_some() && end.is_none(),
                _ => {}
            }
            offset = next;
        }
        match (begin, end) {
            (None, None) => Ok(None),
            (Some(start), Some(end)) => Ok(Some(Located {
                start,
                end,
                made,
                unended,
            })),
            _ => Err(unbalanced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: Marker = Marker {
        program: "claude-share",
        made_by: "server",
        removed_by: "server remove-user",
    };
    const BEGIN: &[u8] = b"# >>> claude-share >>>";
    const END: &[u8] = b"# <<< claude-share <<<";
    const BODY: &[u8] = b"if true; then :; fi\n";

    fn added(file: &[u8]) -> Vec<u8> {
        OURS.add(file, BODY, false).unwrap().unwrap()
    }

    #[test]
    fn the_block_says_whose_it_is() {
        let expected = "# >>> claude-share >>>
# Made by `claude-share server`; `claude-share server remove-user` removes it.
# The line above had no line break at its end.
if true; then :; fi
# <<< claude-share <<<
";
        assert_eq!(added(b"x"), [b"x\n", expected.as_bytes()].concat());
        let problem = BlockError::Several(OURS.program).to_string();
        assert!(problem.contains("`# >>> claude-share >>>`"), "{problem}");
    }

    #[test]
    fn blocks_of_two_programs_do_not_see_each_other() {
        let other = Marker {
            program: "claude-accounts",
            ..OURS
        };
        let both = other.add(&added(b"x"), b"y\n", true).unwrap().unwrap();
        assert!(other.made_file(&both) && !OURS.made_file(&both));
        let rest = OURS.remove(&both).unwrap().unwrap();
        assert_eq!(OURS.remove(&rest), Ok(None));
        assert_eq!(other.remove(&both).unwrap().unwrap(), added(b"x"));
    }

    #[test]
    fn twice_is_once_and_a_new_body_takes_the_place_of_the_old() {
        let once = added(b"one\r\ntwo");
        assert_eq!(OURS.add(&once, BODY, true).unwrap(), None);
        let with_more = [&once[..], b"three"].concat();
        let other = OURS.add(&with_more, b"other\n", false).unwrap().unwrap();
        assert!(other.starts_with(b"one\r\ntwo\n# >>>") && other.ends_with(b"<<<\nthree"));
        assert!(!other.windows(4).any(|four| four == b"true"));
        assert_eq!(OURS.remove(&other).unwrap().unwrap(), b"one\r\ntwo\nthree");
    }

    #[test]
    fn a_block_with_other_line_ends_is_still_ours() {
        let text = String::from_utf8(added(b"one\n")).unwrap();
        let converted = text.replace('\n', "\r\n");
        assert_eq!(
            OURS.remove(converted.as_bytes()).unwrap().unwrap(),
            b"one\r\n"
        );
    }

    #[test]
    fn what_does_not_pair_up_is_not_guessed_at() {
        let block = added(b"");
        for file in [
            &b"# >>> claude-share >>>\nx\n"[..],
            b"x\n# <<< claude-share <<<",
            b"# <<< claude-share <<<\n# >>> claude-share >>>\n",
            b"# >>> claude-share >>>\n# >>> claude-share >>>\n# <<< claude-share <<<\n",
        ] {
            assert_eq!(
                OURS.add(file, BODY, false),
                Err(BlockError::Unbalanced(OURS.program))
            );
            assert_eq!(OURS.remove(file), Err(BlockError::Unbalanced(OURS.program)));
        }
        assert_eq!(
            OURS.remove(&block.repeat(2)),
            Err(BlockError::Several(OURS.program))
        );
        assert_eq!(OURS.remove(b"# >>> claude-share >>> x\n"), Ok(None));
    }

    #[test]
    fn it_remembers_that_the_file_was_made_for_it() {
        assert!(!OURS.made_file(&added(b"")));
        let made = OURS.add(b"", BODY, true).unwrap().unwrap();
        assert!(OURS.made_file(&made));
        let renewed = OURS.add(&made, b"other\n", false).unwrap().unwrap();
        assert!(OURS.made_file(&renewed));
        assert_eq!(OURS.remove(&renewed).unwrap().unwrap(), b"");
    }

    fn any_file() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(UNENDED.to_vec()),
            Just(MADE.to_vec()),
            prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn adding_and_removing_is_identity(file in any_file(), new_file: bool) {
            let with_block = OURS.add(&file, BODY, new_file).unwrap().unwrap();
            prop_assert!(with_block.starts_with(&file));
            prop_assert_eq!(OURS.add(&with_block, BODY, !new_file).unwrap(), None);
            prop_assert_eq!(OURS.made_file(&with_block), new_file);
            prop_assert_eq!(OURS.remove(&with_block).unwrap().unwrap(), file);
        }

        #[test]
        fn any_markers_are_an_error_or_come_out(file in prop::collection::vec(prop_oneof![
            Just(BEGIN), Just(END), Just(&b"\n"[..]), Just(&b"x"[..])], 0..8)) {
            let file = file.concat();
            if let Ok(Some(rest)) = OURS.remove(&file) {
                prop_assert_eq!(OURS.remove(&rest), Ok(None));
            }
        }
    }
}
