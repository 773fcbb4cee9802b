//! Renewing logins: one request per renewal, whoever asks, and its answer in every view.
//!
//! `renew` prints nothing and reads no environment variable, but for what the HTTP library does
//! (`endpoint`). It spends a refresh token only while
//! it holds the account's lease, with the spending noted in the vault and space for the answer
//! set aside.

mod client_locks;
mod client_login;
mod clock;
mod endpoint;
mod error;
mod import;
mod keeper;
mod lease;
mod lock_file;
mod process;
mod renewal;
mod runtime;
mod schedule;
mod session;
mod token_url;
mod vault_access;

pub use client_locks::{STALE_AFTER, client_lock_paths};
pub use client_login::{ClientFiles, ClientLogin, read_login};
pub use error::RenewError;
pub use import::import;
pub use keeper::{
    Keeper, KeeperError, KeeperEvent, KeeperOptions, KeeperStatus, Kept, SessionEnd, SessionStatus,
    ask_keeper_to_stop, keeper_status, wake_keeper,
};
pub use lease::Lease;
pub use renewal::{Outcome, Renewer, Want, adopt};
pub use runtime::RuntimeDirectory;
pub use schedule::{Failure, Finished, LONGEST_WAIT, Schedule};
pub use session::{NewSession, Session, SessionKind, ViewWatch, Written, write_view};
pub use token_url::{TokenUrl, TokenUrlError};
