//! A terminal's output cut into text, control characters and sequences, across any pieces that it arrives in.
//!
//! States and transitions are those of <https://vt100.net/emu/dec_ansi_parser>, with UTF-8 text: a C1 control is
//! the character U+0080…U+009F, not the byte. Pieces end between characters.

use crate::characters;

/// The longest control sequence that is looked at, in bytes; real ones stay below 100.
const LONGEST_CONTROL_SEQUENCE: usize = 256;
/// The longest operating system command that is looked at, in bytes: a hyperlink's address may have 2,083.
const LONGEST_COMMAND: usize = 4_096;

const BELL: u8 = 0x07;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;
pub(crate) const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;
/// The first byte of U+0080…U+00BF in UTF-8.
const C1_LEAD: u8 = 0xc2;

/// One part of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Printable characters, tabs, carriage returns and line feeds.
    Text(&'a [u8]),
    /// Another control character.
    Control(u8),
    /// What follows ESC: intermediates and a final character.
    Escape(&'a [u8]),
    /// What follows CSI: parameters, intermediates and a final character.
    ControlSequence(&'a [u8]),
    /// What an operating system command (OSC) says.
    Command(&'a [u8]),
}

/// Where in a sequence the output has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    ControlSequence,
    Command,
    /// A device control, privacy message, application program command or start of string: none changes the picture.
    String,
}

/// Cuts output into tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanner {
    state: State,
    /// The sequence so far, without its introducer and without control characters in it.
    sequence: Vec<u8>,
    /// The sequence is longer than is looked at.
    too_long: bool,
}

impl Scanner {
    /// Passes the tokens that `bytes` completes on to `sink`.
    pub(crate) fn scan(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Token<'_>)) {
        while let Some(&first) = bytes.first() {
            if self.state == State::Ground {
                let text = text_length(bytes);
                if text > 0 {
                    sink(Token::Text(&bytes[..text]));
                    bytes = &bytes[text..];
                    continue;
                }
            }
            if let Some(control) = c1(bytes) {
                self.c1(control, sink);
                bytes = &bytes[2..];
            } else {
                bytes = &bytes[self.byte(first, bytes, sink)..];
            }
        }
    }

    /// Memory used, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.sequence.capacity()
    }

    /// Writes the beginning of the sequence that has begun: what follows in the output then ends it.
    pub(crate) fn unfinished(&self, out: &mut Vec<u8>) {
        let left_out = self.too_long || !characters::is_text(&self.sequence);
        let introducer: &[u8] = match (self.state, left_out) {
            (State::Ground, _) => return,
            (State::Escape, _) => b"\x1b",
            (State::ControlSequence, false) => b"\x1b[",
            // A second parameter prefix: ignored to the end.
            (State::ControlSequence, true) => b"\x1b[?<",
            (State::Command, false) => b"\x1b]",
            // A number that nobody has given a meaning.
            (State::Command, true) => b"\x1b]99999;",
            (State::String, _) => b"\x1b^",
        };
        out.extend_from_slice(introducer);
        if !left_out {
            out.extend_from_slice(&self.sequence);
        }
    }

    /// One byte that is not text, or a whole character in a place where none belongs; how many bytes that was.
    fn byte(&mut self, byte: u8, rest: &[u8], sink: &mut impl FnMut(Token<'_>)) -> usize {
        match (self.state, byte) {
            (_, ESCAPE) => {
                self.finish_command(sink);
                self.enter(State::Escape);
            }
            (State::Ground, control) => sink(Token::Control(control)),
            (_, CANCEL | SUBSTITUTE) => self.enter(State::Ground),
            (State::Command, BELL) => {
                self.finish_command(sink);
                self.enter(State::Ground);
            }
            (State::Command, 0x20..=0x7e | 0x80..) => self.collect(byte, LONGEST_COMMAND),
            (State::Command | State::String, _) | (_, DELETE) => {}
            (_, b'\t' | b'\n' | b'\r') => sink(Token::Text(&[byte])),
            (_, ..0x20) => sink(Token::Control(byte)),
            (_, 0x80..) => {
                // Not ASCII: no sequence has that. It is given up, and so is the character.
                self.enter(State::Ground);
                let following = rest[1..].iter().take(3);
                return 1 + following.take_while(|&&byte| byte & 0xc0 == 0x80).count();
            }
            (State::Escape, _) => self.escape(byte, sink),
            (State::ControlSequence, b'@'..) => {
                if !self.too_long {
                    self.sequence.push(byte);
                    sink(Token::ControlSequence(&self.sequence));
                }
                self.enter(State::Ground);
            }
            (State::ControlSequence, _) => self.collect(byte, LONGEST_CONTROL_SEQUENCE),
        }
        1
    }

    fn escape(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        match byte {
            b' '..=b'/' => self.collect(byte, LONGEST_CONTROL_SEQUENCE),
            b'@'..=b'_' if self.sequence.is_empty() && !self.too_long => self.c1(byte + 0x40, sink),
            _ => {
                if !self.too_long {
                    self.sequence.push(byte);
                    sink(Token::Escape(&self.sequence));
                }
                self.enter(State::Ground);
            }
        }
    }

    /// U+0080…U+009F, which ends whatever was begun. ESC and `@`…`_` are the same in 7 bits.
    fn c1(&mut self, control: u8, sink: &mut impl FnMut(Token<'_>)) {
        match control {
            0x9b => self.enter(State::ControlSequence),
            0x9d => self.enter(State::Command),
            0x90 | 0x98 | 0x9e | 0x9f => self.enter(State::String),
            0x9c => {
                self.finish_command(sink);
                self.enter(State::Ground);
            }
            other => {
                self.enter(State::Ground);
                sink(Token::Escape(&[other - 0x40]));
            }
        }
    }

    fn finish_command(&mut self, sink: &mut impl FnMut(Token<'_>)) {
        if self.state == State::Command && !self.too_long {
            sink(Token::Command(&self.sequence));
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.sequence.clear();
        self.too_long = false;
    }

    fn collect(&mut self, byte: u8, longest: usize) {
        if self.sequence.len() < longest {
            self.sequence.push(byte);
        } else {
            self.too_long = true;
        }
    }
}

/// The C1 control at the beginning of `bytes`, if there is one.
fn c1(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [C1_LEAD, control @ 0x80..=0x9f, ..] => Some(*control),
        _ => None,
    }
}

/// How many bytes at the beginning of `bytes` are text.
fn text_length(bytes: &[u8]) -> usize {
    const BLOCK: usize = 64;
    let mut length = 0;
    loop {
        // Whole blocks first, without a branch for each byte.
        while let Some(block) = bytes.get(length..length + BLOCK) {
            if block
                .iter()
                .fold(false, |found, &byte| found | may_end_text(byte))
            {
                break;
            }
            length += BLOCK;
        }
        let Some(found) = bytes[length..].iter().position(|&byte| may_end_text(byte)) else {
            return bytes.len();
        };
        length += found;
        if bytes[length] != C1_LEAD || c1(&bytes[length..]).is_some() {
            return length;
        }
        length += 1;
    }
}

fn may_end_text(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
        | (byte == DELETE)
        | (byte == C1_LEAD)
}
