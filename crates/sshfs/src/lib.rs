//! The laptop's published directories as mounts of the program `sshfs`.
//!
//! `sshfs -o passive` speaks SFTP over its standard input and output. What answers it is here, on the same machine, and asks
//! the laptop through [`mount::Files`], as the native mount does: the laptop hears no other protocol than that, and confines
//! this as it confines that.
//!
//! - `packets` are what sshfs says and is answered, `attributes` and `status` what is in them. They are pure, and so is
//!   `order`: which requests may be under way together.
//! - `operations` says what each request asks the laptop; `listing` cuts directories into packets.
//! - [`Server`] takes the requests in, many at a time, and gives the answers as they come.
//! - [`mount()`] starts sshfs with what it understands (`options`), and [`Mounted`] ends it.

mod attributes;
mod handles;
mod listing;
mod mounted;
mod operations;
mod options;
mod order;
mod packets;
mod server;
mod status;

pub use mounted::{Mounted, SshfsError, mount};
pub use server::Server;
