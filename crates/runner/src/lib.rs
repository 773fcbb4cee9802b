//! The process that a command runs under.
//!
//! A command that is started from afar has no shell of its own to lead its session. Without one, `Ctrl-Z` does nothing (the
//! kernel stops no process group whose parents are all in other sessions), and what the command leaves running is nobody's.
//! A *runner* is that leader: this program started anew, with one socket, over which it is told what to run and tells how
//! that fares. When the socket closes, because the session has ended or whoever held it was killed, everything that the
//! command has started is ended, whatever session or group it has gone to.
//!
//! [`run`] is the runner; a [`Runner`] is the other end.

mod channel;
mod command;
mod descendants;
mod foreground;
mod limits;
mod protocol;
mod remote;
mod sandbox;
mod survival;

pub use command::run;
pub use descendants::is_descendant;
pub use limits::Limits;
pub use protocol::{Report, Spec};
pub use remote::{Descriptors, Runner};
pub use sandbox::Sandbox;
