//! What goes to the laptop: piece by piece, every viewer in its turn.

use std::sync::Arc;

use connection::Connection;
use live::Lane;
use live::message::ToLaptop;
use live::programs::{LARGEST_PIECE, Output, Stream, Viewer};
use terminal::Event;
use tokio::sync::Mutex;

use super::sizes;

/// How much may wait for the connection, in bytes: so long does an echo wait behind other programs' floods, beside one
/// piece of each.
const MOST_QUEUED: usize = 2 * LARGEST_PIECE;

/// See the head of this file. Clones share the turns.
#[derive(Clone)]
pub(super) struct Telling {
    connection: Connection<ToLaptop>,
    /// Held while somebody waits for room. Whoever has waited longest is next.
    turn: Arc<Mutex<()>>,
}

impl Telling {
    pub(super) fn new(connection: Connection<ToLaptop>) -> Self {
        Self {
            connection,
            turn: Arc::default(),
        }
    }

    /// Says something to a viewer, when it is its turn and there is room.
    pub(super) async fn tell(&self, viewer: Viewer, output: Output) {
        let _turn = self.turn.lock().await;
        self.connection
            .room_below(Lane::Terminal, MOST_QUEUED)
            .await;
        // Fails for a session that has ended.
        self.connection
            .send(&ToLaptop::Program(viewer, output))
            .ok();
    }

    /// Says at once how much of what a viewer typed was taken.
    pub(super) fn taken(&self, viewer: Viewer, taken: u64) {
        self.connection.send(&ToLaptop::Taken(viewer, taken)).ok();
    }
}

/// What a terminal tells, in pieces. Each says `after` as if what is told were the newest output, so that seeing a part makes
/// room for as much.
pub(super) fn pieces(event: Event) -> Vec<Output> {
    let (text, after, is_picture) = match event {
        Event::Picture { text, after } => (text, after, true),
        Event::Output { bytes, after } => (bytes, after, false),
        Event::Resized(size) => return vec![Output::Resized(sizes::told(size))],
        Event::Ended(ended) => {
            return vec![Output::Ended {
                code: ended.code,
                signal: ended.signal,
            }];
        }
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let piece = rest.split_to(rest.len().min(LARGEST_PIECE));
        let after = after.saturating_sub(rest.len() as u64);
        pieces.push(match is_picture && pieces.is_empty() {
            true => Output::Picture { text: piece, after },
            false => Output::Bytes {
                stream: Stream::Out,
                bytes: piece,
                after,
            },
        });
        if rest.is_empty() {
            return pieces;
        }
    }
}

#[cfg(test)]
mod tests {
    use live::Bytes;

    use super::*;

    #[test]
    fn what_is_long_is_told_in_pieces() {
        let text = Bytes::from(vec![b'x'; 2 * LARGEST_PIECE + 5]);
        let told = pieces(Event::Picture {
            text: text.clone(),
            after: 20_000,
        });
        let lengths: Vec<_> = told.iter().map(Output::memory).collect();
        assert_eq!(lengths, [LARGEST_PIECE, LARGEST_PIECE, 5]);
        assert!(matches!(told[0], Output::Picture { after: 3_611, .. }));
        assert!(matches!(told[1], Output::Bytes { after: 19_995, .. }));
        assert!(matches!(told[2], Output::Bytes { after: 20_000, .. }));
        let told = pieces(Event::Output {
            bytes: text,
            after: 100_000,
        });
        assert!(matches!(
            told[..],
            [Output::Bytes { after: 83_611, .. }, _, _]
        ));
        let empty = pieces(Event::Picture {
            text: Bytes::new(),
            after: 0,
        });
        assert_eq!(empty.len(), 1);
    }
}
