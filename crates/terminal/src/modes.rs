//! What a program has set that the emulator does not keep, and how to set it again.

use std::collections::BTreeMap;

use crate::characters::is_text;
use crate::replay::{ControlSequence, numbered};
use crate::sequences::Token;

/// What makes any terminal forget what was shown in it before: a sequence that it is in the middle of is cancelled,
/// then everything is reset, then once more by name what some terminals keep over a full reset.
pub const RESET: &[u8] = b"\x18\x1bc\x1b[!p\x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016l\
\x1b[?1;5;45;66;1007;2004;2026;2031;2048l\x1b[?7;25h\x1b[4;20l\x1b[<99u\x1b[=0u\x1b[>4m\x1b[0 q\x1b>\
\x1b(B\x1b)B\x0f\x1b[m\x1b[H\x1b[2J\x1b[3J";

/// The same without losing what has scrolled away.
pub(crate) const RESET_SCREEN: &[u8] =
    b"\x1b[<99u\x1b[?1049l\x1b[<99u\x1b[!p\x1b[?1;5;45;66l\x1b[?7;25h\x1b[4;20l\x1b>\
\x1b(B\x1b)B\x0f\x1b[m\x1b[r\x1b[H\x1b[2J";

/// Which of these was set last is in force, until any is reset.
const MOUSE: [u16; 5] = [9, 1_000, 1_001, 1_002, 1_003];
/// Likewise.
const MOUSE_ENCODINGS: [u16; 4] = [1_005, 1_006, 1_015, 1_016];
/// Set and reset by themselves: reverse video, cursor blinking, wrapping backwards, keypad, alternate scrolling,
/// how Meta and Alt are sent, bracketed paste.
const PLAIN: [u16; 9] = [5, 12, 45, 66, 1_007, 1_034, 1_036, 1_039, 2_004];
/// Those that make a terminal say something when they are set: focus, colour scheme, size.
const TALKING: [u16; 3] = [1_004, 2_031, 2_048];
/// The commands that set the colours of text, background and cursor; 100 more reset them.
const COLOURS: std::ops::RangeInclusive<u16> = 10..=12;
/// Kitty's terminal keeps so many.
const MOST_KEYBOARDS: usize = 8;
/// The longest title kept, in bytes.
const LONGEST_TITLE: usize = 512;
/// The longest colour kept, in bytes.
const LONGEST_COLOUR: usize = 64;

/// Modes and names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modes {
    plain: BTreeMap<u16, bool>,
    talking: BTreeMap<u16, bool>,
    mouse: Option<u16>,
    mouse_encoding: Option<u16>,
    application_keypad: bool,
    cursor_style: u16,
    /// Kitty's keyboard flags: the stacks of the primary and the alternate screen, the last one in force.
    keyboards: [Vec<u16>; 2],
    alternate_screen: bool,
    /// xterm's `modifyOtherKeys`.
    other_keys: u16,
    title: Option<Vec<u8>>,
    colours: BTreeMap<u16, Vec<u8>>,
}

impl Modes {
    /// Follows the output.
    pub(crate) fn see(&mut self, token: Token<'_>) {
        match token {
            Token::Text(_) | Token::Control(_) => {}
            Token::Escape(b"c") => {
                let title = self.title.take();
                *self = Self {
                    title,
                    ..Self::default()
                };
            }
            Token::Escape(b"=") => self.application_keypad = true,
            Token::Escape(b">") => self.application_keypad = false,
            Token::Escape(_) => {}
            Token::ControlSequence(sequence) => {
                if let Some(sequence) = ControlSequence::parsed(sequence) {
                    self.see_control_sequence(&sequence);
                }
            }
            Token::Command(command) => self.see_command(command),
        }
    }

    /// Memory used, in bytes, beyond the value itself.
    pub(crate) fn memory(&self) -> usize {
        let title = self.title.as_ref().map_or(0, Vec::capacity);
        title + self.colours.values().map(Vec::capacity).sum::<usize>()
    }

    /// Writes what belongs to the primary screen alone; the terminal is still showing it.
    pub(crate) fn write_primary(&self, out: &mut Vec<u8>) {
        if self.alternate_screen {
            write_keyboard(&self.keyboards[0], out);
        }
    }

