//! What a program writes to the terminal, on its way there.
//!
//! Only whole sequences and characters are let through at a time: between any two writes the terminal may be told
//! something by this program, its title above all, without cutting one in two.

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;

/// How much of an unfinished sequence is held back, in bytes; the rest of a longer one goes through as it comes.
const MOST_HELD: usize = 4_096;
/// The longest title that is kept, in bytes.
const LONGEST_TITLE: usize = 512;

/// Ends whatever a program may have changed, but for what is shown: mouse, focus, paste and keyboard modes, character
/// sets, margins, colours. The cursor stays.
const MODES_ENDED: &[u8] = b"\x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016l\
\x1b[?1;5;45;66;1007;2004;2026;2031;2048l\x1b[?7;25h\x1b[4;20l\x1b[<99u\x1b[=0u\x1b[>4m\x1b[0 q\x1b>\
\x1b(B\x1b)B\x0f\x1b[m\x1b7\x1b[r\x1b8";
const ALTERNATE_SCREEN_LEFT: &[u8] = b"\x1b[<99u\x1b[?1049l";
/// Below everything that is shown.
const TO_THE_BOTTOM: &[u8] = b"\x1b[999;1H\r\n";
const CLEARED: &[u8] = b"\x1b[H\x1b[2J";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    ControlSequence,
    /// OSC, or another string, ended by ST or, the former, by BEL.
    String,
    /// ESC within a string.
    StringEscape,
}

/// What the terminal shows before a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// What the program, which has only begun, is to go on below.
    Nothing,
    /// What other programs have written, on so many rows.
    Others { rows: u16 },
    /// An earlier picture of the same program.
    Same,
}

/// What a terminal shows, as far as this program needs to know.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    state: State,
    /// What has arrived of a sequence or character that is not whole.
    held: Vec<u8>,
    /// More was to be held than is: the beginning has gone through.
    too_long: bool,
    /// The terminal was told to forget that beginning: the rest is not for it.
    given_up: bool,
    is_alternate: bool,
    title: Option<Vec<u8>>,
}

