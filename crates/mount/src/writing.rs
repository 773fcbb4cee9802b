//! What is being written: accepted, and not yet known to be on the laptop.
//!
//! Pure. The laptop does what it is asked in any order, and so does what carries it. So of one file only ranges that do
//! not overlap are under way at once, and everything else that has to do with its contents waits for them: see
//! `filesystem::writing`.
//!
//! What is written first to a new file is *held* for a moment: whoever makes a file writes it, sets its attributes and closes
//! it, and all of that takes one round trip if it is asked for together. Attributes alone are held, too, behind what is
//! under way. What is held is asked for when somebody waits for it, or the moment is over.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;
use live::files::{Attributes, Handle, NewAttributes, NewTime, Request, Target};

use crate::nodes::NodeId;
use crate::opened::OpenId;
use crate::pending::Answerer;
use crate::under_way::{Begun, UnderWay};

/// How much is accepted at once, in bytes, of all files; and how many writes. Whoever writes more waits until some of it is
/// done.
const MOST_BYTES: u64 = 32 << 20;
const MOST_WRITES: usize = 512;
/// How much of one file is held at most, in bytes.
const MOST_HELD: usize = 64 << 10;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Writing {
    files: HashMap<NodeId, File>,
    bytes: u64,
    writes: usize,
    /// For room, the first first.
    waiting: VecDeque<Answerer>,
    under_way: Arc<UnderWay>,
}

#[derive(Debug, Default)]
struct File {
    ranges: Vec<(Range<u64>, Option<Begun>)>,
    /// How far it goes at least.
    end: u64,
    /// What it was like before all of this, with the attributes that have been set since; `None`: nobody knows.
    attributes: Option<Attributes>,
    held: Option<Held>,
    /// Since when.
    held_since: Option<Begun>,
    /// What is held is to be asked for as soon as that may be.
    is_due: bool,
    waiting: Vec<Answerer>,
}

/// Through what a file is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Through {
    pub(crate) id: OpenId,
    /// On the laptop.
    pub(crate) handle: Handle,
}

/// What is held. At most one of a file; nothing of the file is asked for before it, and nothing that is asked for after
/// it goes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) through: Through,
    pub(crate) offset: u64,
    /// May be none.
    pub(crate) bytes: BytesMut,
    /// To be set after that.
    pub(crate) new: NewAttributes,
}

impl Held {
    /// What the laptop is asked for.
    pub(crate) fn request(self) -> Request {
        let handle = self.through.handle;
        if self.bytes.is_empty() {
            return Request::SetAttributes(Target::Handle(handle), self.new);
        }
        Request::WriteAndSet {
            handle,
            offset: self.offset,
            bytes: self.bytes.freeze(),
            new: self.new,
        }
    }

    /// Where it is written.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.bytes.len() as u64
    }
}

impl Writing {
    /// Whether anything of it is under way, or held.
    pub(crate) fn is_busy(&self, node: NodeId) -> bool {
        self.files.contains_key(&node)
    }

    /// What is under way anywhere; what is held is, too.
    pub(crate) fn under_way(&self) -> Arc<UnderWay> {
        Arc::clone(&self.under_way)
    }

    /// Of what anything is held.
    pub(crate) fn holding(&self) -> Vec<NodeId> {
        let files = self.files.iter();
        let holding = files.filter(|(_, file)| file.held.is_some());
        holding.map(|(node, _)| *node).collect()
    }

    /// Whether anything of it is held.
    pub(crate) fn is_holding(&self, node: NodeId) -> bool {
        let file = self.files.get(&node);
        file.is_some_and(|file| file.held.is_some())
    }

    /// How long the file is at least, if anything of it is under way.
    pub(crate) fn end(&self, node: NodeId) -> Option<u64> {
        self.files.get(&node).map(|file| file.end)
    }

    /// Whether that would overlap with something that is under way or held, or is to come after attributes that are held.
    pub(crate) fn has_to_wait(&self, node: NodeId, range: &Range<u64>) -> bool {
        let overlap = |other: &Range<u64>| range.start < other.end && other.start < range.end;
        self.files.get(&node).is_some_and(|file| {
            let held = file.held.as_ref();
            let is_behind =
                |held: &Held| held.new != NewAttributes::default() || overlap(&held.range());
            file.ranges.iter().any(|(other, _)| overlap(other)) || held.is_some_and(is_behind)
        })
    }

