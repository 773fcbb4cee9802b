//! Runs a [`live::Link`] over byte streams, one after the other, so that a session outlives each of them.
//!
//! - [`Connection`] is one end of a session: messages go in, a [`Receiver`] gives those of the other end, and
//!   [`Connection::run`] carries them over one stream until that ends.
//! - [`reconnect`] makes a new stream whenever one has ended: the laptop's side.
//! - [`ssh`] makes streams by starting `ssh`.
//! - [`relay`] takes streams over on a unix socket, each new one in the place of the last: the server's side.
//!
//! It knows nothing of what is said, of files or of terminals, and reads no environment.

mod connection;
mod error;
mod outlet;
mod pipes;
mod run;
mod shared;

pub mod reconnect;
pub mod relay;
pub mod ssh;

pub use connection::{Connection, Happening, Receiver};
pub use error::{ConnectionError, Ended, SendError};
pub use run::GREETING;
pub use shared::{INBOX, ROOM, State};
