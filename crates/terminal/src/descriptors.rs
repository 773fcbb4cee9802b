//! Descriptors that the runtime watches.
//!
//! With `unsafe` only because the runtime takes anything that names a number, and trusts that the number stays.

#![allow(
    unsafe_code,
    reason = "`AsyncFd::register` trusts the type it is given"
)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime watch `descriptor`, which it owns from here on: it is closed when nothing uses it any more.
pub(crate) fn watched(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names one open descriptor until it is dropped, and it is only ever borrowed out of this.
    unsafe { AsyncFd::register_with_interest(descriptor, interest) }.map_err(Into::into)
}
