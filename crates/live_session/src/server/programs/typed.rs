//! What a viewer types, on its way to the program.
//!
//! The laptop has no more under way than it may, so no bound is needed here.

use live::Bytes;
use live::programs::{Viewer, WINDOW};
use terminal::Terminal;
use tokio::sync::mpsc::UnboundedReceiver;

use super::telling::Telling;

/// How much is taken before the laptop is told, in bytes: far less than may be under way.
const TELL_EVERY: u64 = WINDOW / 8;

/// What waits to be typed.
pub(super) enum Typed {
    Bytes(Bytes),
    End,
}

/// How much of it the program has taken.
pub(super) struct Taking {
    viewer: Viewer,
    telling: Telling,
    taken: u64,
    told: u64,
}

impl Taking {
    pub(super) fn new(viewer: Viewer, telling: Telling) -> Self {
        Self {
            viewer,
            telling,
            taken: 0,
            told: 0,
        }
    }

    pub(super) fn took(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes as u64);
        if self.taken - self.told >= TELL_EVERY {
            self.told = self.taken;
            self.telling.taken(self.viewer, self.taken);
        }
    }
}

/// Types it; without a `terminal`, drops it. Until the viewer is gone and all that it typed is with the program.
pub(super) async fn type_in(
    terminal: Option<Terminal>,
    mut typed: UnboundedReceiver<Typed>,
    mut taking: Taking,
) {
    while let Some(next) = typed.recv().await {
        // The input of a terminal does not end.
        let Typed::Bytes(bytes) = next else { continue };
        let length = bytes.len();
        if let Some(terminal) = &terminal
            && terminal.input_when_ready(bytes).await.is_err()
        {
            return;
        }
        taking.took(length);
    }
}
