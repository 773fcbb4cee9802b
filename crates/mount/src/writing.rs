//! What is being written: accepted, and not yet known to be on the laptop.
//!
//! Pure. The laptop does what it is asked in any order, and so does what carries it. So of one file only ranges that do
//! not overlap are under way at once, and everything else that has to do with its contents waits for them: see
//! `filesystem::writing`.

use std::collections::HashMap;
use std::ops::Range;

use crate::nodes::NodeId;
use crate::pending::Answerer;

/// How much is under way at once, in bytes, of all files; and how many writes. Whoever writes more waits for its own.
const MOST_BYTES: u64 = 16 << 20;
const MOST_WRITES: usize = 512;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Writing {
    files: HashMap<NodeId, File>,
    bytes: u64,
    writes: usize,
}

#[derive(Debug, Default)]
struct File {
    ranges: Vec<Range<u64>>,
    /// How far it goes at least.
    end: u64,
    waiting: Vec<Answerer>,
}

impl Writing {
    /// Whether anything of it is under way.
    pub(crate) fn is_busy(&self, node: NodeId) -> bool {
        self.files.contains_key(&node)
    }

    /// How long the file is at least, if anything of it is under way.
    pub(crate) fn end(&self, node: NodeId) -> Option<u64> {
        self.files.get(&node).map(|file| file.end)
    }

    /// Whether that would overlap with something that is under way.
    pub(crate) fn overlaps(&self, node: NodeId, range: &Range<u64>) -> bool {
        let overlap = |other: &Range<u64>| range.start < other.end && other.start < range.end;
        self.files
            .get(&node)
            .is_some_and(|file| file.ranges.iter().any(overlap))
    }

    /// Whether there is room for more: otherwise whoever writes waits until that is done.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes < MOST_BYTES && self.writes < MOST_WRITES
    }

    /// It is under way from here on.
    pub(crate) fn begin(&mut self, node: NodeId, range: Range<u64>) {
        self.bytes += range.end - range.start;
        self.writes += 1;
        let file = self.files.entry(node).or_default();
        file.end = file.end.max(range.end);
        file.ranges.push(range);
    }

    /// It is not any more. Those who wait for all of the file's are to be answered.
    pub(crate) fn end_of(&mut self, node: NodeId, range: &Range<u64>) -> Vec<Answerer> {
        let Some(file) = self.files.get_mut(&node) else {
            return Vec::new();
        };
        if let Some(index) = file.ranges.iter().position(|other| other == range) {
            file.ranges.swap_remove(index);
            self.bytes -= range.end - range.start;
            self.writes -= 1;
        }
        if !file.ranges.is_empty() {
            return Vec::new();
        }
        let file = self.files.remove(&node);
        file.map(|file| file.waiting).unwrap_or_default()
    }

    /// Answers `answerer` when nothing of it is under way. Given back if nothing is.
    pub(crate) fn wait(&mut self, node: NodeId, answerer: Answerer) -> Option<Answerer> {
        match self.files.get_mut(&node) {
            Some(file) => {
                file.waiting.push(answerer);
                None
            }
            None => Some(answerer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_busy_until_all_is_written() {
        let (mut writing, node) = (Writing::default(), NodeId(7));
        writing.begin(node, 0..10);
        writing.begin(node, 20..30);
        assert!(writing.overlaps(node, &(9..11)) && !writing.overlaps(node, &(10..20)));
        assert_eq!(writing.end(node), Some(30));
        assert!(writing.end_of(node, &(20..30)).is_empty());
        assert!(writing.is_busy(node));
        assert!(writing.end_of(node, &(0..10)).is_empty());
        assert!(!writing.is_busy(node));
        assert_eq!((writing.bytes, writing.writes), (0, 0));
    }

    #[test]
    fn there_is_an_end_to_what_is_under_way() {
        let mut writing = Writing::default();
        for number in 0..16 {
            assert!(writing.has_room());
            writing.begin(NodeId(number), 0..1 << 20);
        }
        assert!(!writing.has_room());
    }
}
