//! The keys that leave a terminal without ending what runs in it.
//!
//! Written as docker's `--detach-keys`: `ctrl-],d`. A key may arrive as one byte, or, where the program has asked the
//! terminal for it, as a control sequence: kitty's `CSI code;modifiers u`
//! (<https://sw.kovidgoyal.net/kitty/keyboard-protocol/>) or xterm's `CSI 27;modifiers;code ~`. Both are recognised.

use std::fmt;
use std::str::FromStr;

const ESCAPE: u8 = 0x1b;
/// What begins and ends text that was pasted, behind CSI.
const PASTE_BEGINS: &[u8] = b"200~";
const PASTE_ENDS: &[u8] = b"201~";
/// What a terminal adds to one for each modifier that is held.
const SHIFT: u32 = 1;
const CONTROL: u32 = 4;
/// Caps lock and num lock say nothing here.
const LOCKS: u32 = 64 | 128;
const RELEASED: u32 = 3;
/// Kitty's codes of Shift, Ctrl and the like as keys of their own.
const MODIFIER_KEYS: std::ops::RangeInclusive<u32> = 57_441..=57_454;
const LONGEST: usize = 8;

/// A key that produces a character, maybe with Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    character: u8,
    control: bool,
}

impl Key {
    /// The key that sends `byte` where keys are sent as bytes.
    fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0..=0x1f => Some(Self {
                character: (byte | 0x40).to_ascii_lowercase(),
                control: true,
            }),
            b' '..=b'~' => Some(Self {
                character: byte,
                control: false,
            }),
            _ => None,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let control = word.strip_prefix("ctrl-");
        let [character] = control.unwrap_or(word).as_bytes() else {
            return None;
        };
        let character = character.to_ascii_lowercase();
        let control = control.is_some();
        let is_known = match control {
            true => character.is_ascii_lowercase() || b"@[\\]^_".contains(&character),
            false => character.is_ascii_graphic(),
        };
        // Escape begins every arrow key.
        let is_escape = control && character == b'[';
        (is_known && !is_escape).then_some(Self { character, control })
    }
}

/// The sequence of keys; none if nothing is to detach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetachKeys(Vec<Key>);

impl DetachKeys {
    /// In the words that people use: `Ctrl-] d`.
    pub(crate) fn spoken(&self) -> String {
        let spoken = self.0.iter().map(|key| match key.control {
            true => format!("Ctrl-{}", char::from(key.character).to_ascii_uppercase()),
            false => char::from(key.character).to_string(),
        });
        spoken.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is wrong with the keys that were given.
#[derive(Debug)]
pub(crate) struct UnknownKeys;

impl fmt::Display for UnknownKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "keys are single characters or ctrl- and one of a-z @ \\ ] ^ _, up to eight of them with commas between, or `none`",
        )
    }
}

impl std::error::Error for UnknownKeys {}

impl FromStr for DetachKeys {
    type Err = UnknownKeys;

    fn from_str(text: &str) -> Result<Self, UnknownKeys> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let keys: Option<Vec<Key>> = text.split(',').map(Key::parse).collect();
        keys.filter(|keys| keys.len() <= LONGEST)
            .map(Self)
            .ok_or(UnknownKeys)
    }
}

/// What of the typed bytes goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// For the program.
    pub(crate) bytes: Vec<u8>,
    /// The keys were typed; what followed them is dropped.
    pub(crate) detach: bool,
}

/// Looks for the keys in what is typed. What may be their beginning is held back until the next key.
#[derive(Debug)]
pub(crate) struct Filter {
    keys: DetachKeys,
    matched: usize,
    held: Vec<u8>,
    pasting: bool,
}

impl Filter {
    pub(crate) fn new(keys: DetachKeys) -> Self {
        Self {
            keys,
            matched: 0,
            held: Vec::new(),
            pasting: false,
        }
    }

    /// Takes what one read of the terminal gave.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Typed {
        let mut typed = Typed::default();
        while !bytes.is_empty() {
            let (token, rest) = bytes.split_at(token_length(bytes));
            bytes = rest;
            if self.is_last(token, &mut typed.bytes) {
                typed.detach = true;
                return typed;
            }
        }
        typed
    }

    /// Whether `token` is the last of the keys; else it is passed on, or held.
    fn is_last(&mut self, token: &[u8], passed: &mut Vec<u8>) -> bool {
        match token.strip_prefix(b"\x1b[") {
            Some(PASTE_BEGINS) => self.pasting = true,
            Some(PASTE_ENDS) => self.pasting = false,
            _ => {}
        }
        match press(token) {
            Press::None if self.matched > 0 => self.held.extend_from_slice(token),
            Press::None => passed.extend_from_slice(token),
            Press::Key(key) if !self.pasting && self.expects(key) => {
                self.held.extend_from_slice(token);
                self.matched += 1;
                if self.matched == self.keys.0.len() {
                    self.matched = 0;
                    self.held.clear();
                    return true;
                }
            }
            Press::Key(_) | Press::Other => {
                let was_begun = std::mem::take(&mut self.matched) > 0;
                passed.append(&mut self.held);
                if was_begun {
                    return self.is_last(token, passed);
                }
                passed.extend_from_slice(token);
            }
        }
        false
    }

    fn expects(&self, key: Key) -> bool {
        self.keys.0.get(self.matched) == Some(&key)
    }
}

/// What a token tells about the keyboard.
enum Press {
    Key(Key),
    /// Another key.
    Other,
    /// No key went down: one was let go, or one like Shift is held.
    None,
}

