//! The state of a terminal before the output that is kept.

use crate::Size;
use crate::emulator::Emulator;
use crate::modes::Modes;
use crate::replay::{self, Effect};
use crate::sequences::Scanner;

/// What came of the output that is not kept any more. Costs next to nothing as long as there is none.
pub(crate) struct Front {
    pub(crate) scanner: Scanner,
    pub(crate) modes: Modes,
    screen: Option<Emulator>,
    size: Size,
}

impl Front {
    pub(crate) fn new(size: Size) -> Self {
        Self {
            scanner: Scanner::default(),
            modes: Modes::default(),
            screen: None,
            size,
        }
    }

    /// Memory used, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let screen = self.screen.as_ref().map_or(0, Emulator::memory);
        screen + self.scanner.memory() + self.modes.memory()
    }

    /// More output belongs to it.
    pub(crate) fn advance(&mut self, bytes: &[u8]) {
        let screen = self.screen.get_or_insert_with(|| Emulator::new(self.size));
        advance(&mut self.scanner, &mut self.modes, screen, bytes);
    }

    pub(crate) fn resize(&mut self, size: Size) {
        self.size = size;
        if let Some(screen) = &mut self.screen {
            screen.resize(size);
        }
    }

    /// Writes what makes an empty terminal of the same size be in this state, but for an unfinished sequence.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        self.modes.write_primary(out);
        if let Some(screen) = &mut self.screen {
            screen.write(out);
        }
        self.modes.write(out);
    }

    /// Another with the same state.
    pub(crate) fn copy(&mut self) -> Self {
        Self {
            scanner: self.scanner.clone(),
            modes: self.modes.clone(),
            screen: self.screen.as_mut().map(Emulator::copy),
            size: self.size,
        }
    }
}

fn advance(scanner: &mut Scanner, modes: &mut Modes, screen: &mut Emulator, bytes: &[u8]) {
    let mut pending = Vec::new();
    scanner.scan(bytes, &mut |token| {
        modes.see(token);
        let before = pending.len();
        if replay::write(token, &mut pending) == Effect::Other {
            screen.text(&pending[..before]);
            screen.control(&pending[before..]);
            pending.clear();
        }
    });
    screen.text(&pending);
}
