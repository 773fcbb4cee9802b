//! UTF-8 that arrives in pieces.

/// The longest beginning of a character that may still become one, in bytes.
const MOST_HELD: usize = 3;

/// How many bytes at the end of `bytes` are the beginning of a character that is not whole yet: 0…3.
pub(crate) fn incomplete(bytes: &[u8]) -> usize {
    let last = &bytes[bytes.len().saturating_sub(MOST_HELD)..];
    for (index, &byte) in last.iter().enumerate().rev() {
        let following = last.len() - index;
        match byte {
            0x80..=0xbf => {}
            0xc2..=0xdf if following < 2 => return following,
            0xe0..=0xef if following < 3 => return following,
            0xf0..=0xf4 if following < 4 => return following,
            _ => return 0,
        }
    }
    0
}

/// The first position at or behind `position`, by no more than 3, where no character is cut.
pub(crate) fn boundary_behind(byte_at: impl Fn(usize) -> Option<u8>, position: usize) -> usize {
    (position..position + MOST_HELD)
        .find(|&position| !byte_at(position).is_some_and(is_continuation))
        .unwrap_or(position + MOST_HELD)
}

/// Whether what a sequence contained can be written back without becoming something else: control characters in it
/// were left out, which may have put halves of a character together.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