fn press(token: &[u8]) -> Press {
    let sequence = match token {
        [byte] => return Key::of_byte(*byte).map_or(Press::Other, Press::Key),
        [ESCAPE, b'[', sequence @ ..] => sequence,
        _ => return Press::Other,
    };
    let (code, modifiers) = match sequence {
        [parameters @ .., b'u'] => {
            let mut fields = parameters.split(|&byte| byte == b';');
            (first_number(fields.next()), fields.next())
        }
        [parameters @ .., b'~'] => {
            let mut fields = parameters.split(|&byte| byte == b';');
            match (first_number(fields.next()), fields.next()) {
                (Some(27), modifiers) => (first_number(fields.next()), modifiers),
                _ => return Press::Other,
            }
        }
        _ => return Press::Other,
    };
    let Some(code) = code else {
        return Press::Other;
    };
    let mut modifiers = modifiers
        .unwrap_or_default()
        .split(|&byte| byte == b':')
        .map(|number| first_number(Some(number)).unwrap_or(1));
    let held = modifiers.next().unwrap_or(1).saturating_sub(1) & !LOCKS;
    if modifiers.next() == Some(RELEASED) || MODIFIER_KEYS.contains(&code) {
        return Press::None;
    }
    let Some(character) = u8::try_from(code).ok().filter(u8::is_ascii_graphic) else {
        return Press::Other;
    };
    match held {
        0 => Press::Key(Key {
            character,
            control: false,
        }),
        SHIFT => Press::Key(Key {
            character: character.to_ascii_uppercase(),
            control: false,
        }),
        held if held & !SHIFT == CONTROL => Press::Key(Key {
            character: character.to_ascii_lowercase(),
            control: true,
        }),
        _ => Press::Other,
    }
}

/// The number up to the first `:`, which is where kitty says more about it.
fn first_number(field: Option<&[u8]>) -> Option<u32> {
    let digits = field?.split(|&byte| byte == b':').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// How long the first token is: a byte, or a control sequence that is whole. One that was cut by the end of a read, which
/// terminals do not do to keys, is taken for its bytes.
fn token_length(bytes: &[u8]) -> usize {
    let [ESCAPE, b'[', rest @ ..] = bytes else {
        return 1;
    };
    let parameters = rest.iter().take_while(|byte| (0x20..0x40).contains(*byte));
    let parameters = parameters.count();
    match rest.get(parameters) {
        Some(0x40..=0x7e) => parameters + 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> DetachKeys {
        text.parse().unwrap()
    }

    /// What is passed on of `reads`, and whether the keys were among them.
    fn typed(text: &str, reads: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut filter = Filter::new(keys(text));
        let mut passed = Vec::new();
        for read in reads {
            let typed = filter.take(read);
            passed.extend(typed.bytes);
            if typed.detach {
                return (passed, true);
            }
        }
        (passed, false)
    }

    #[test]
    fn keys_are_written_as_for_docker() {
        assert_eq!(keys("ctrl-],d").spoken(), "Ctrl-] d");
        assert_eq!(keys("ctrl-p,ctrl-q").spoken(), "Ctrl-P Ctrl-Q");
        assert_eq!(keys("ctrl-@").spoken(), "Ctrl-@");
        assert!(keys("none").is_none());
        for wrong in [
            "",
            ",",
            "ctrl-",
            "ctrl-1",
            "ctrl-[",
            "dd",
            "ctrl-a,",
            "é",
            "a,b,c,d,e,f,g,h,i",
        ] {
            assert!(wrong.parse::<DetachKeys>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_keys_detach_in_one_read_or_in_several() {
        assert_eq!(typed("ctrl-],d", &[b"x\x1ddy"]), (b"x".to_vec(), true));
        assert_eq!(typed("ctrl-],d", &[b"\x1d", b"d"]), (Vec::new(), true));
        assert_eq!(typed("ctrl-p,ctrl-q", &[b"\x10\x11"]), (Vec::new(), true));
    }

    #[test]
    fn anything_else_is_passed_on_whole() {
        let passed = |reads: &[&[u8]]| typed("ctrl-],d", reads);
        assert_eq!(passed(&[b"\x1d", b"x"]), (b"\x1dx".to_vec(), false));
        assert_eq!(
            passed(&[b"d\x1b", b"[A\xff"]),
            (b"d\x1b[A\xff".to_vec(), false)
        );
        // The first of two may begin nothing, and the second everything.
        assert_eq!(passed(&[b"\x1d\x1dd"]), (b"\x1d".to_vec(), true));
        assert_eq!(typed("none", &[b"\x1dd"]), (b"\x1dd".to_vec(), false));
    }

    #[test]
    fn keys_are_recognised_in_the_sequences_of_newer_keyboards() {
        let detaches = |reads: &[&[u8]]| typed("ctrl-],d", reads) == (Vec::new(), true);
        assert!(detaches(&[b"\x1b[93;5u", b"d"]));
        assert!(detaches(&[b"\x1b[27;5;93~d"]));
        // With num lock, and with the events of letting go and of Ctrl itself between.
        assert!(detaches(&[
            b"\x1b[93;133:1u\x1b[93;133:3u\x1b[57442;1:3u\x1b[100;129u"
        ]));
        assert_eq!(
            typed("ctrl-],d", &[b"\x1b[93;5u\x1b[93;5:3u", b"x"]),
            (b"\x1b[93;5u\x1b[93;5:3ux".to_vec(), false)
        );
        assert!(!detaches(&[b"\x1b[93;7u", b"d"]));
    }

    #[test]
    fn what_is_pasted_does_not_detach() {
        let pasted = b"\x1b[200~\x1dd\x1b[201~";
        assert_eq!(typed("ctrl-],d", &[pasted]), (pasted.to_vec(), false));
        assert!(typed("ctrl-],d", &[pasted, b"\x1dd"]).1);
    }
}
