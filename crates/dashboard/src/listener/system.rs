//! What the system is asked for: sockets and limits.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpStream;

/// Most connections at a time.
const CONNECTIONS: usize = 2048;

/// Descriptors that are left for databases, terminals and their programs.
const FOR_OTHERS: u64 = 512;

/// How many descriptors this process may have, if it may decide.
const DESCRIPTORS: u64 = 8192;

/// How many connections the system lets wait to be accepted.
const WAITING: i32 = 1024;

/// Opens a listening socket for each address: first one that was taken decides.
///
/// Port 0 is any port, and the same one for the addresses after the first.
///
/// # Errors
/// That an address is taken, not this machine's, or not allowed. Where no IPv6 is to be had at all,
/// its addresses are left out, unless nothing else was asked for.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::<TcpListener>::new();
    for &address in addresses {
        let mut address = address;
        if let (0, Some(first)) = (address.port(), listeners.first()) {
            let port = first.local_addr().map_or(0, |first| first.port());
            address.set_port(port);
        }
        match listen(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if address.is_ipv6() && is_absence(&error) && addresses.len() > 1 => {}
            Err(error) => return Err((address, error)),
        }
    }
    Ok(listeners)
}

fn is_absence(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        Some(ipproto::TCP),
    )?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, WAITING)?;
    Ok(TcpListener::from(socket))
}

/// Answers leave at once, and a client that is gone without a word is noticed in two minutes. What
/// the system refuses of it is done without.
pub(super) fn prepare(stream: &TcpStream) {
    stream.set_nodelay(true).unwrap_or_default();
    sockopt::set_socket_keepalive(stream, true).unwrap_or_default();
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(60)).unwrap_or_default();
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15)).unwrap_or_default();
    sockopt::set_tcp_keepcnt(stream, 4).unwrap_or_default();
}

/// Lets this process have as many descriptors as a full house of connections and terminals needs,
/// within what the system allows. What it starts inherits that.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).unwrap_or_default();
    }
}

/// How many connections there may be with the descriptors that this process may have.
pub(super) fn connection_limit() -> usize {
    connections(getrlimit(Resource::Nofile).current)
}

fn connections(descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors else {
        return CONNECTIONS;
    };
    // A tight limit is shared: half for connections, half for the rest.
    let room = descriptors.saturating_sub(FOR_OTHERS).max(descriptors / 2);
    usize::try_from(room).map_or(CONNECTIONS, |room| room.clamp(1, CONNECTIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(connections(None), CONNECTIONS);
        assert_eq!(connections(Some(8192)), CONNECTIONS);
        assert_eq!(connections(Some(1024)), 512);
        assert_eq!(connections(Some(64)), 32);
        assert_eq!(connections(Some(0)), 1);
    }

    #[test]
    fn any_port_is_the_same_for_all_addresses() {
        let addresses = ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().unwrap());
        let listeners = bind(&addresses).unwrap();
        let ports: Vec<u16> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
        let taken = bind(&[listeners[0].local_addr().unwrap()]).unwrap_err();
        assert_eq!(taken.1.kind(), io::ErrorKind::AddrInUse);
    }
}