impl Screen {
    /// What of the output so far may be written now.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.held.push(byte);
            self.step(byte);
            let is_whole = self.state == State::Ground && !is_cut(&self.held);
            if self.given_up {
                self.held.clear();
                self.given_up = !is_whole;
            } else if is_whole {
                whole.append(&mut self.held);
                self.too_long = false;
            } else if self.held.len() >= MOST_HELD {
                whole.append(&mut self.held);
                self.too_long = true;
            }
        }
        whole
    }

    /// What of a picture may be written now. Pictures begin with a reset that also takes away what has scrolled out of the
    /// terminal, which is the user's: another one stands for it, or none in a terminal where the program
    /// has only begun. What others have written is scrolled away before.
    pub(crate) fn take_picture(&mut self, text: &[u8], before: Before) -> Vec<u8> {
        let Some(rest) = text.strip_prefix(terminal::RESET) else {
            return self.take(text);
        };
        if before == Before::Nothing {
            return self.take(rest);
        }
        let mut out = self.ending(false);
        if let Before::Others { rows } = before {
            out.extend_from_slice(TO_THE_BOTTOM);
            out.resize(out.len() + usize::from(rows), b'\n');
        }
        out.extend_from_slice(CLEARED);
        let title = self.title.take();
        *self = Self {
            title,
            ..Self::default()
        };
        out.extend(self.take(rest));
        out
    }

    /// Whether something can be said to the terminal without cutting what the program says.
    pub(crate) fn is_between_sequences(&self) -> bool {
        !self.too_long
    }

    /// Has the terminal forget a sequence that it was given half, so that something can be said to it; what may be written
    /// for that.
    pub(crate) fn give_up_sequence(&mut self) -> Vec<u8> {
        if !std::mem::take(&mut self.too_long) {
            return Vec::new();
        }
        self.held.clear();
        self.given_up = true;
        vec![CANCEL]
    }

    /// The title that the program has set last.
    pub(crate) fn title(&self) -> Option<&[u8]> {
        self.title.as_deref()
    }

    /// What gives the terminal back in a usual state. With `leave`, also what comes next is below of what is shown:
    /// for a program that goes on and was cut off anywhere.
    pub(crate) fn ending(&self, leave: bool) -> Vec<u8> {
        // What is held was not written; what was written of something longer is given up.
        let mut text = vec![CANCEL];
        if self.is_alternate {
            text.extend_from_slice(ALTERNATE_SCREEN_LEFT);
        }
        text.extend_from_slice(MODES_ENDED);
        if leave && !self.is_alternate {
            text.extend_from_slice(TO_THE_BOTTOM);
        }
        text
    }

    fn step(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::Ground, ESCAPE) => State::Escape,
            (State::Ground, _) | (_, CANCEL | SUBSTITUTE) => State::Ground,
            (State::String, ESCAPE) => State::StringEscape,
            (State::StringEscape, b'\\') | (State::String, BELL) => {
                self.see_string();
                State::Ground
            }
            (State::String, _) => State::String,
            // Any other sequence begins anew, and the string is given up.
            (_, ESCAPE) => State::Escape,
            (State::Escape, b'[') => State::ControlSequence,
            (State::Escape | State::StringEscape, b']' | b'P' | b'X' | b'^' | b'_') => {
                State::String
            }
            (State::Escape, b' '..=b'/' | ..0x20) => State::Escape,
            (State::Escape | State::StringEscape, _) => {
                if byte == b'c' {
                    self.is_alternate = false;
                }
                State::Ground
            }
            (State::ControlSequence, b'@'..=b'~') => {
                self.see_control_sequence();
                State::Ground
            }
            (State::ControlSequence, _) => State::ControlSequence,
        };
    }

    fn see_control_sequence(&mut self) {
        let [ESCAPE, b'[', b'?', parameters @ .., b'h' | b'l'] = self.held.as_slice() else {
            return;
        };
        let mut modes = parameters.split(|&byte| byte == b';');
        if modes.any(|mode| matches!(mode, b"47" | b"1047" | b"1049")) {
            self.is_alternate = self.held.ends_with(b"h");
        }
    }

    fn see_string(&mut self) {
        let text = match self.held.as_slice() {
            [ESCAPE, b']', b'0' | b'2', b';', text @ .., ESCAPE, b'\\'] => text,
            [ESCAPE, b']', b'0' | b'2', b';', text @ .., BELL] => text,
            _ => return,
        };
        if text.len() <= LONGEST_TITLE {
            self.title = Some(text.to_vec());
        }
    }
}

/// Whether `bytes`, outside of any sequence, end within a character of UTF-8.
fn is_cut(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => false,
        Err(error) => error.error_len().is_none(),
    }
}

/// The title of the terminal while this program has something to say in it.
#[derive(Debug, Default)]
pub(crate) struct Title {
    /// What it says now, if that is from here.
    ours: Option<String>,
}

impl Title {
    /// Says `text` in the title; the one before is remembered by the terminal.
    pub(crate) fn set(&mut self, text: &str) -> Vec<u8> {
        let text = model::printable(text);
        if self.ours.as_ref() == Some(&text) {
            return Vec::new();
        }
        let mut out = Vec::new();
        if self.ours.is_none() {
            out.extend_from_slice(b"\x1b[22;0t");
        }
        out.extend_from_slice(&command(text.as_bytes()));
        self.ours = Some(text);
        out
    }

    /// Has the title before again. `known` is the one that the program has set, for terminals that remember none.
    pub(crate) fn restore(&mut self, known: Option<&[u8]>) -> Vec<u8> {
        if self.ours.take().is_none() {
            return Vec::new();
        }
        let mut out = b"\x1b[23;0t".to_vec();
        if let Some(known) = known {
            out.extend_from_slice(&command(known));
        }
        out
    }
}

