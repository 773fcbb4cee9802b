//! Programs on pseudo-terminals that outlive whoever looks at them.
//!
//! A [`Terminal`] runs in the caller's tokio runtime, without a thread of its own. Its output has
//! sequence numbers: the number of bytes up to there since the start. What was output last is kept,
//! within bounds; a [`Viewer`] that comes, or comes back, gets what it has not seen, or the picture
//! as it is now.
//!
//! `terminal` reads no environment variable, prints nothing, opens no socket and knows no account.

mod characters;
mod controlling_terminal;
mod descriptors;
mod emulator;
mod error;
mod front;
mod history;
mod input;
mod modes;
mod pace;
mod picture;
mod pseudoterminal;
mod recording;
mod repaint;
mod replay;
mod sequences;
mod session;
mod shared;
mod terminal;
mod types;
mod viewer;

pub use error::{InputError, TerminalError};
pub use history::History;
pub use modes::RESET;
pub use pace::{PATIENCE, WINDOW};
pub use terminal::Terminal;
pub use types::{Ended, Event, Size, Start};
pub use viewer::{Acknowledger, Viewer};
