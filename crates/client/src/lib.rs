//! A laptop's servers: profiles, extra directories, the commands of a server's that run here, and what
//! makes a server ready for live sessions.
//!
//! What is to be done is decided from facts alone ([`plan`]); [`remote`], [`key`] and [`local`] read them and carry it out,
//! and [`setup`] puts the steps in their order.
//! Nothing here prints or reads the environment, and no password is seen: `ssh` itself asks for it.

mod commands;
mod destination;
mod error;
mod extras;
pub mod facts;
pub mod key;
pub mod local;
mod packages;
mod paths;
pub mod plan;
mod profiles;
pub mod remote;
mod report;
mod settings_file;
pub mod setup;
mod shell;
mod tools;
mod version;

pub use commands::Commands;
pub use destination::{Destination, DestinationError};
pub use error::ClientError;
pub use extras::{Extra, Extras};
pub use paths::ClientPaths;
pub use profiles::{Copied, Made, Profile, Profiles};
pub use shell::shell_word;
pub use tools::Tools;
pub use version::Version;
