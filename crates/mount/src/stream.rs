//! A file that is read from one end to the other: its next pieces are asked for before they are needed.
//!
//! Pure. The kernel itself reads no further ahead than 128 KiB of a FUSE file, unless root has set more.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use live::files::LARGEST_TRANSFER;

use crate::nodes::Epoch;
use crate::pending::Answerer;

/// How much is read at once, in bytes.
pub(crate) const PIECE: u64 = LARGEST_TRANSFER as u64;
/// How many pieces are read ahead at first, and at most. With 80 ms for a round trip that is about 100 MB/s.
const FIRST_WINDOW: u64 = 2;
const LARGEST_WINDOW: u64 = 8;
/// How far two reads may be apart, or have changed places, and still be of one that goes on: the kernel has several under
/// way at once, and gives them to several threads.
const SLACK: u64 = 1 << 20;

/// How far an open file has been read, and what of it was read ahead.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Up to where it was read.
    reached: u64,
    /// How many pieces are read ahead; 0 for none.
    window: u64,
    pieces: BTreeMap<u64, Piece>,
}

#[derive(Debug)]
struct Piece {
    /// When it was asked for.
    asked: Epoch,
    state: State,
}

#[derive(Debug)]
enum State {
    /// These wait for it.
    Coming(Vec<Answerer>),
    Here(Bytes),
}

/// Where a range is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Here, and since when at least.
    Here(Bytes, Epoch),
    /// This piece is on its way, or has to be asked for.
    Missing(u64),
}

impl Stream {
    /// Whether anything is read ahead.
    pub(crate) fn is_running(&self) -> bool {
        self.window > 0
    }

    /// A range is to be read. Begins to read ahead with the second of two that follow each other, if that `may_begin`.
    pub(crate) fn note(&mut self, range: &Range<u64>, may_begin: bool) {
        let follows = self.reached > 0
            && range.start <= self.reached.saturating_add(SLACK)
            && range.start.saturating_add(SLACK) >= self.reached;
        if !follows {
            self.window = 0;
            self.reached = range.end;
            self.drop_here(|_| true);
            return;
        }
        self.reached = self.reached.max(range.end);
        if self.window == 0 && may_begin {
            self.window = FIRST_WINDOW;
        }
        let passed = (range.start.saturating_sub(SLACK)) / PIECE;
        self.drop_here(|number| number < passed);
    }

    /// What is here is given up where `is_unwanted`; what is on its way is waited for.
    fn drop_here(&mut self, is_unwanted: impl Fn(u64) -> bool) {
        self.pieces.retain(|number, piece| {
            matches!(piece.state, State::Coming(_)) || !is_unwanted(*number)
        });
    }

    /// The pieces that are to be asked for now, which they are from here on: those of the range and some after it, as far as
    /// the file is known to go.
    pub(crate) fn wanted(&mut self, range: &Range<u64>, size: u64, asked: Epoch) -> Vec<u64> {
        let first = range.start / PIECE;
        let last = (range.end.max(1) - 1) / PIECE;
        let end = (last + self.window).min(size.saturating_sub(1) / PIECE);
        let missing: Vec<_> = (first..=end)
            .filter(|number| !self.pieces.contains_key(number))
            .collect();
        for number in &missing {
            let state = State::Coming(Vec::new());
            self.pieces.insert(*number, Piece { asked, state });
        }
        if !missing.is_empty() {
            self.window = (self.window * 2).min(LARGEST_WINDOW);
        }
        missing
    }

    /// What was asked for before `changed` is not good any more.
    pub(crate) fn forget_before(&mut self, changed: impl Fn(Epoch) -> bool) {
        self.pieces
            .retain(|_, piece| matches!(piece.state, State::Coming(_)) || !changed(piece.asked));
    }

