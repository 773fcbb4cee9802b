//! How what is said looks on the wire.
//!
//! A frame is its length (32 bits, of what follows), a byte that says what it is, and its content. Numbers are big-endian.
//! The data frames of each lane are numbered by themselves, from 1 on.
//!
//! | kind | content |
//! |---|---|
//! | 1 hello, comes first | `CSLV`, version (16), oldest version understood (16), session (128), incarnation (64), that of the other end as far as known (64), confirmations (256); behind that whatever a later version adds |
//! | 2 data | number in its lane (64), number of the last frame received in that lane (64), lane (7) behind a bit that says whether the message ends here, bytes |
//! | 3 received | confirmations (256) |
//! | 4 ping, 5 pong | number of the ping (64) |
//! | 6 goodbye | reason in UTF-8 |
//!
//! *Confirmations* are the number of the last frame received in each lane (4 × 64), the first lane first. A data frame
//! confirms nothing but its own lane: a keystroke and its echo confirm each other for 8 bytes; all else is confirmed by a
//! frame `received` now and then, and by the hello before anything is sent again.

use std::ops::RangeInclusive;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::lane::{Lane, Lanes};

/// The longest frame without its length, in bytes.
pub const LARGEST_FRAME: usize = 32 << 10;
/// The longest part of a message in one frame, in bytes: so long does a keystroke wait behind a file at most.
pub(crate) const LARGEST_PART: usize = 16 << 10;
/// The longest reason of a goodbye, in bytes.
const LONGEST_REASON: usize = 1 << 10;
const MAGIC: [u8; 4] = *b"CSLV";

const HELLO: u8 = 1;
const DATA: u8 = 2;
const RECEIVED: u8 = 3;
const PING: u8 = 4;
const PONG: u8 = 5;
const GOODBYE: u8 = 6;
/// How long the first frame is without its length, in bytes: what this version says, to what a later one may add to it.
const HELLO_LENGTHS: RangeInclusive<u8> = 73..=128;
/// In the byte of the lane: the message ends with this frame.
const LAST: u8 = 0x80;

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Hello(Hello),
    Data(Data),
    /// The number of the last one in each lane.
    Received(Lanes<u64>),
    Ping(u64),
    Pong(u64),
    Goodbye(String),
}

/// The first frame of a connection, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    /// The oldest that is understood.
    pub(crate) oldest: u16,
    pub(crate) session: [u8; 16],
    pub(crate) own: u64,
    /// 0: not known.
    pub(crate) other: u64,
    /// The number of the last frame in each lane.
    pub(crate) received: Lanes<u64>,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    /// In its lane, from 1 on.
    pub(crate) number: u64,
    /// The number of the last frame that came in the same lane.
    pub(crate) received: u64,
    pub(crate) lane: Lane,
    pub(crate) is_last: bool,
    pub(crate) part: Bytes,
}

/// Why bytes are no frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame is longer than any may be.
    #[error("a frame of {0} bytes; {LARGEST_FRAME} are the most")]
    TooLong(usize),
    /// The content is not what its kind has.
    #[error("a frame of kind {0} with a content that it cannot have")]
    Malformed(u8),
    /// There is no such kind.
    #[error("a frame of the unknown kind {0}")]
    UnknownKind(u8),
    /// The other end does not speak this protocol.
    #[error(
        "the other end is not claude-share: something else answers there, or a login script prints text"
    )]
    NotOurs,
}

impl Frame {
    /// Adds it to `out`.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        let start = out.len();
        out.put_u32(0);
        match self {
            Frame::Hello(hello) => hello.write(out),
            Frame::Data(data) => data.write(out),
            Frame::Received(received) => {
                out.put_u8(RECEIVED);
                write_confirmations(out, received);
            }
            Frame::Ping(number) => write_number(out, PING, *number),
            Frame::Pong(number) => write_number(out, PONG, *number),
            Frame::Goodbye(reason) => {
                let end = reason.floor_char_boundary(LONGEST_REASON);
                out.put_u8(GOODBYE);
                out.put_slice(&reason.as_bytes()[..end]);
            }
        }
        let length = out.len() - start - 4;
        out[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
    }

