//! What was output last, within bounds, and the state before that.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::Size;
use crate::characters;
use crate::front::Front;
use crate::picture;

/// How many changes of size are remembered with the output between them.
const MOST_RESIZES: usize = 64;

/// The end of a terminal's output, and what came of everything before: what a [`Terminal`](crate::Terminal) shows to
/// those who come late. Runs nothing and waits for nothing.
pub struct History {
    /// The output from `start` on. Begins with a whole character.
    bytes: Vec<u8>,
    start: u64,
    kept: usize,
    /// The state at `start`.
    front: Front,
    /// Where the size was changed, behind `start`, in order.
    resizes: VecDeque<Resize>,
    size: Size,
}

/// The output from `position` on was made for `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resize {
    pub(crate) position: u64,
    pub(crate) size: Size,
}

impl History {
    /// Nothing yet; at most `kept` bytes of output are going to be.
    #[must_use]
    pub fn new(size: Size, kept: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            kept,
            front: Front::new(size),
            resizes: VecDeque::new(),
            size,
        }
    }

    /// The sequence number before the first byte kept.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The sequence number of the newest byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The size that output is made for now.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Memory used, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.front.memory()
    }

    /// Adds output, in whole characters: nothing else is cut at the end, or begun at the start, of what is pushed.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.len() >= self.kept {
            self.forget(self.bytes.len());
        } else if self.bytes.len() + bytes.len() > self.kept {
            // More than is needed: what is forgotten at once costs the less for each byte.
            self.forget((self.bytes.len() + bytes.len() - self.kept).max(self.kept / 4));
        }
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.kept {
            self.forget(self.bytes.len() - self.kept);
        }
    }

    /// The output from here on is made for `size`.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        let position = self.end();
        if self.resizes.len() == MOST_RESIZES
            && let Some(first) = self.resizes.front()
        {
            self.forget(self.place(first.position));
        }
        self.resizes.push_back(Resize { position, size });
        self.forget(0);
    }

    /// At most `most` bytes of the output behind `position`, but whole characters.
    #[must_use]
    pub fn output(&self, position: u64, most: usize) -> Bytes {
        let from = self.place(position);
        let to = if most < self.bytes.len() - from {
            characters::boundary_behind(|index| self.bytes.get(index).copied(), from + most)
                .min(self.bytes.len())
        } else {
            self.bytes.len()
        };
        Bytes::copy_from_slice(&self.bytes[from..to])
    }

    /// The changes of size at or behind `position`.
    pub(crate) fn resizes_behind(&self, position: u64) -> impl Iterator<Item = Resize> {
        self.resizes
            .iter()
            .copied()
            .filter(move |resize| resize.position >= position)
    }

    /// Text that makes an empty terminal of the present size look as one does that has seen everything.
    #[must_use]
    pub fn picture(&mut self) -> Bytes {
        let mut pieces = Vec::with_capacity(2 * self.resizes.len() + 2);
        let mut from = 0;
        for resize in &self.resizes {
            let to = self.place(resize.position);
            pieces.push(picture::Piece::Output(&self.bytes[from..to]));
            pieces.push(picture::Piece::Resize(resize.size));
            from = to;
        }
        pieces.push(picture::Piece::Output(&self.bytes[from..]));
        picture::picture(&mut self.front, &pieces)
    }

    /// Forgets the first `count` bytes, or up to 3 more that belong to the same character.
    fn forget(&mut self, count: usize) {
        let count = characters::boundary_behind(
            |index| self.bytes.get(index).copied(),
            count.min(self.bytes.len()),
        )
        .min(self.bytes.len());
        let end = self.start + count as u64;
        let mut from = 0;
        loop {
            let resize = self
                .resizes
                .front()
                .copied()
                .filter(|first| first.position <= end);
            let to = resize.map_or(count, |resize| self.place(resize.position));
            if from < to {
                self.front.advance(&self.bytes[from..to]);
            }
            from = to;
            let Some(resize) = resize else { break };
            self.front.resize(resize.size);
            self.resizes.pop_front();
        }
        self.bytes.drain(..count);
        self.start = end;
    }

    /// Where in what is kept a sequence number is.
    fn place(&self, position: u64) -> usize {
        let place = usize::try_from(position.saturating_sub(self.start));
        place.map_or(self.bytes.len(), |place| place.min(self.bytes.len()))
    }

    /// Grows by steps, but not beyond what is kept, as `Vec` would.
    fn reserve(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let wanted = needed.max((self.bytes.capacity() * 2).min(self.kept));
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
    }
}
