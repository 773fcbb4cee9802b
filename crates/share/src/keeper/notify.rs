//! Telling the supervisor that a service is ready (`sd_notify(3)`), without its library.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `state` to the socket that `NOTIFY_SOCKET` names. A supervisor that does not listen is
/// not waited for.
pub fn notify(socket: Option<&OsStr>, state: &str) {
    let Some(socket) = socket else { return };
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(socket),
    };
    let send = || -> std::io::Result<()> {
        let datagram = UnixDatagram::unbound()?;
        datagram.set_nonblocking(true)?;
        datagram.send_to_addr(state.as_bytes(), &address?).map(drop)
    };
    drop(send());
}
