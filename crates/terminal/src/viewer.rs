//! Somebody who looks at a terminal.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Event;
use crate::shared::Shared;

/// The most output told at once, in bytes; up to 3 more so that no character is cut.
const MOST_AT_ONCE: usize = 64 << 10;

/// Gets what a terminal's program outputs. Costs no memory however far it falls behind: it then gets a new picture.
pub struct Viewer {
    shared: Arc<Shared>,
    id: u64,
    /// Up to where it was told; `None` if it needs a picture.
    position: Option<u64>,
    news: Arc<Notify>,
    finished: bool,
}

/// Says for a [`Viewer`] how far it is.
#[derive(Clone)]
pub struct Acknowledger {
    shared: Arc<Shared>,
    id: u64,
}

impl Viewer {
    pub(crate) fn new(shared: Arc<Shared>, after: Option<u64>) -> Self {
        let (id, position, news) = shared.add_viewer(after);
        Self {
            shared,
            id,
            position,
            news,
            finished: false,
        }
    }

    /// Waits for the next thing to tell; `None` after [`Event::Ended`]. Nothing is lost if it is dropped while it
    /// waits. While [`WINDOW`](crate::WINDOW) bytes are unacknowledged, only acknowledging them makes it go on.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if self.finished {
                return None;
            }
            if let Some(event) = self.news() {
                return Some(event);
            }
            self.news.notified().await;
        }
    }

    /// Everything up to the sequence number `after` has been parsed.
    pub fn acknowledge(&self, after: u64) {
        self.acknowledger().acknowledge(after);
    }

    /// A handle that acknowledges from elsewhere.
    #[must_use]
    pub fn acknowledger(&self) -> Acknowledger {
        Acknowledger {
            shared: Arc::clone(&self.shared),
            id: self.id,
        }
    }

    /// Whether what it is told will be acknowledged, as is expected at first. Otherwise being told counts.
    pub fn set_acknowledging(&self, yes: bool) {
        self.shared.with_pace(self.id, |pace, end, now| {
            pace.set_acknowledges(yes, end, now);
        });
    }

    fn news(&mut self) -> Option<Event> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let (start, end) = (state.history.start(), state.history.end());
        let viewing = state.viewing(self.id)?;
        let now = Instant::now();
        let Some(position) = self.position.filter(|&position| position >= start) else {
            if !viewing.pace.has_room() {
                return None;
            }
            viewing.resizes.clear();
            let text = state.history.picture();
            let weight = text.len() as u64;
            state
                .viewing(self.id)?
                .pace
                .sent_picture(end, weight, end, now);
            self.position = Some(end);
            return Some(Event::Picture { text, after: end });
        };
        let resize = viewing.resizes.first().copied();
        if let Some(resize) = resize.filter(|resize| resize.position <= position) {
            viewing.resizes.remove(0);
            return Some(Event::Resized(resize.size));
        }
        if position < end {
            if !viewing.pace.has_room() {
                return None;
            }
            let most = resize.map_or(MOST_AT_ONCE, |resize| {
                usize::try_from(resize.position - position)
                    .map_or(MOST_AT_ONCE, |room| room.min(MOST_AT_ONCE))
            });
            let bytes: Bytes = state.history.output(position, most);
            let after = position + bytes.len() as u64;
            state.viewing(self.id)?.pace.sent(after, end, now);
            self.position = Some(after);
            return Some(Event::Output { bytes, after });
        }
        let ended = (*shared.ended.borrow())?;
        self.finished = true;
        Some(Event::Ended(ended))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.shared.remove_viewer(self.id);
    }
}

impl Acknowledger {
    /// Everything up to the sequence number `after` has been parsed. Nothing happens if the viewer is gone.
    pub fn acknowledge(&self, after: u64) {
        self.shared
            .with_pace(self.id, |pace, end, now| pace.acknowledge(after, end, now));
    }
}