/// OSC 2.
fn command(title: &[u8]) -> Vec<u8> {
    [b"\x1b]2;", title, b"\x1b\\"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn sequences_and_characters_go_through_whole() {
        let all = "a\x1b[1;31mé\x1b]0;t\x07仕\x1b(B\x1bPq#1\x1b\\z".as_bytes();
        for cut in 0..=all.len() {
            let mut screen = Screen::default();
            let first = screen.take(&all[..cut]);
            assert!(std::str::from_utf8(&first).is_ok(), "{cut}");
            let mut fresh = Screen::default();
            fresh.take(&first);
            assert_eq!((fresh.state, fresh.held.len()), (State::Ground, 0), "{cut}");
            assert_eq!([first, screen.take(&all[cut..])].concat(), all, "{cut}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_not_held_for_ever() {
        let mut screen = Screen::default();
        assert_eq!(screen.take(b"\xff\xe4"), b"\xff");
        assert_eq!(screen.take(b"x"), b"\xe4x");
    }

    #[test]
    fn a_sequence_without_end_takes_no_memory() {
        let mut screen = Screen::default();
        let long = [b"\x1b]52;c;".as_slice(), &[b'A'; 3 * MOST_HELD]].concat();
        let passed = screen.take(&long);
        assert!(passed.len() >= 2 * MOST_HELD && screen.held.len() < MOST_HELD);
        assert!(!screen.is_between_sequences());
        assert_eq!(
            [passed, screen.take(b"\x07")].concat().len(),
            long.len() + 1
        );
        assert!(screen.is_between_sequences());
    }

    #[test]
    fn a_sequence_that_is_given_up_ends_nowhere_else() {
        let mut screen = Screen::default();
        assert_eq!(screen.give_up_sequence(), b"");
        let long = [b"\x1b]52;c;".as_slice(), &[b'A'; MOST_HELD]].concat();
        screen.take(&long);
        assert_eq!(screen.give_up_sequence(), [CANCEL]);
        assert!(screen.is_between_sequences());
        assert_eq!(screen.take(&long[7..]), b"");
        assert!(screen.is_between_sequences() && screen.held.is_empty());
        assert_eq!(text(&screen.take(b"AA\x07then \x1b[1mx")), "then \x1b[1mx");
    }

    #[test]
    fn the_title_of_the_program_comes_back() {
        let (mut screen, mut title) = (Screen::default(), Title::default());
        screen.take(b"\x1b]0;claude\x07\x1b]4;1;red\x07");
        assert_eq!(title.restore(screen.title()), b"");
        assert_eq!(
            text(&title.set("lost\x07")),
            "\x1b[22;0t\x1b]2;lost\\u{7}\x1b\\"
        );
        assert_eq!(text(&title.set("still lost")), "\x1b]2;still lost\x1b\\");
        assert_eq!(title.set("still lost"), b"");
        assert_eq!(
            text(&title.restore(screen.title())),
            "\x1b[23;0t\x1b]2;claude\x1b\\"
        );
        assert_eq!(title.restore(None), b"");
    }

    #[test]
    fn a_picture_takes_nothing_away_that_is_the_users() {
        let picture = [terminal::RESET, b"drawn"].concat();
        let shown = |before| text(&Screen::default().take_picture(&picture, before));
        assert_eq!(shown(Before::Nothing), "drawn");
        let others = shown(Before::Others { rows: 3 });
        assert!(
            others.ends_with("\r\n\n\n\n\u{1b}[H\u{1b}[2Jdrawn"),
            "{others:?}"
        );
        let same = shown(Before::Same);
        assert!(
            same.ends_with("\u{1b}[H\u{1b}[2Jdrawn") && !same.contains('\n'),
            "{same:?}"
        );
        for shown in [others, same] {
            assert!(
                !shown.contains("\u{1b}c") && !shown.contains("3J"),
                "{shown:?}"
            );
        }
        let mut screen = Screen::default();
        screen.take(b"\x1b[?1049h");
        let left = text(&screen.take_picture(&picture, Before::Same));
        assert!(left.contains("1049l") && !screen.is_alternate);
    }

    #[test]
    fn the_alternate_screen_is_left_only_where_it_is_shown() {
        let leaves = |output: &[u8]| {
            let mut screen = Screen::default();
            screen.take(output);
            text(&screen.ending(true)).contains("1049l")
        };
        assert!(leaves(b"\x1b[?1049h"));
        assert!(leaves(b"\x1b[?25;1049h"));
        assert!(!leaves(b"\x1b[?1049h\x1b[?1049l"));
        assert!(!leaves(b"\x1b[?1049h\x1bc"));
        assert!(!leaves(b"text\x1b[31m"));
        let mut screen = Screen::default();
        assert!(screen.ending(true).ends_with(TO_THE_BOTTOM));
        screen.take(b"x");
        assert!(!screen.ending(false).ends_with(TO_THE_BOTTOM));
    }
}
