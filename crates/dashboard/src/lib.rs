//! The dashboard: HTTP API, sign-in, terminals over Socket.IO, the embedded page.
//!
//! `dashboard` reads no environment variable and prints nothing; what it needs of both is in
//! [`Options`]. It spends no refresh token itself: `renew` does. A credential leaves it only in an
//! export that somebody with the right to it asked for; terminals get theirs from the program that
//! is started in them.

mod access;
mod api;
mod app;
mod clock;
mod error;
mod events;
mod listener;
mod options;
mod page;
mod routes;
mod server;
mod sign_in;
mod socket;
mod store;
mod terminals;
#[cfg(test)]
mod testing;
mod vault_watch;
mod vaults;

pub use api::description;
pub use listener::{CertificateError, TlsFiles, bind, raise_descriptor_limit};
pub use options::{Directories, Network, Options};
pub use server::{Certificate, Dashboard, DashboardError};
pub use sign_in::reset::{Reset, ResetError, check_password, reset_password};
pub use store::StoreError;
