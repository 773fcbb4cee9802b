//! What stands in the place of a command on the server, and has it run on the laptop.
//!
//! A *shim* is this program under another name, in a directory that is first in `PATH`. It asks the session's agent, over a
//! unix socket, for the command to run on the laptop; passes on what is typed, signals and the size of the terminal; and ends
//! as the command has. What is not for the laptop it becomes itself: the server's own program of that name.
//!
//! [`protocol`] is what is said over the socket.

pub mod protocol;
