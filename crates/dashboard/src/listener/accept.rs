//! Accepting connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{self, Handler};
use super::pool::Pool;
use super::tls::Tls;
use super::{Connection, system};

/// How often connections whose time is over are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// How long nothing is accepted after the system had no descriptor or memory for it.
const PAUSE: Duration = Duration::from_millis(100);

/// How long connections that have been closed may take to go.
const PATIENCE: Duration = Duration::from_secs(1);

/// The sockets that connections come in at.
pub(crate) struct Listener {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    tls: Option<Arc<Tls>>,
    /// Only these, and this machine, may come; anybody, if there is none.
    only: Vec<IpNet>,
    pool: Arc<Pool>,
}

impl Listener {
    /// Takes over listening sockets, inside of a tokio runtime. `only` says who may come at all,
    /// besides this machine; empty is everybody.
    ///
    /// # Errors
    /// If one of them is no listening socket.
    pub(crate) fn new(
        sockets: Vec<std::net::TcpListener>,
        tls: Option<Arc<Tls>>,
        only: Vec<IpNet>,
    ) -> io::Result<Self> {
        let sockets = sockets
            .into_iter()
            .map(|socket| {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket)
            })
            .collect::<io::Result<Vec<_>>>()?;
        let addresses = sockets
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            sockets,
            addresses,
            tls,
            only,
            pool: Pool::new(system::connection_limit()),
        })
    }

    /// At most so many connections.
    #[cfg(test)]
    pub(super) fn limited(mut self, connections: usize) -> Self {
        self.pool = Pool::new(connections);
        self
    }

    /// Where connections come in.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What encrypts.
    pub(crate) fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// Serves until `stopping` becomes true, and then until every request has been answered or
    /// `end` has come: whatever is open then is closed.
    pub(crate) async fn run(
        self,
        handler: Arc<dyn Handler>,
        stopping: watch::Receiver<bool>,
        end: impl Future<Output = ()>,
    ) {
        let mut tasks = JoinSet::new();
        for socket in self.sockets {
            let entrance = Entrance {
                socket,
                tls: self.tls.clone(),
                only: self.only.clone(),
                pool: Arc::clone(&self.pool),
                handler: Arc::clone(&handler),
                stopping: stopping.clone(),
            };
            tasks.spawn(entrance.run());
        }
        let pool = Arc::clone(&self.pool);
        let sweeping = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                pool.sweep();
            }
        });
        while tasks.join_next().await.is_some() {}
        self.pool.close_waiting();
        tokio::select! {
            () = self.pool.emptied() => {}
            () = end => {}
        }
        self.pool.close_all();
        drop(tokio::time::timeout(PATIENCE, self.pool.emptied()).await);
        sweeping.abort();
    }
}

/// One listening socket.
struct Entrance {
    socket: TcpListener,
    tls: Option<Arc<Tls>>,
    only: Vec<IpNet>,
    pool: Arc<Pool>,
    handler: Arc<dyn Handler>,
    stopping: watch::Receiver<bool>,
}

impl Entrance {
    async fn run(mut self) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = self.stopping.wait_for(|stopping| *stopping) => return,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_exhaustion(&error) => {
                    self.pool.make_room();
                    tokio::time::sleep(PAUSE).await;
                }
                // That client went away before its turn.
                Err(_) => {}
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !may_come(peer.ip(), &self.only) {
            return;
        }
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let Some(place) = self.pool.take(peer.ip()) else {
            return;
        };
        system::prepare(&stream);
        let connection = Connection {
            peer,
            local: SocketAddr::new(local.ip().to_canonical(), local.port()),
            tls: self.tls.is_some(),
        };
        tokio::spawn(connection::serve(
            stream,
            connection,
            place,
            self.tls.clone(),
            Arc::clone(&self.handler),
            self.stopping.clone(),
        ));
    }
}

fn may_come(address: IpAddr, only: &[IpNet]) -> bool {
    only.is_empty()
        || address.is_loopback()
        || only.iter().any(|network| network.contains(&address))
}

/// Whether the system, not the client, is why nothing was accepted.
fn is_exhaustion(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_proxy_only_it_and_this_machine_may_come() {
        let only = ["10.1.0.0/16".parse().unwrap()];
        let come = |address: &str| may_come(address.parse().unwrap(), &only);
        assert!(come("10.1.2.3") && come("127.0.0.1") && come("::1"));
        assert!(!come("10.2.0.1") && !come("192.0.2.1") && !come("2001:db8::1"));
        assert!(may_come("192.0.2.1".parse().unwrap(), &[]));
    }
}
