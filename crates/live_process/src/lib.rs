//! The two long-lived processes of a live session: how they are started, reached and ended.
//!
//! - [`agent`] is the one on the server. `connect`, which sshd starts, starts it, and copies to and from it.
//! - [`daemon`] is the one on the laptop: it has the connection to the server, and publishes directories.
//! - [`local`] is what programs on the laptop say to the daemon, and [`client`] how they start and find it.
//!
//! It reads no environment: whoever calls says where the home and the runtime directory are.

mod brought;
mod command_log;
mod detached;
mod lock;
mod places;
mod process;
mod record;
mod session_name;
mod text;

pub mod agent;
pub mod client;
pub mod daemon;
pub mod local;
pub mod refusal;

pub use brought::BroughtAccount;
pub use command_log::{CommandOutcome, LogEntry, LoggedCommand};
pub use live_session::laptop::find_program;
pub use places::Places;
pub use record::{IdError, session_id};
pub use session_name::{NameError, SessionName};