    /// Where the range is.
    pub(crate) fn part(&self, range: &Range<u64>) -> Part {
        let mut bytes = BytesMut::new();
        let mut asked = None;
        let mut at = range.start;
        while at < range.end {
            let number = at / PIECE;
            let Some(Piece {
                asked: piece_asked,
                state: State::Here(piece),
            }) = self.pieces.get(&number)
            else {
                return Part::Missing(number);
            };
            asked = Some(asked.map_or(*piece_asked, |asked: Epoch| asked.min(*piece_asked)));
            let from = (at % PIECE) as usize;
            let to = ((range.end - number * PIECE).min(PIECE)) as usize;
            let found = from.min(piece.len())..to.min(piece.len());
            let is_end = found.end < to;
            if bytes.is_empty() && (is_end || at + (to - from) as u64 == range.end) {
                return Part::Here(piece.slice(found), asked.unwrap_or_default());
            }
            bytes.extend_from_slice(&piece[found]);
            if is_end {
                break;
            }
            at = (number + 1) * PIECE;
        }
        Part::Here(bytes.freeze(), asked.unwrap_or_default())
    }

    /// Answers `answerer` when that piece has come, or will not. Given back if it is not on its way.
    pub(crate) fn wait(&mut self, number: u64, answerer: Answerer) -> Option<Answerer> {
        match self.pieces.get_mut(&number).map(|piece| &mut piece.state) {
            Some(State::Coming(waiting)) => {
                waiting.push(answerer);
                None
            }
            _ => Some(answerer),
        }
    }

    /// A piece has come; `None`: it will not. Those who wait for it are to be answered.
    pub(crate) fn came(&mut self, number: u64, bytes: Option<Bytes>) -> Vec<Answerer> {
        let Some(piece) = self.pieces.remove(&number) else {
            return Vec::new();
        };
        let asked = piece.asked;
        if let Some(bytes) = bytes.filter(|_| self.window > 0) {
            let state = State::Here(bytes);
            self.pieces.insert(number, Piece { asked, state });
        }
        match piece.state {
            State::Coming(waiting) => waiting,
            State::Here(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u64 = 1 << 10;

    #[test]
    fn who_reads_on_has_more_and_more_read_ahead_up_to_the_end() {
        let (mut stream, size, asked) = (Stream::default(), 100 * PIECE, Epoch::default());
        stream.note(&(0..128 * K), true);
        assert!(!stream.is_running());
        let range = 128 * K..256 * K;
        stream.note(&range, true);
        assert_eq!(stream.wanted(&range, size, asked), [0, 1, 2]);
        assert_eq!(stream.part(&range), Part::Missing(0));
        let bytes = Bytes::from(vec![7; PIECE as usize]);
        assert!(stream.came(0, Some(bytes)).is_empty());
        assert!(matches!(stream.part(&range), Part::Here(bytes, _) if bytes.len() == 128 << 10));
        assert_eq!(stream.wanted(&range, size, asked), [3, 4]);
        assert_eq!(stream.wanted(&range, 4 * PIECE, asked), Vec::<u64>::new());
    }

    #[test]
    fn a_range_may_be_in_two_pieces_and_end_with_the_file() {
        let (mut stream, asked) = (Stream::default(), Epoch::default());
        stream.note(&(0..K), true);
        stream.note(&(K..2 * K), true);
        let range = PIECE - 2..PIECE + 2;
        stream.wanted(&range, 2 * PIECE, asked);
        stream.came(0, Some(Bytes::from(vec![1; PIECE as usize])));
        assert_eq!(stream.part(&range), Part::Missing(1));
        stream.came(1, Some(Bytes::from_static(&[2])));
        assert_eq!(
            stream.part(&range),
            Part::Here(Bytes::from_static(&[1, 1, 2]), asked)
        );
        let beyond = PIECE + 5..PIECE + 9;
        assert_eq!(stream.part(&beyond), Part::Here(Bytes::new(), asked));
    }

    #[test]
    fn who_jumps_about_has_nothing_read_ahead() {
        let mut stream = Stream::default();
        for start in [50, 10, 90, 20] {
            stream.note(&(start * PIECE..start * PIECE + K), true);
            assert!(!stream.is_running());
        }
    }
}
