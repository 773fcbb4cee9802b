//! Connections: accepted, bounded, encrypted.
//!
//! Anybody who can reach the port can open connections and say nothing, so none is waited for
//! without an end, there is a bound on how many there are, and at that bound those make room that
//! nobody has signed in on. Not protected against: a flood that fills the network itself.

mod accept;
mod body;
mod certificate;
mod connection;
mod places;
mod pool;
mod stream;
mod system;
mod tls;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub(crate) use accept::Listener;
pub(crate) use body::TooSlow;
pub use certificate::{CertificateError, TlsFiles};
pub(crate) use connection::{Handler, Incoming};
pub(crate) use places::{Trust, group};
pub use system::{bind, raise_descriptor_limit};
pub(crate) use tls::Tls;

/// The connection that a request came over; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    /// Who is at the other end: the client, or a proxy.
    pub(crate) peer: SocketAddr,
    /// Our end.
    pub(crate) local: SocketAddr,
    /// Whether it is encrypted up to here.
    pub(crate) tls: bool,
}
