//! A terminal that somebody looks at, and what it would answer.

use avt::{Cell, Cursor, Pen, ScreenKind, Terminal};
use terminal::Size;

/// `avt` behind what a browser does with bytes.
pub struct Seen {
    terminal: Terminal,
}

impl Seen {
    pub fn new(size: Size) -> Seen {
        Seen {
            terminal: Terminal::new(size.columns().into(), size.rows().into())
                .expect("a size without 0"),
        }
    }

    /// Characters without a width are left out, since `avt` gives them one.
    pub fn output(&mut self, bytes: &[u8]) {
        // A soft reset resets more in xterm.js.
        let text = String::from_utf8_lossy(bytes).replace("\x1b[!p", "\x1b[!p\x1b[?1l\x1b[?7h");
        let shown = |character: &char| !matches!(character, '\u{300}'..='\u{36f}' | '\u{fe0f}');
        self.terminal.feed(text.chars().filter(shown));
    }

    pub fn resize(&mut self, size: Size) {
        self.terminal
            .resize(size.columns().into(), size.rows().into());
    }

    /// Text and colours.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.terminal.screen();
        lines
            .visible_lines()
            .map(|line| line.cells().iter().map(cell).collect())
            .collect()
    }

    pub fn cursor(&self) -> Cursor {
        self.terminal.cursor()
    }

    pub fn kind(&self) -> ScreenKind {
        self.terminal.active_screen_kind()
    }
}

/// The character, and the colours if they are not the usual. Those of a blank that do not show are no matter.
fn cell(cell: &Cell) -> String {
    let pen = cell.pen();
    let shows = pen.background().is_some()
        || pen.is_inverse()
        || pen.is_underline()
        || pen.is_strikethrough();
    if *pen == Pen::default() || cell.char() == ' ' && !shows {
        cell.char().to_string()
    } else {
        format!("{}{pen:?}", cell.char())
    }
}

/// What an empty terminal shows after `text`.
pub fn screen_of(text: &[u8], size: Size) -> Seen {
    let mut seen = Seen::new(size);
    seen.output(text);
    seen
}

/// What in `text` a terminal would answer, found in another way than the product does.
pub fn queries(text: &[u8]) -> Vec<String> {
    let mut terminal = Answering::default();
    for character in String::from_utf8_lossy(text).chars() {
        terminal.character(character);
    }
    terminal.answered
}

/// A terminal's parser that knows nothing but what is answered.
#[derive(Default)]
struct Answering {
    /// ESC, CSI, OSC or DCS, and what follows.
    sequence: Option<(char, String)>,
    answered: Vec<String>,
}

impl Answering {
    fn character(&mut self, character: char) {
        match (character, &mut self.sequence) {
            ('\x05', _) => self.answered.push("ENQ".into()),
            ('\x18' | '\x1a', _) => self.sequence = None,
            ('\x1b', _) => self.restart('E'),
            ('\u{9b}', _) => self.restart('['),
            ('\u{9d}', _) => self.restart(']'),
            ('\u{90}', _) => self.restart('P'),
            ('\u{9a}', _) => self.answered.push("DECID".into()),
            ('\u{80}'..='\u{9f}', _) => self.end(),
            ('\x07', Some((']', _))) => self.end(),
            ('[' | ']' | 'P', Some(('E', text))) if text.is_empty() => {
                self.sequence = Some((character, String::new()));
            }
            (_, Some(('E', text))) => {
                text.push(character);
                if !(' '..='/').contains(&character) {
                    self.end();
                }
            }
            (_, Some(('[', text))) if character >= ' ' => {
                text.push(character);
                if character >= '@' {
                    self.end();
                }
            }
            (_, Some((_, text))) => text.push(character),
            (_, None) => {}
        }
    }

    fn restart(&mut self, kind: char) {
        self.end();
        self.sequence = Some((kind, String::new()));
    }

    fn end(&mut self) {
        let Some((kind, text)) = self.sequence.take() else {
            return;
        };
        let last = text.chars().last().unwrap_or(' ');
        let asks = match kind {
            'E' => text == "Z",
            '[' => match last {
                'c' | 'x' => !text.contains([' ', '$', '*', '\'', '"']),
                'y' => text.contains('*'),
                'n' => !text.starts_with('>'),
                't' => !(text.contains('$') || text.starts_with("22") || text.starts_with("23")),
                'u' => text.starts_with('?'),
                'q' => text.starts_with('>'),
                'p' => text.contains('$'),
                'h' => {
                    text.starts_with('?')
                        && text.trim_end_matches('h')[1..]
                            .split(';')
                            .any(|mode| mode == "2026")
                }
                _ => false,
            },
            ']' => {
                text.contains('?') && !text.starts_with(['0', '1', '2', '8'])
                    || text.starts_with("10;?")
                    || text.starts_with("52")
                    || text.starts_with('9')
            }
            _ => true,
        };
        // Colours are set to names without a question mark; other texts may have one.
        if asks {
            self.answered.push(format!("{kind}{text}"));
        }
    }
}
