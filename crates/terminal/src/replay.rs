//! What of a program's output is shown again to a viewer who comes late.
//!
//! By a list of what is known to be harmless, not of what is known to be a query: an answer to a query that the
//! program asked an hour ago would be typed into whatever runs now. Bells, notifications, the clipboard, printing
//! and changes of the window's size are not repeated either.

use crate::characters::is_text;
use crate::sequences::{ESCAPE, Token};

/// Modes whose setting makes a terminal say something at once: focus, colour scheme, size. Set at the end if they
/// are to be. And those that change the size (132 columns), or hold back what is drawn (synchronised output).
const NOT_REPLAYED: [u16; 6] = [3, 40, 1_004, 2_026, 2_031, 2_048];

/// What a token can do to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is not shown again.
    None,
    /// It changes cells or colours where the cursor is, and the cursor only as text does.
    Text,
    /// Anything.
    Other,
}

/// Writes what is to be shown again of `token` to `out`, in seven-bit form.
pub(crate) fn write(token: Token<'_>, out: &mut Vec<u8>) -> Effect {
    match token {
        Token::Text(text) => {
            // What is left out in between must not make a character of two halves: it could be a control.
            let stray = text.iter().take_while(|&&byte| byte & 0xc0 == 0x80).count();
            out.extend_from_slice("\u{fffd}".repeat(stray).as_bytes());
            out.extend_from_slice(&text[stray..]);
            Effect::Text
        }
        Token::Control(control) => {
            // BS, VT, FF, SO, SI; not ENQ, which asks, nor BEL.
            if matches!(control, 0x08 | 0x0b | 0x0c | 0x0e | 0x0f) {
                out.push(control);
                Effect::Other
            } else {
                Effect::None
            }
        }
        Token::Escape(sequence) if is_harmless_escape(sequence) => {
            out.push(ESCAPE);
            out.extend_from_slice(sequence);
            Effect::Other
        }
        Token::ControlSequence(sequence) => write_control_sequence(sequence, out),
        Token::Command(command) if is_harmless_command(command) => {
            out.extend_from_slice(b"\x1b]");
            out.extend_from_slice(command);
            out.extend_from_slice(b"\x1b\\");
            // Known to nothing that follows the cursor.
            Effect::Other
        }
        Token::Escape(_) | Token::Command(_) => Effect::None,
    }
}

fn is_harmless_escape(sequence: &[u8]) -> bool {
    match sequence {
        // Not Z (what are you?), nor what changes the encoding, nor the terminator of strings.
        [final_byte] => b"6789=>DEHMNOcno|}~".contains(final_byte),
        [b'#', b'3'..=b'6' | b'8'] => true,
        [b'(' | b')' | b'*' | b'+' | b'-' | b'.' | b'/', ..] => sequence.len() <= 3,
        _ => false,
    }
}

/// A control sequence in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ControlSequence<'a> {
    /// `<`, `=`, `>`, `?` or 0.
    pub(crate) prefix: u8,
    parameters: &'a [u8],
    pub(crate) intermediates: &'a [u8],
    pub(crate) final_byte: u8,
}

impl<'a> ControlSequence<'a> {
    /// The parts, if they are in order.
    pub(crate) fn parsed(sequence: &'a [u8]) -> Option<Self> {
        let (&final_byte, rest) = sequence.split_last()?;
        let (prefix, rest) = match rest {
            [prefix @ b'<'..=b'?', rest @ ..] => (*prefix, rest),
            _ => (0, rest),
        };
        let parameters = rest.iter().take_while(|&&byte| byte >= b'0').count();
        let (parameters, intermediates) = rest.split_at(parameters);
        let in_order = parameters.iter().all(|&byte| byte <= b';')
            && intermediates.iter().all(|&byte| byte < b'0');
        in_order.then_some(Self {
            prefix,
            parameters,
            intermediates,
            final_byte,
        })
    }