    /// Writes what is in force, without what makes the terminal talk.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (mode, set) in &self.plain {
            write_mode(*mode, *set, out);
        }
        for mode in self.mouse.iter().chain(&self.mouse_encoding) {
            write_mode(*mode, true, out);
        }
        if self.application_keypad {
            out.extend_from_slice(b"\x1b=");
        }
        if self.cursor_style != 0 {
            out.extend_from_slice(format!("\x1b[{} q", self.cursor_style).as_bytes());
        }
        if self.other_keys != 0 {
            out.extend_from_slice(format!("\x1b[>4;{}m", self.other_keys).as_bytes());
        }
        write_keyboard(&self.keyboards[usize::from(self.alternate_screen)], out);
        let title = self.title.iter().map(|title| (2, title));
        let colours = self
            .colours
            .iter()
            .map(|(number, colour)| (*number, colour));
        for (number, text) in title.chain(colours) {
            out.extend_from_slice(format!("\x1b]{number};").as_bytes());
            out.extend_from_slice(text);
            out.extend_from_slice(b"\x1b\\");
        }
    }

    /// Writes what makes the terminal talk, once, behind everything else.
    pub(crate) fn write_talking(&self, out: &mut Vec<u8>) {
        for (mode, set) in self.talking.iter().filter(|(_, set)| **set) {
            write_mode(*mode, *set, out);
        }
    }

    fn see_control_sequence(&mut self, sequence: &ControlSequence<'_>) {
        match (sequence.prefix, sequence.intermediates, sequence.final_byte) {
            (b'?', [], b'h') => sequence.numbers().for_each(|mode| self.set(mode, true)),
            (b'?', [], b'l') => sequence.numbers().for_each(|mode| self.set(mode, false)),
            (0, [b' '], b'q') => self.cursor_style = sequence.number().min(6),
            (0, [b'!'], b'p') => self.soft_reset(),
            (b'>', [], b'm') => self.set_other_keys(sequence),
            (b'>', [], b'n') if sequence.number() == 4 => self.other_keys = 0,
            (b'>' | b'<' | b'=', [], b'u') => self.keyboard(sequence),
            _ => {}
        }
    }

    fn set(&mut self, mode: u16, set: bool) {
        match mode {
            47 | 1_047 | 1_049 => self.alternate_screen = set,
            66 => self.application_keypad = set,
            mode if MOUSE.contains(&mode) => self.mouse = set.then_some(mode),
            mode if MOUSE_ENCODINGS.contains(&mode) => self.mouse_encoding = set.then_some(mode),
            mode if PLAIN.contains(&mode) => drop(self.plain.insert(mode, set)),
            mode if TALKING.contains(&mode) => drop(self.talking.insert(mode, set)),
            _ => {}
        }
    }

    /// As xterm.js does it, which resets more than a VT220.
    fn soft_reset(&mut self) {
        self.application_keypad = false;
        self.cursor_style = 0;
        for mode in [12, 45, 2_004] {
            self.plain.remove(&mode);
        }
        self.talking.remove(&1_004);
    }

    fn set_other_keys(&mut self, sequence: &ControlSequence<'_>) {
        let mut numbers = sequence.numbers();
        if matches!(numbers.next(), Some(0 | 4)) {
            self.other_keys = numbers.next().unwrap_or(0).min(3);
        }
    }

    /// <https://sw.kovidgoyal.net/kitty/keyboard-protocol/#progressive-enhancement>
    fn keyboard(&mut self, sequence: &ControlSequence<'_>) {
        let stack = &mut self.keyboards[usize::from(self.alternate_screen)];
        let flags = sequence.number();
        match sequence.prefix {
            b'>' => {
                if stack.len() == MOST_KEYBOARDS {
                    stack.remove(0);
                }
                stack.push(flags);
            }
            b'<' => stack.truncate(stack.len().saturating_sub(usize::from(flags.max(1)))),
            _ => {
                if stack.is_empty() {
                    stack.push(0);
                }
                if let Some(last) = stack.last_mut() {
                    *last = match sequence.numbers().nth(1) {
                        Some(2) => *last | flags,
                        Some(3) => *last & !flags,
                        _ => flags,
                    };
                }
            }
        }
    }

    fn see_command(&mut self, command: &[u8]) {
        match numbered(command).filter(|_| is_text(command)) {
            Some((0 | 2, title)) if title.len() <= LONGEST_TITLE => {
                self.title = Some(title.to_vec());
            }
            Some((number, colours)) if COLOURS.contains(&number) => {
                // More than one colour is for the numbers that follow.
                for (number, colour) in
                    (number..=*COLOURS.end()).zip(colours.split(|&byte| byte == b';'))
                {
                    if !colour.contains(&b'?') && colour.len() <= LONGEST_COLOUR {
                        self.colours.insert(number, colour.to_vec());
                    }
                }
            }
            Some((number @ 110..=112, _)) => drop(self.colours.remove(&(number - 100))),
            _ => {}
        }
    }
}

fn write_mode(mode: u16, set: bool, out: &mut Vec<u8>) {
    let action = if set { 'h' } else { 'l' };
    out.extend_from_slice(format!("\x1b[?{mode}{action}").as_bytes());
}

fn write_keyboard(stack: &[u16], out: &mut Vec<u8>) {
    for flags in stack {
        out.extend_from_slice(format!("\x1b[>{flags}u").as_bytes());
    }
}