    fn read(mut content: Bytes) -> Result<Frame, FrameError> {
        let kind = content.try_get_u8().map_err(|_| FrameError::Malformed(0))?;
        let malformed = FrameError::Malformed(kind);
        let frame = match kind {
            HELLO => Hello::read(&mut content).map(Frame::Hello),
            DATA => Data::read(&mut content).map(Frame::Data),
            RECEIVED => read_confirmations(&mut content).map(Frame::Received),
            PING => content.try_get_u64().ok().map(Frame::Ping),
            PONG => content.try_get_u64().ok().map(Frame::Pong),
            GOODBYE if content.len() <= LONGEST_REASON => {
                let reason = content.split_to(content.len());
                Some(Frame::Goodbye(
                    String::from_utf8_lossy(&reason).into_owned(),
                ))
            }
            GOODBYE => None,
            other => return Err(FrameError::UnknownKind(other)),
        };
        frame.filter(|_| content.is_empty()).ok_or(malformed)
    }
}

impl Hello {
    fn write(&self, out: &mut BytesMut) {
        out.put_u8(HELLO);
        out.put_slice(&MAGIC);
        out.put_u16(self.version);
        out.put_u16(self.oldest);
        out.put_slice(&self.session);
        out.put_u64(self.own);
        out.put_u64(self.other);
        write_confirmations(out, &self.received);
    }

    fn read(content: &mut Bytes) -> Option<Hello> {
        let mut magic = [0; 4];
        content.try_copy_to_slice(&mut magic).ok()?;
        let version = content.try_get_u16().ok()?;
        let oldest = content.try_get_u16().ok()?;
        let mut session = [0; 16];
        content.try_copy_to_slice(&mut session).ok()?;
        let hello = Hello {
            version,
            oldest,
            session,
            own: content.try_get_u64().ok()?,
            other: content.try_get_u64().ok()?,
            received: read_confirmations(content)?,
        };
        // What a later version adds: its number has to be read to say that it is another one.
        content.clear();
        (magic == MAGIC).then_some(hello)
    }
}

impl Data {
    fn write(&self, out: &mut BytesMut) {
        out.put_u8(DATA);
        out.put_u64(self.number);
        out.put_u64(self.received);
        out.put_u8(self.lane as u8 | if self.is_last { LAST } else { 0 });
        out.put_slice(&self.part);
    }

    fn read(content: &mut Bytes) -> Option<Data> {
        let number = content.try_get_u64().ok()?;
        let received = content.try_get_u64().ok()?;
        let lane = content.try_get_u8().ok()?;
        Some(Data {
            number,
            received,
            lane: Lane::from_number(lane & !LAST)?,
            is_last: lane & LAST != 0,
            part: content.split_to(content.len()),
        })
    }

    /// How much memory it takes, in bytes. Not 0 for an empty part: frames are counted by it.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Data>() + self.part.len()
    }
}

fn write_number(out: &mut BytesMut, kind: u8, number: u64) {
    out.put_u8(kind);
    out.put_u64(number);
}

fn write_confirmations(out: &mut BytesMut, received: &Lanes<u64>) {
    for (_, number) in received.iter() {
        out.put_u64(*number);
    }
}

fn read_confirmations(content: &mut Bytes) -> Option<Lanes<u64>> {
    let mut received = Lanes::default();
    for lane in Lane::ALL {
        *received.get_mut(lane) = content.try_get_u64().ok()?;
    }
    Some(received)
}

/// Cuts bytes, in whatever pieces they come, into frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: BytesMut,
    has_begun: bool,
}

impl Decoder {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame that is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        // Whatever is no hello at the beginning comes from something else, most often a login script's `echo`: that is
        // seen at its first byte, for nothing else may come.
        if !self.has_begun && !begins_hello(&self.bytes) {
            return Err(FrameError::NotOurs);
        }
        let Some((head, rest)) = self.bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > LARGEST_FRAME {
            return Err(FrameError::TooLong(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.bytes.advance(4);
        let frame = Frame::read(self.bytes.split_to(length).freeze())?;
        self.has_begun = true;
        Ok(Some(frame))
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Whether a hello may begin with these bytes, as far as there are any.
fn begins_hello(bytes: &[u8]) -> bool {
    let is_length = bytes
        .get(3)
        .is_none_or(|length| HELLO_LENGTHS.contains(length));
    let is_equal = |expected: &[u8], start: usize| {
        let there = bytes.get(start..).unwrap_or_default();
        there
            .iter()
            .zip(expected)
            .all(|(byte, expected)| byte == expected)
    };
    is_length && is_equal(&[0; 3], 0) && is_equal(&[HELLO], 4) && is_equal(&MAGIC, 5)
}

#[cfg(test)]
mod tests;
