//! Frames that come, put together to messages.

use bytes::{Bytes, BytesMut};

use super::{LARGEST_MESSAGE, LinkError};
use crate::frame::{Data, Decoder};
use crate::lane::Lanes;

#[derive(Debug, Default)]
pub(super) struct Receiving {
    pub(super) decoder: Decoder,
    /// The number of the last frame that was taken in each lane.
    pub(super) last: Lanes<u64>,
    /// Sum of [`Data::memory`] of what was taken in each lane since that was last confirmed.
    pub(super) unconfirmed_bytes: Lanes<usize>,
    /// The one that has begun in each lane.
    messages: Lanes<BytesMut>,
}

impl Receiving {
    /// What is left of a frame that was cut off is of no use.
    pub(super) fn disconnected(&mut self) {
        self.decoder = Decoder::default();
    }

    /// The other end is new. What it has said on this connection stays.
    pub(super) fn forget(&mut self) {
        self.last = Lanes::default();
        self.unconfirmed_bytes = Lanes::default();
        self.messages = Lanes::default();
    }

    /// Sum of what is not confirmed in all lanes, in bytes.
    pub(super) fn unconfirmed(&self) -> usize {
        let each = self.unconfirmed_bytes.iter().map(|(_, bytes)| *bytes);
        each.fold(0, usize::saturating_add)
    }

    /// The message that ends with this frame.
    pub(super) fn take(&mut self, data: &Data) -> Result<Option<Bytes>, LinkError> {
        let last = self.last.get_mut(data.lane);
        if data.number <= *last {
            return Ok(None);
        }
        if data.number - *last != 1 {
            return Err(LinkError::Broken("a frame is missing"));
        }
        let message = self.messages.get_mut(data.lane);
        if message.len() + data.part.len() > LARGEST_MESSAGE {
            return Err(LinkError::Broken("a message is too long"));
        }
        *last = data.number;
        let unconfirmed_bytes = self.unconfirmed_bytes.get_mut(data.lane);
        *unconfirmed_bytes = unconfirmed_bytes.saturating_add(data.memory());
        if data.is_last && message.is_empty() {
            // A copy: the part is a piece of what was read at once, and would keep all of that in memory, so that a few bytes
            // now and then would take far more than they count for.
            return Ok(Some(Bytes::copy_from_slice(&data.part)));
        }
        message.extend_from_slice(&data.part);
        Ok(data.is_last.then(|| std::mem::take(message).freeze()))
    }

    pub(super) fn memory(&self) -> usize {
        let messages: usize = self
            .messages
            .iter()
            .map(|(_, message)| message.capacity())
            .sum();
        self.decoder.memory() + messages
    }
}
