//! The marked block in a shell's file: put in and taken out, all other bytes as they were.

const BEGIN: &[u8] = b"# >>> claude-accounts >>>";
const END: &[u8] = b"# <<< claude-accounts <<<";
const EXPLANATION: &[u8] =
    b"# Made by `claude-accounts install`; `claude-accounts uninstall` removes it.";
const MADE: &[u8] = b"# This file was made for it and is removed with it.";
const UNENDED: &[u8] = b"# The line above had no line break at its end.";

/// Markers of which nobody can tell what belongs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// One of the two is missing, or they stand in the wrong order.
    #[error(
        "the lines `# >>> claude-accounts >>>` and `# <<< claude-accounts <<<` do not pair up; remove them and what is left between them by hand"
    )]
    Unbalanced,
    /// More than one block.
    #[error(
        "there are several blocks marked `# >>> claude-accounts >>>`; remove all but one by hand"
    )]
    Several,
}

/// Where the block is, with both markers and the line break after the second.
struct Located {
    start: usize,
    end: usize,
    made: bool,
    unended: bool,
}

/// `file` with a block around `body` (whole lines) at its end, or with what is in its block
/// replaced; `None` if nothing would change. `new_file` notes in the block that there was no file.
///
/// # Errors
/// If markers are there that do not make one block.
pub fn add_block(file: &[u8], body: &[u8], new_file: bool) -> Result<Option<Vec<u8>>, BlockError> {
    let located = locate(file)?;
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
    edited.extend(block(body, made, unended));
    edited.extend_from_slice(&file[end..]);
    Ok((edited != file).then_some(edited))
}

/// `file` without its block, byte for byte as it was before; `None` if there is no block.
///
/// # Errors
/// If markers are there that do not make one block.
pub fn remove_block(file: &[u8]) -> Result<Option<Vec<u8>>, BlockError> {
    let Some(block) = locate(file)? else {
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
pub fn made_for_block(file: &[u8]) -> bool {
    matches!(locate(file), Ok(Some(block)) if block.made)
}

fn block(body: &[u8], made: bool, unended: bool) -> Vec<u8> {
    let notes = [(true, EXPLANATION), (made, MADE), (unended, UNENDED)];
    let mut lines = vec![BEGIN];
    lines.extend(
        notes
            .iter()
            .filter(|(noted, _)| *noted)
            .map(|(_, line)| *line),
    );
    lines.push(body.strip_suffix(b"\n").unwrap_or(body));
    lines.push(END);
    let mut block = lines.join(&b"\n"[..]);
    block.push(b'\n');
    block
}

fn locate(file: &[u8]) -> Result<Option<Located>, BlockError> {
    let (mut begin, mut end, mut offset) = (None, None, 0);
    let (mut made, mut unended) = (false, false);
    for line in file.split_inclusive(|&byte| byte == b'\n') {
        let next = offset + line.len();
        // An editor may have given the lines other ends.
        match line.trim_ascii_end() {
            BEGIN if end.is_some() => return Err(BlockError::Several),
            BEGIN if begin.is_some() => return Err(BlockError::Unbalanced),
            BEGIN => begin = Some(offset),
            END if begin.is_none() || end.is_some() => return Err(BlockError::Unbalanced),
            END => end = Some(next),
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
        _ => Err(BlockError::Unbalanced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &[u8] = b"if true; then :; fi\n";

    fn added(file: &[u8]) -> Vec<u8> {
        add_block(file, BODY, false).unwrap().unwrap()
    }

    #[test]
    fn twice_is_once_and_a_new_body_takes_the_place_of_the_old() {
        let once = added(b"one\r\ntwo");
        assert_eq!(add_block(&once, BODY, true).unwrap(), None);
        let with_more = [&once[..], b"three"].concat();
        let other = add_block(&with_more, b"other\n", false).unwrap().unwrap();
        assert!(other.starts_with(b"one\r\ntwo\n# >>>") && other.ends_with(b"<<<\nthree"));
        assert!(!other.windows(4).any(|four| four == b"true"));
        assert_eq!(remove_block(&other).unwrap().unwrap(), b"one\r\ntwo\nthree");
    }

    #[test]
    fn a_block_with_other_line_ends_is_still_ours() {
        let text = String::from_utf8(added(b"one\n")).unwrap();
        let converted = text.replace('\n', "\r\n");
        assert_eq!(
            remove_block(converted.as_bytes()).unwrap().unwrap(),
            b"one\r\n"
        );
    }

    #[test]
    fn what_does_not_pair_up_is_not_guessed_at() {
        let block = added(b"");
        for file in [
            &b"# >>> claude-accounts >>>\nx\n"[..],
            b"x\n# <<< claude-accounts <<<",
            b"# <<< claude-accounts <<<\n# >>> claude-accounts >>>\n",
            b"# >>> claude-accounts >>>\n# >>> claude-accounts >>>\n# <<< claude-accounts <<<\n",
        ] {
            assert_eq!(add_block(file, BODY, false), Err(BlockError::Unbalanced));
            assert_eq!(remove_block(file), Err(BlockError::Unbalanced));
        }
        assert_eq!(remove_block(&block.repeat(2)), Err(BlockError::Several));
        assert_eq!(remove_block(b"# >>> claude-accounts >>> x\n"), Ok(None));
    }

    #[test]
    fn it_remembers_that_the_file_was_made_for_it() {
        assert!(!made_for_block(&added(b"")));
        let made = add_block(b"", BODY, true).unwrap().unwrap();
        assert!(made_for_block(&made));
        let renewed = add_block(&made, b"other\n", false).unwrap().unwrap();
        assert!(made_for_block(&renewed));
        assert_eq!(remove_block(&renewed).unwrap().unwrap(), b"");
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
            let with_block = add_block(&file, BODY, new_file).unwrap().unwrap();
            prop_assert!(with_block.starts_with(&file));
            prop_assert_eq!(add_block(&with_block, BODY, !new_file).unwrap(), None);
            prop_assert_eq!(made_for_block(&with_block), new_file);
            prop_assert_eq!(remove_block(&with_block).unwrap().unwrap(), file);
        }

        #[test]
        fn any_markers_are_an_error_or_come_out(file in prop::collection::vec(prop_oneof![
            Just(BEGIN), Just(END), Just(&b"\n"[..]), Just(&b"x"[..])], 0..8)) {
            let file = file.concat();
            if let Ok(Some(rest)) = remove_block(&file) {
                prop_assert_eq!(remove_block(&rest), Ok(None));
            }
        }
    }
}
