//! The connections that span several requests, and how many of them are strangers'.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::wire::Wire;
use crate::listener::group;

/// How many connections of one address may be without a name at once; each has seconds to say who it
/// is.
const STRANGERS_BY_ADDRESS: usize = 32;
/// How many of all addresses.
const STRANGERS: usize = 512;

/// Those that are there, by Engine.IO's identifier.
#[derive(Default)]
pub(super) struct Wires {
    known: Mutex<HashMap<String, Weak<Wire>>>,
    strangers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the strangers; no longer when dropped.
pub(super) struct Stranger {
    all: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Wires {
    pub(super) fn add(&self, id: &str, wire: &Arc<Wire>) {
        let mut known = lock(&self.known);
        known.retain(|_, wire| wire.strong_count() > 0);
        known.insert(id.to_owned(), Arc::downgrade(wire));
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Wire>> {
        lock(&self.known).get(id)?.upgrade()
    }

    /// A place for a stranger, if there is one.
    pub(super) fn stranger(&self, address: IpAddr) -> Option<Stranger> {
        let address = group(address);
        let mut strangers = lock(&self.strangers);
        let all: usize = strangers.values().sum();
        let of_address = strangers.get(&address).copied().unwrap_or(0);
        if all >= STRANGERS || of_address >= STRANGERS_BY_ADDRESS {
            return None;
        }
        strangers.insert(address, of_address + 1);
        Some(Stranger {
            all: Arc::clone(&self.strangers),
            address,
        })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        match all.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                all.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_stranger() {
        let wires = Wires::default();
        let address = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into();
        let count = u16::try_from(STRANGERS_BY_ADDRESS).unwrap();
        let strangers: Vec<_> = (0..count)
            .map(|last| wires.stranger(address(last)))
            .collect();
        assert!(strangers.iter().all(Option::is_some));
        assert!(wires.stranger(address(count)).is_none());
    }

    #[test]
    fn strangers_are_few_and_make_room() {
        let wires = Wires::default();
        let one = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut strangers: Vec<_> = (0..STRANGERS_BY_ADDRESS)
            .map(|_| wires.stranger(one).unwrap())
            .collect();
        assert!(wires.stranger(one).is_none());
        strangers.pop();
        strangers.extend(wires.stranger(one));
        for other in 1..STRANGERS / STRANGERS_BY_ADDRESS {
            let address = IpAddr::from(Ipv4Addr::new(10, 0, 0, u8::try_from(other).unwrap()));
            strangers.extend((0..STRANGERS_BY_ADDRESS).map(|_| wires.stranger(address).unwrap()));
        }
        assert!(wires.stranger(Ipv4Addr::new(10, 1, 0, 0).into()).is_none());
        drop(strangers);
        assert!(lock(&wires.strangers).is_empty());
    }
}
