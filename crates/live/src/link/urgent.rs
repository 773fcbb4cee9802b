//! Frames that stand before all others. One of each kind: however long nothing can be written, they do not pile up.

use crate::frame::{Frame, Hello};
use crate::lane::Lanes;

#[derive(Debug, Default)]
pub(super) struct Urgent {
    pub(super) hello: Option<Hello>,
    pub(super) goodbye: Option<String>,
    pub(super) pong: Option<u64>,
    pub(super) ping: Option<u64>,
    /// What was received is to be confirmed.
    pub(super) received: bool,
}

impl Urgent {
    /// The first; `received` is the number of the last frame that was received in each lane.
    pub(super) fn next(&mut self, received: Lanes<u64>) -> Option<Frame> {
        let hello = self.hello.take().map(Frame::Hello);
        hello
            .or_else(|| self.goodbye.take().map(Frame::Goodbye))
            .or_else(|| self.pong.take().map(Frame::Pong))
            .or_else(|| self.ping.take().map(Frame::Ping))
            .or_else(|| std::mem::take(&mut self.received).then_some(Frame::Received(received)))
    }
}