    /// The parameters as numbers; 0 where one is left out, the largest where it is larger.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> {
        self.parameters.split(|&byte| byte == b';').map(|digits| {
            let digits = digits
                .split(|&byte| byte == b':')
                .next()
                .unwrap_or_default();
            digits.iter().fold(0_u16, |number, digit| {
                number
                    .saturating_mul(10)
                    .saturating_add(u16::from(digit - b'0'))
            })
        })
    }

    /// The first parameter.
    pub(crate) fn number(&self) -> u16 {
        self.numbers().next().unwrap_or(0)
    }
}

fn write_control_sequence(sequence: &[u8], out: &mut Vec<u8>) -> Effect {
    let Some(parsed) = ControlSequence::parsed(sequence) else {
        return Effect::None;
    };
    let written = match (parsed.prefix, parsed.intermediates, parsed.final_byte) {
        (0, [], b'm' | b'K' | b'X') => Effect::Text,
        (0, [], b'J') if parsed.number() <= 2 => Effect::Text,
        (0, [], b'@'..=b'I' | b'J' | b'L' | b'M' | b'P' | b'S' | b'T' | b'W' | b'Z') => {
            Effect::Other
        }
        (
            0,
            [],
            b'`' | b'a' | b'b' | b'd' | b'e' | b'f' | b'g' | b'h' | b'l' | b'r' | b's' | b'u',
        ) => Effect::Other,
        // The titles' stack. Every other window manipulation asks, or changes the window.
        (0, [], b't') if matches!(parsed.number(), 22 | 23) => Effect::Other,
        // Scrolling sideways, the cursor's looks, soft reset, protected cells, columns, rectangles, saved colours.
        (0, [b' '], b'@' | b'A' | b'q') | (0, [b'!'], b'p') | (0, [b'"'], b'q') => Effect::Other,
        (0, [b'\''], b'}' | b'~') | (0, [b'$'], b'r' | b't' | b'v' | b'x' | b'z' | b'{') => {
            Effect::Other
        }
        (0, [b'*'], b'x') | (0, [b'#'], b'{' | b'}' | b'p' | b'q') => Effect::Other,
        (b'?', [], b'h' | b'l' | b'r' | b's') => return write_modes(&parsed, out),
        (b'?', [], b'J' | b'K' | b'W') => Effect::Other,
        // Keys: xterm's modifiers, kitty's flags.
        (b'>', [], b'm' | b'n' | b'u') | (b'=' | b'<', [], b'u') => Effect::Other,
        _ => Effect::None,
    };
    if written != Effect::None {
        out.extend_from_slice(b"\x1b[");
        out.extend_from_slice(sequence);
    }
    written
}

fn write_modes(parsed: &ControlSequence<'_>, out: &mut Vec<u8>) -> Effect {
    let before = out.len();
    for mode in parsed.numbers().filter(|mode| !NOT_REPLAYED.contains(mode)) {
        out.extend_from_slice(if out.len() == before { b"\x1b[?" } else { b";" });
        out.extend_from_slice(mode.to_string().as_bytes());
    }
    if out.len() == before {
        return Effect::None;
    }
    out.push(parsed.final_byte);
    Effect::Other
}

/// The number of a command and what follows it.
pub(crate) fn numbered(command: &[u8]) -> Option<(u16, &[u8])> {
    let digits = command
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = std::str::from_utf8(&command[..digits]).ok()?.parse().ok()?;
    match &command[digits..] {
        [] => Some((number, &[])),
        [b';', rest @ ..] => Some((number, rest)),
        _ => None,
    }
}

fn is_harmless_command(command: &[u8]) -> bool {
    let Some((number, rest)) = numbered(command).filter(|_| is_text(command)) else {
        return false;
    };
    match number {
        // Titles and hyperlinks, which may be any text.
        0..=2 | 8 => true,
        // Directory, colours, the pointer, marks of shells: with `?` most of them ask, and the others never have it.
        4 | 5 | 7 | 10..=19 | 22 | 104 | 105 | 110..=119 | 133 | 633 => !rest.contains(&b'?'),
        _ => false,
    }
}
