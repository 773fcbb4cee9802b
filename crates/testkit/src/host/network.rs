//! The network of a machine.

use super::Host;
use crate::Ran;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

static CABLES: AtomicU8 = AtomicU8::new(0);

impl Host {
    /// Does `body` on a thread in the machine's network: a server started there listens on the machine's own loopback, and
    /// lives in the test. Files, processes and users are the outer machine's.
    ///
    /// # Panics
    /// When `body` does.
    pub fn in_network<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let space = File::open(format!("/proc/{}/ns/net", self.pid())).expect("its network");
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("a way into the machine's network");
                body()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Lays a network cable from `one` to `other` and gives the address of each on it.
    ///
    /// # Panics
    /// When it cannot, or after 250 cables of one test process.
    #[must_use]
    #[track_caller]
    pub fn join(one: &Host, other: &Host) -> (Ipv4Addr, Ipv4Addr) {
        let number = CABLES.fetch_add(1, Ordering::Relaxed);
        assert!(number < 250, "no more addresses");
        let name = cable(number);
        let mut command = Command::new("ip");
        command
            .args([
                "link",
                "add",
                "name",
                &name,
                "netns",
                &one.pid().to_string(),
            ])
            .args(["type", "veth", "peer", "name", &name])
            .args(["netns", &other.pid().to_string()]);
        Ran::of(command).success();
        let addresses = [1, 2].map(|end| Ipv4Addr::new(10, 77, number, end));
        for (host, address) in [one, other].into_iter().zip(addresses) {
            let script = "ip address add \"$1/24\" dev \"$2\" && ip link set \"$2\" up";
            host.run(&["sh", "-c", script, "sh", &address.to_string(), &name])
                .success();
        }
        (addresses[0], addresses[1])
    }

    /// Takes the cable with this machine's `address` on it out: nothing comes or goes on it until [`Host::plug_in`], and
    /// nobody is told. Connections stay as they are.
    ///
    /// # Panics
    /// When there is no such cable.
    #[track_caller]
    pub fn unplug(&self, address: Ipv4Addr) {
        self.set_cable(address, "down");
    }

    /// Puts it back.
    ///
    /// # Panics
    /// When there is no such cable.
    #[track_caller]
    pub fn plug_in(&self, address: Ipv4Addr) {
        self.set_cable(address, "up");
    }

    #[track_caller]
    fn set_cable(&self, address: Ipv4Addr, state: &str) {
        let name = cable(address.octets()[2]);
        self.run(&["ip", "link", "set", &name, state]).success();
    }
}

/// What a cable is called at both of its ends.
fn cable(number: u8) -> String {
    format!("cable{number}")
}
