//! The screen that a program's output has made, kept by `avt`.
//!
//! What falls behind is often a flood of which only the last screenful matters: text whose lines have all
//! scrolled away is left out, and so costs a fraction of what is shown.

use std::panic::{AssertUnwindSafe, catch_unwind};

use avt::Terminal;
use unicode_width::UnicodeWidthChar;

use crate::Size;
use crate::repaint;
use crate::replay::ControlSequence;
use crate::sequences::ESCAPE;

/// What one cell of `avt` takes, in bytes; it is private there.
const CELL: usize = 24;

/// A screen. Is given only what [`replay::write`](crate::replay::write) lets through.
pub(crate) struct Emulator {
    terminal: Option<Terminal>,
    size: Size,
    /// A region smaller than the screen scrolls: text does not push everything away.
    margins: bool,
    /// Text is inserted, or does not wrap: how many characters fill a screen is not known.
    unusual: bool,
}

impl Emulator {
    pub(crate) fn new(size: Size) -> Self {
        let mut emulator = Self {
            terminal: None,
            size,
            margins: false,
            unusual: false,
        };
        emulator.blank();
        emulator
    }

    /// Memory used, in bytes, about.
    pub(crate) fn memory(&self) -> usize {
        2 * CELL * usize::from(self.size.rows()) * usize::from(self.size.columns())
    }

    /// Text and what colours or erases it, without anything that moves the cursor in another way.
    pub(crate) fn text(&mut self, bytes: &[u8]) {
        let kept = if self.margins {
            bytes
        } else if let Some(from) = self.last_lines(bytes) {
            let colours = colours_at_end(&bytes[..from]);
            self.feed(&colours);
            &bytes[from..]
        } else {
            &bytes[self.whole_screens(bytes)..]
        };
        self.feed(kept);
    }

    /// One control character or sequence.
    pub(crate) fn control(&mut self, bytes: &[u8]) {
        match bytes {
            b"\x1bc" => {
                self.margins = false;
                self.unusual = false;
            }
            b"\x1b[!p" => {
                self.margins = false;
                // What xterm.js resets with it, and `avt` does not.
                self.feed(b"\x1b[?1l\x1b[?7h");
            }
            [ESCAPE, b'[', sequence @ ..] => {
                if let Some(shorter) = self.see(sequence) {
                    self.feed(&shorter);
                    return;
                }
            }
            _ => {}
        }
        self.feed(bytes);
    }

    pub(crate) fn resize(&mut self, size: Size) {
        let before = self.size;
        self.size = size;
        self.guarded(|terminal| {
            terminal.resize(size.columns().into(), size.rows().into());
            set_tab_at_old_edge(terminal, before, size);
        });
    }

    /// Writes what makes an empty terminal of the same size show this.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        let mut dump = String::new();
        self.guarded(|terminal| dump = terminal.dump());
        repaint::write(&dump, self.size.columns().into(), out);
    }

    /// Another emulator with the same content.
    pub(crate) fn copy(&mut self) -> Self {
        let mut copy = Self::new(self.size);
        let mut dump = String::new();
        self.guarded(|terminal| dump = terminal.dump());
        copy.guarded(|terminal| terminal.feed(dump.as_str()));
        copy.margins = self.margins;
        copy.unusual = self.unusual;
        copy
    }

    /// Follows what decides whether text may be left out. Gives what to feed instead, if that is not the same.
    fn see(&mut self, sequence: &[u8]) -> Option<Vec<u8>> {
        let parsed = ControlSequence::parsed(sequence)?;
        match (parsed.prefix, parsed.intermediates, parsed.final_byte) {
            (0, [], b'r') => self.margins = sequence != b"r",
            (0, [], b'h' | b'l') | (b'?', [], b'l' | b'r') => self.unusual = true,
            // A character repeated 65,535 times for six bytes: no more than fills the screen, in the same column.
            (0, [], b'b') => {
                let (rows, columns) = (
                    usize::from(self.size.rows()),
                    usize::from(self.size.columns()),
                );
                let (count, screen) = (usize::from(parsed.number()), rows * columns);
                if count > screen + columns {
                    let count = screen + (count - screen) % columns;
                    return Some(format!("\x1b[{count}b").into_bytes());
                }
            }
            _ => {}
        }
        None
    }

    /// From where text matters if all lines before scroll away: behind a line's end with twice as many line feeds
    /// behind it as there are rows. Half of them bring the cursor down, the others everything above it up.
    fn last_lines(&self, bytes: &[u8]) -> Option<usize> {
        let needed = 2 * usize::from(self.size.rows());
        let last = memchr::memrchr_iter(b'\n', bytes).nth(needed)?;
        let line_ends = memchr::memrchr_iter(b'\n', &bytes[..=last]);
        // Behind a carriage return the column is known.
        let end = line_ends
            .into_iter()
            .find(|&end| end > 0 && bytes[end - 1] == b'\r')?;
        Some(end + 1)
    }

    /// How much of text without line ends or anything but ASCII can be left out at its beginning: whole lines, and so
    /// many that all of them scroll away.
    fn whole_screens(&self, bytes: &[u8]) -> usize {
        let columns = usize::from(self.size.columns());
        let screens = 2 * columns * usize::from(self.size.rows());
        let plain = |byte: &u8| matches!(byte, b' '..=b'~');
        if self.unusual || bytes.len() < 2 * screens || !bytes.iter().all(plain) {
            return 0;
        }
        (bytes.len() - screens) / columns * columns
    }

    fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        self.guarded(|terminal| {
            if text.is_ascii() {
                terminal.feed(&*text);
            } else {
                // `avt` gives every character a cell; those that combine with the one before have none.
                let wide = text
                    .chars()
                    .filter(|character| character.width() != Some(0) || character.is_ascii());
                terminal.feed(wide);
            }
        });
    }

    /// A panic in there costs the screen's content, not the terminal.
    fn guarded(&mut self, action: impl FnOnce(&mut Terminal)) {
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| action(terminal))).is_err() {
            self.blank();
        }
    }

    fn blank(&mut self) {
        // Fails only for a size with a 0 in it.
        self.terminal = Terminal::new(self.size.columns().into(), self.size.rows().into()).ok();
    }
}

/// A terminal that grows has a tab stop in every eighth of its new columns; `avt` 0.19 leaves the first of them out where it
/// has that number.
fn set_tab_at_old_edge(terminal: &mut Terminal, before: Size, size: Size) {
    let (edge, columns) = (before.columns(), size.columns());
    let cursor = terminal.cursor().col;
    // Behind the last column it waits to wrap, which moving it would end.
    if edge % 8 == 0 && edge < columns && cursor < columns.into() {
        terminal.feed(&*format!("\x1b[{}G\x1bH\x1b[{}G", edge + 1, cursor + 1));
    }
}

/// The colours in force behind `bytes`, which are text: what sets them since they were reset last.
fn colours_at_end(bytes: &[u8]) -> Vec<u8> {
    let mut colours = Vec::new();
    let mut rest = bytes;
    while let Some(start) = memchr::memchr(ESCAPE, rest) {
        rest = &rest[start..];
        let parameters = rest.iter().skip(2).take_while(|&&byte| byte < b'@').count();
        let (sequence, behind) = rest.split_at((2 + parameters + 1).min(rest.len()));
        if sequence == b"\x1b[m" || sequence == b"\x1b[0m" {
            colours.clear();
        }
        if sequence.ends_with(b"m") {
            colours.extend_from_slice(sequence);
        }
        rest = behind;
    }
    colours
}