    /// Whether there is room for more.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes < MOST_BYTES && self.writes < MOST_WRITES
    }

    /// Answers `answerer` when there may be room. Given back if there is.
    pub(crate) fn wait_for_room(&mut self, answerer: Answerer) -> Option<Answerer> {
        if self.has_room() {
            return Some(answerer);
        }
        self.waiting.push_back(answerer);
        None
    }

    /// Those who wait for room and are to be answered, as something has been done. Usually one, whose write is the next to be
    /// done then. All when nothing is under way: whoever was answered may have had nothing to write any more.
    fn admitted(&mut self) -> VecDeque<Answerer> {
        match (self.writes, self.has_room()) {
            (0, _) => std::mem::take(&mut self.waiting),
            (_, true) => self.waiting.pop_front().into_iter().collect(),
            (_, false) => VecDeque::new(),
        }
    }

    /// It is under way from here on.
    pub(crate) fn begin(&mut self, node: NodeId, range: Range<u64>) {
        self.bytes += range.end - range.start;
        self.writes += 1;
        let file = self.files.entry(node).or_default();
        file.end = file.end.max(range.end);
        file.ranges.push((range, Some(self.under_way.begin())));
    }

    /// Holds the first that is written to a file, which is like that, or what follows that. `false`: it is not to be held.
    pub(crate) fn hold(
        &mut self,
        node: NodeId,
        through: Through,
        (offset, bytes): (u64, &[u8]),
        attributes: Option<&Attributes>,
    ) -> bool {
        let is_idle = !self.is_busy(node);
        let file = self.files.get_mut(&node);
        let held = file.and_then(|file| file.held.as_mut());
        let length = bytes.len() as u64;
        match held {
            Some(held) => {
                let goes_on = held.through == through && held.range().end == offset;
                let has_room = held.bytes.len() + bytes.len() <= MOST_HELD;
                if !goes_on || !has_room || held.new != NewAttributes::default() {
                    return false;
                }
                held.bytes.extend_from_slice(bytes);
            }
            None if is_idle && attributes.is_some() && bytes.len() <= MOST_HELD => {
                let held = Held {
                    through,
                    offset,
                    bytes: bytes.into(),
                    new: NewAttributes::default(),
                };
                let file = self.files.entry(node).or_default();
                file.attributes = attributes.copied();
                file.held = Some(held);
                file.held_since = Some(self.under_way.begin());
                self.writes += 1;
            }
            None => return false,
        }
        self.bytes += length;
        if let Some(file) = self.files.get_mut(&node) {
            file.end = file.end.max(offset.saturating_add(length));
        }
        true
    }

    /// Holds attributes behind what is under way or held. What the file, which is like that if nothing is, is going to be
    /// like; `None`: they are not to be held.
    pub(crate) fn hold_attributes(
        &mut self,
        node: NodeId,
        through: Through,
        new: &NewAttributes,
        attributes: Option<&Attributes>,
    ) -> Option<Attributes> {
        let (is_idle, has_room) = (!self.is_busy(node), self.has_room());
        let file = self.files.get(&node);
        let before = match is_idle {
            true => attributes.copied(),
            false => file.and_then(|file| file.attributes),
        };
        let present = before.filter(|_| !is_idle || has_room)?;
        if *new == NewAttributes::default() {
            let end = file.map_or(0, |file| file.end);
            return Some(with_end(present, end));
        }
        let file = self.files.entry(node).or_default();
        let expected = expected(&present, new);
        file.attributes = Some(expected);
        if let Some(held) = &mut file.held {
            held.new = merged(held.new, *new);
        } else {
            self.writes += 1;
            file.held_since = Some(self.under_way.begin());
            file.held = Some(Held {
                through,
                offset: 0,
                bytes: BytesMut::new(),
                new: *new,
            });
        }
        Some(with_end(expected, file.end))
    }

    /// What is held is to be asked for as soon as that may be; returned if that is now, and then it is under way.
    pub(crate) fn is_due(&mut self, node: NodeId) -> Option<Held> {
        let file = self.files.get_mut(&node)?;
        file.is_due |= file.held.is_some();
        file.next()
    }

    /// It is not under way any more. Those who wait for all of the file's, or for room, are to be answered, and what is held
    /// may have to be asked for now: then it is under way.
    pub(crate) fn end_of(
        &mut self,
        node: NodeId,
        range: &Range<u64>,
    ) -> (Vec<Answerer>, Option<Held>) {
        let (mut answered, held) = self.end_in(node, range);
        answered.extend(self.admitted());
        (answered, held)
    }

    fn end_in(&mut self, node: NodeId, range: &Range<u64>) -> (Vec<Answerer>, Option<Held>) {
        let Some(file) = self.files.get_mut(&node) else {
            return (Vec::new(), None);
        };
        if let Some(index) = file.ranges.iter().position(|(other, _)| other == range) {
            file.ranges.swap_remove(index);
            self.bytes -= range.end - range.start;
            self.writes -= 1;
        }
        if file.held.is_some() || !file.ranges.is_empty() {
            return (Vec::new(), file.next());
        }
        let file = self.files.remove(&node);
        (file.map(|file| file.waiting).unwrap_or_default(), None)
    }

    /// All that is held anywhere; it is under way from here on.
    pub(crate) fn take_held(&mut self) -> Vec<(NodeId, Held)> {
        let files = self.files.iter_mut();
        let held = files.filter_map(|(node, file)| Some((*node, file.take()?)));
        held.collect()
    }

    /// Answers `answerer` when nothing of it is under way or held. Given back if nothing is.
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

impl File {
    /// What is held, if it may be asked for now and is to be.
    fn next(&mut self) -> Option<Held> {
        let is_due = self.is_due || !self.waiting.is_empty();
        (is_due && self.ranges.is_empty())
            .then(|| self.take())
            .flatten()
    }

    fn take(&mut self) -> Option<Held> {
        let held = self.held.take()?;
        self.is_due = false;
        self.ranges.push((held.range(), self.held_since.take()));
        Some(held)
    }
}

/// What it is like after that; times that only the laptop knows stay.
fn expected(attributes: &Attributes, new: &NewAttributes) -> Attributes {
    let time = |present, new| match new {
        Some(NewTime::At(time)) => time,
        Some(NewTime::Now) | None => present,
    };
    Attributes {
        permissions: new.permissions.unwrap_or(attributes.permissions),
        accessed: time(attributes.accessed, new.accessed),
        modified: time(attributes.modified, new.modified),
        ..*attributes
    }
}

fn with_end(attributes: Attributes, end: u64) -> Attributes {
    Attributes {
        size: attributes.size.max(end),
        ..attributes
    }
}

/// One after the other.
fn merged(first: NewAttributes, then: NewAttributes) -> NewAttributes {
    NewAttributes {
        permissions: then.permissions.or(first.permissions),
        user: then.user.or(first.user),
        group: then.group.or(first.group),
        size: then.size.or(first.size),
        accessed: then.accessed.or(first.accessed),
        modified: then.modified.or(first.modified),
    }
}

#[cfg(test)]
mod tests;
