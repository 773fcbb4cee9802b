//! Messages that go, cut into frames, which are kept until they are confirmed.

use std::collections::VecDeque;

use bytes::Bytes;

use super::LinkError;
use crate::frame::{Data, LARGEST_PART};
use crate::lane::{Lane, Lanes};

#[derive(Debug, Default)]
pub(super) struct Sending(Lanes<Outgoing>);

/// What goes in one lane.
#[derive(Debug, Default)]
struct Outgoing {
    queue: Queue,
    /// The number of the last frame that was made.
    last: u64,
    /// Frames that the other end may not have, oldest first, without a gap up to the last.
    unconfirmed: VecDeque<Data>,
    /// Sum of their [`Data::memory`].
    unconfirmed_bytes: usize,
    /// How many of them were sent on this connection.
    sent: usize,
}

/// Messages to be sent; the first may be begun.
#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

impl Sending {
    pub(super) fn push(&mut self, lane: Lane, message: Bytes) {
        let queue = &mut self.0.get_mut(lane).queue;
        queue.bytes += message.len();
        queue.messages.push_back(message);
    }

    /// Bytes that wait in a lane.
    pub(super) fn queued(&self, lane: Lane) -> usize {
        self.0.get(lane).queue.bytes
    }

    /// Nothing waits, and everything is confirmed.
    pub(super) fn is_settled(&self) -> bool {
        let mut lanes = self.0.iter();
        lanes.all(|(_, going)| going.unconfirmed.is_empty() && going.queue.messages.is_empty())
    }

    /// Nothing was ever confirmed.
    pub(super) fn is_untouched(&self) -> bool {
        self.0.iter().all(|(_, going)| going.confirmed() == 0)
    }

    /// All that is not confirmed is to be sent again.
    pub(super) fn disconnected(&mut self) {
        for (_, going) in self.0.iter_mut() {
            going.sent = 0;
        }
    }

    /// The other end has everything in a lane up to `number`.
    pub(super) fn confirm(&mut self, lane: Lane, number: u64) -> Result<(), LinkError> {
        let going = self.0.get_mut(lane);
        going.check(number)?;
        going.confirm(number);
        Ok(())
    }

    /// The other end has everything in each lane up to its number. Nothing is confirmed if it cannot have one of them.
    pub(super) fn confirm_all(&mut self, received: &Lanes<u64>) -> Result<(), LinkError> {
        for (lane, number) in received.iter() {
            self.0.get(lane).check(*number)?;
        }
        for (lane, number) in received.iter() {
            self.0.get_mut(lane).confirm(*number);
        }
        Ok(())
    }

    /// What is sent next: of the first lane in which something can be.
    pub(super) fn next(&mut self) -> Option<Data> {
        self.0.iter_mut().find_map(|(lane, going)| going.next(lane))
    }

    pub(super) fn memory(&self) -> usize {
        self.0.iter().map(|(_, going)| going.memory()).sum()
    }
}

impl Outgoing {
    /// The number of the last frame that the other end has for sure.
    fn confirmed(&self) -> u64 {
        self.last - self.unconfirmed.len() as u64
    }

    /// Whether the other end can have everything up to `number`.
    fn check(&self, number: u64) -> Result<(), LinkError> {
        if number > self.last {
            return Err(LinkError::Broken("it has what was never sent"));
        }
        Ok(())
    }

    /// It has; `number` was checked.
    fn confirm(&mut self, number: u64) {
        // At most as many as there are: `number` is not above the last.
        let count = number.saturating_sub(self.confirmed()) as usize;
        for data in self.unconfirmed.drain(..count) {
            self.unconfirmed_bytes -= data.memory();
        }
        self.sent = self.sent.saturating_sub(count);
    }

    /// What is sent next: what was sent on an earlier connection first.
    fn next(&mut self, lane: Lane) -> Option<Data> {
        let again = self.unconfirmed.get(self.sent).cloned();
        let data = again.or_else(|| self.next_new(lane))?;
        self.sent += 1;
        Some(data)
    }

    fn next_new(&mut self, lane: Lane) -> Option<Data> {
        if self.unconfirmed_bytes >= lane.window() {
            return None;
        }
        let (part, is_last) = self.queue.next_part()?;
        self.last += 1;
        let data = Data {
            number: self.last,
            received: 0,
            lane,
            is_last,
            part,
        };
        self.unconfirmed_bytes += data.memory();
        self.unconfirmed.push_back(data.clone());
        Some(data)
    }

    fn memory(&self) -> usize {
        self.queue.memory() + self.unconfirmed_bytes
    }
}

impl Queue {
    fn next_part(&mut self) -> Option<(Bytes, bool)> {
        let first = self.messages.front_mut()?;
        let length = first.len().min(LARGEST_PART);
        let part = first.split_to(length);
        self.bytes -= length;
        let is_last = first.is_empty();
        if is_last {
            self.messages.pop_front();
        }
        Some((part, is_last))
    }

    fn memory(&self) -> usize {
        self.bytes + self.messages.len() * size_of::<Bytes>()
    }
}
