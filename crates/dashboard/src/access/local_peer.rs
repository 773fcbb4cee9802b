//! Whether the other end of a connection is a process of the same user on this machine.
//!
//! What it does not tell: a proxy that this user runs and that adds no header looks like him.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use rustix::process::geteuid;

/// Most that is read of the kernel's table, in bytes: more sockets than that, and nobody is ours.
const LONGEST_TABLE: usize = 16 << 20;
/// `TCP_TIME_WAIT` in the kernel's table: such a socket belongs to nobody.
const TIME_WAIT: &str = "06";

/// Whether the process that connected from `peer` to `local` belongs to our user. `false` if that
/// cannot be found out. Reads the kernel's tables of sockets: may block.
pub(crate) fn is_same_user(peer: SocketAddr, local: SocketAddr) -> bool {
    let (peer, local) = (canonical(peer), canonical(local));
    if !peer.ip().is_loopback() || !local.ip().is_loopback() {
        return false;
    }
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|path| {
        let table = fs::read_to_string(path).unwrap_or_default();
        table.len() <= LONGEST_TABLE && owner_in(&table, peer, local) == Some(geteuid().as_raw())
    })
}

/// The uid that owns the socket from `local` to `remote`, in a table as proc(5) describes it.
fn owner_in(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, own, other, state, _, _, _, uid, _, inode, ..] = fields[..] else {
            return None;
        };
        let is_it = address(own)? == local && address(other)? == remote;
        let is_owned = state != TIME_WAIT && inode != "0";
        (is_it && is_owned).then(|| uid.parse().ok()).flatten()
    })
}

/// `0100007F:1433`: 32-bit groups in the machine's byte order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (digits, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let group = |index: usize| {
        let group = digits.get(8 * index..8 * index + 8)?;
        u32::from_str_radix(group, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match digits.len() {
        8 => IpAddr::from(group(0)?),
        32 => {
            let groups = [group(0)?, group(1)?, group(2)?, group(3)?];
            let bytes: [u8; 16] = groups.concat().try_into().ok()?;
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, port)))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn our_own_connection_is_ours() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue; // a machine without IPv6
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, peer) = listener.accept().unwrap();
            assert!(is_same_user(peer, server.local_addr().unwrap()));
            // Another port is nobody's.
            let other = SocketAddr::new(peer.ip(), peer.port() ^ 1);
            assert!(!is_same_user(other, server.local_addr().unwrap()));
            drop(client);
        }
    }

    #[test]
    fn other_users_the_departed_and_other_machines_are_not_ours() {
        let (peer, local) = (
            "127.0.0.1:5000".parse().unwrap(),
            "127.0.0.1:5111".parse().unwrap(),
        );
        let own = format!("{:08X}:1388", u32::from_ne_bytes([127, 0, 0, 1]));
        let other = format!("{:08X}:13F7", u32::from_ne_bytes([127, 0, 0, 1]));
        let table = |state: &str, uid: u32, inode: u32| {
            format!(
                "head\n 0: {own} {other} {state} 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1 x\n"
            )
        };
        assert_eq!(owner_in(&table("01", 1234, 9), peer, local), Some(1234));
        assert_eq!(owner_in(&table("06", 0, 0), peer, local), None);
        assert_eq!(owner_in(&table("04", 0, 0), peer, local), None);
        assert_eq!(owner_in(&table("01", 1234, 9), local, peer), None);
        for rubbish in [
            "",
            "head\n",
            "head\n a b c\n",
            "head\n 0: zz:1 zz:2 01 a b c 0 0 1 1\n",
        ] {
            assert_eq!(owner_in(rubbish, peer, local), None);
        }
        assert!(!is_same_user("192.0.2.1:5000".parse().unwrap(), local));
    }
}
