//! What the two ends of a live session say to each other, and how nothing of it is lost or done twice when the
//! connection breaks.
//!
//! Pure: bytes and times come in, bytes and events go out. `live` knows no socket, file, clock, process or thread.
//!
//! - [`Link`] makes one ordered stream of messages per [`Lane`] out of many connections, one after the other.
//! - [`Message`]s are what is said: of files, of programs there and commands here, of the session.
//! - [`RelativePath`] is a path that leads nowhere but down.

mod frame;
mod lane;
mod link;
mod path;

pub mod commands;
pub mod control;
pub mod files;
pub mod message;
pub mod programs;

pub use bytes::Bytes;
pub use frame::{FrameError, LARGEST_FRAME};
pub use lane::{Lane, Lanes};
pub use link::{
    Event, Incarnation, LARGEST_MESSAGE, Link, LinkError, PING_INTERVAL, SILENCE, SessionId,
    TooLong, VERSION, WINDOW,
};
pub use message::Message;
pub use path::{PathError, RelativePath};
