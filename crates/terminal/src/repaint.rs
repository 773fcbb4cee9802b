//! What `avt` writes of a screen, in the form that terminals have in common and without what it fills lines with.
//!
//! A line that was written with blanks up to its end would be copied with them, and would break into two when the
//! terminal is made narrower.

use unicode_width::UnicodeWidthChar;

use crate::replay::{self, ControlSequence};
use crate::sequences::{Scanner, Token};

/// Writes `dump`, of a screen of so many columns, to `out`.
pub(crate) fn write(dump: &str, columns: usize, out: &mut Vec<u8>) {
    let mut repaint = Repaint {
        out,
        columns,
        cells: 0,
        last_width: 1,
        held_from: 0,
        held: Vec::new(),
        held_colours: Vec::new(),
        background: false,
        inverse: false,
        lines: false,
        placed: false,
    };
    Scanner::default().scan(dump.as_bytes(), &mut |token| repaint.token(token));
    repaint.drop_blanks();
}

struct Repaint<'a> {
    out: &'a mut Vec<u8>,
    columns: usize,
    /// How many cells were written since the line was begun; more than there are columns if it wraps.
    cells: usize,
    /// How many cells the last character has.
    last_width: usize,
    /// `cells` before what is held.
    held_from: usize,
    /// Blanks that may be the last on their line, with the colours between them…
    held: Vec<u8>,
    /// …and those colours alone.
    held_colours: Vec<u8>,
    /// What makes a blank visible.
    background: bool,
    inverse: bool,
    lines: bool,
    /// The cursor was put somewhere: what is written there is for its sake, as at a line's end where it waits to wrap.
    placed: bool,
}

impl Repaint<'_> {
    fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Text(text) => self.text(text),
            Token::ControlSequence(sequence) if sequence.ends_with(b"m") => self.colours(sequence),
            Token::ControlSequence(sequence) if sequence.ends_with(b"b") => self.repeated(sequence),
            // Tab stops by TBC and HTS; CTC is less known.
            Token::ControlSequence(b"5W") => self.other(b"\x1b[3g"),
            Token::ControlSequence(b"0W" | b"W") => self.other(b"\x1bH"),
            token => {
                self.drop_blanks();
                self.cells = 0;
                if let Token::ControlSequence(sequence) = token {
                    // At the top left begins a screen.
                    self.placed = sequence.ends_with(b"H") && sequence != b"1;1H";
                }
                replay::write(token, self.out);
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        for character in String::from_utf8_lossy(text).chars() {
            match character {
                '\r' => {
                    self.drop_blanks();
                    self.placed = false;
                    self.cells = 0;
                }
                ' ' if !self.shows_blanks() => {
                    if self.held.is_empty() {
                        self.held_from = self.cells;
                    }
                    self.held.push(b' ');
                    self.wrote(1);
                    continue;
                }
                '\n' => {}
                character => {
                    self.keep_blanks();
                    self.wrote(character.width().unwrap_or(1));
                }
            }
            let mut bytes = [0; 4];
            self.out
                .extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
        }
    }

    /// The character before, some times more.
    fn repeated(&mut self, sequence: &[u8]) {
        let out = if self.held.is_empty() {
            &mut *self.out
        } else {
            &mut self.held
        };
        write_sequence(sequence, out);
        let count = ControlSequence::parsed(sequence).map_or(0, |sequence| sequence.number());
        self.cells += usize::from(count) * self.last_width;
    }

    fn wrote(&mut self, width: usize) {
        self.cells += width;
        self.last_width = width;
    }

    fn shows_blanks(&self) -> bool {
        self.background || self.inverse || self.lines || self.placed
    }

    fn colours(&mut self, sequence: &[u8]) {
        // What `avt` writes: numbers by themselves, or 38 and 48 with what belongs to them behind colons.
        for part in sequence[..sequence.len() - 1].split(|&byte| byte == b';') {
            match ControlSequence::parsed(&[part, b"m"].concat()).map_or(0, |part| part.number()) {
                0 => (self.background, self.inverse, self.lines) = (false, false, false),
                40..=48 | 100..=107 => self.background = true,
                49 => self.background = false,
                7 => self.inverse = true,
                27 => self.inverse = false,
                4 | 9 => self.lines = true,
                // Underlined and struck through: whichever ends, the other may go on.
                _ => {}
            }
        }
        let common: Vec<u8> = sequence
            .iter()
            .map(|&byte| if byte == b':' { b';' } else { byte })
            .collect();
        if self.held.is_empty() {
            write_sequence(&common, self.out);
        } else {
            write_sequence(&common, &mut self.held);
            write_sequence(&common, &mut self.held_colours);
        }
    }

    fn other(&mut self, bytes: &[u8]) {
        self.drop_blanks();
        self.cells = 0;
        self.out.extend_from_slice(bytes);
    }

    fn keep_blanks(&mut self) {
        self.out.append(&mut self.held);
        self.held_colours.clear();
    }

    /// Unless they are, or are on, more than the last line of one that wraps: a line would be missing.
    fn drop_blanks(&mut self) {
        let last = self.cells.saturating_sub(1) / self.columns;
        let on_last = self.held_from / self.columns == last;
        if on_last && (self.held_from == 0 || !self.held_from.is_multiple_of(self.columns)) {
            self.held.clear();
            self.out.append(&mut self.held_colours);
        } else {
            self.keep_blanks();
        }
    }
}

fn write_sequence(sequence: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    out.extend_from_slice(sequence);
}
