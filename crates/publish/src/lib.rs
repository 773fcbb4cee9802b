//! The laptop's side of a live session: what the server asks of its published directories is done here, and nothing
//! beyond them.
//!
//! - [`Service`] executes one [`live::files::Request`] after the other, each on the thread that calls it.
//! - [`Published`] is a directory with a way to what is below it that no link leads astray.
//! - [`watch`] tells what changes there, by whomever.
//!
//! `publish` knows no network and no server: whoever calls it has checked who asks. It changes nothing process-wide, such
//! as the umask or the working directory. It needs `/proc`.

mod attributes;
mod confine;
mod mounts;
pub mod service;
mod stat;
pub mod watch;

pub use confine::{Confinement, PublishError, Published};
pub use service::{Limits, Service};
